"""Owns the questions by which a process finds out whether row-level security binds its own login."""

from typing import Final

UNBOUND: Final = """
SELECT c.relname || ': ' || CASE
    WHEN NOT c.relrowsecurity THEN 'row-level security is not enabled'
    WHEN NOT c.relforcerowsecurity THEN 'row-level security is not forced'
    WHEN current_setting('is_superuser')::boolean THEN 'this login is a superuser'
    WHEN NOT row_security_active(c.oid) THEN 'row-level security does not bind this login'
    ELSE 'this login can act as the owner' END AS failure
FROM pg_class c
WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind IN ('r', 'p')
  AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR NOT row_security_active(c.oid)
       OR pg_has_role(c.relowner, 'MEMBER') OR current_setting('is_superuser')::boolean)
"""

PROBE: Final = """
SELECT string_agg(format('SELECT %L AS failure WHERE EXISTS (SELECT FROM directory.%I)',
                         c.relname || ': rows are visible without a context', c.relname), ' UNION ALL ')
FROM pg_class c
WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind IN ('r', 'p')
"""
