"""How a tenant's hosts lead to what serves it."""
