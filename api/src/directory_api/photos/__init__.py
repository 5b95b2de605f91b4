"""Photos: uploads checked and re-encoded, kept in the tenant's bucket."""
