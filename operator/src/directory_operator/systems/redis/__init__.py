"""Redis: one ACL user per tenant, limited to the tenant's keys and channels and to an explicit list of commands."""
