"""Object storage: one bucket per tenant, and session credentials that open that bucket and nothing else."""
