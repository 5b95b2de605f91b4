"""PostgreSQL: the registry row, its hosts and first administrators, the tenant's login role, row-level security."""
