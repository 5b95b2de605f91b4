"""Owns who may change which account: nobody reaches above their own rung, and the last SuperAdmin stays."""

from uuid import UUID

from directory_api.errors import conflict, forbidden
from directory_api.visibility import Viewer, rank


def check_reach(viewer: Viewer, *roles: str) -> None:
    """Raise `Problem` (403) when one of the roles, held or to be given, is above the viewer's own."""
    if any(rank(role) > rank(viewer.role) for role in roles):
        raise forbidden(f"Only a {max(roles, key=rank)} may do this to an account of that role.")


def check_not_last(super_admins: frozenset[UUID], account_id: UUID) -> None:
    """Raise `Problem` (409) when without this account nobody could administer the directory any more."""
    if super_admins <= {account_id}:
        raise conflict("last_super_admin", "This is the last enabled SuperAdmin: make another one first.")
