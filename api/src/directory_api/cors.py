"""Owns which browser origins may read answers: the tenant's own hosts need nothing, others must be listed."""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders

from directory_api.tenancy import Tenant

_EXPOSED: Final = "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID",
    "Access-Control-Max-Age": "600",
}


def mark(answer: MutableHeaders, request: Headers, tenant: Tenant) -> None:
    """Say in an answer who may read it. Tokens are sent as headers, so cookies are not allowed."""
    if not tenant.settings.corsAllowedOrigins:
        return
    answer.add_vary_header("Origin")
    origin = request.get("origin", "")
    if origin in tenant.settings.corsAllowedOrigins:
        answer.update({"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED})


def preflight_headers(method: str, request: Headers, tenant: Tenant) -> Mapping[str, str] | None:
    """The additional headers of the answer to a preflight (Fetch standard, section 3.3.2); None for other requests."""
    if method != "OPTIONS" or "access-control-request-method" not in request:
        return None
    return _PREFLIGHT if request.get("origin") in tenant.settings.corsAllowedOrigins else {}
