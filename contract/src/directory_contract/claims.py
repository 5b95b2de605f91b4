"""Names and fixed values of the access token's claims (RFC 9068) that both sides must agree on."""

from typing import Final, Literal

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the `typ` header of RFC 9068
ALGORITHM: Final = "ES256"

ROLE_CLAIM: Final = "role"
TENANT_CLAIM: Final = "tenant"
SESSION_CLAIM: Final = "sid"

Role = Literal["User", "Manager", "Admin", "SuperAdmin"]
ROLES: Final[tuple[Role, ...]] = ("User", "Manager", "Admin", "SuperAdmin")
"""Ascending: each role may do what those before it may."""


def audience(tenant_id: str) -> str:
    """The `aud` of a tenant's tokens: the tenant itself, so that another tenant's token never fits."""
    return f"directory:{tenant_id}"
