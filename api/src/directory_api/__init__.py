"""The company directory's HTTP API: one process serves one dedicated tenant, or every pooled tenant of a platform."""
