"""What serves a Dedicated tenant: its own Deployment of the API and what keeps that running."""
