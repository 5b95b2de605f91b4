"""Owns the door of every route: what a request brings along, who may call, and how answers leave.

A route's signature says who may call it: `PublicCall`, `UserCall`, `ManagerCall` or `AdminCall`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.responses import Response

from directory_api import conditional
from directory_api.cache import Answer
from directory_api.db import TenantConnection
from directory_api.errors import MEDIA_TYPE, forbidden, unauthenticated
from directory_api.services import Services
from directory_api.tenancy import Tenant
from directory_api.visibility import Viewer

_BEARER: Final = HTTPBearer(auto_error=False, scheme_name="BearerAuth", bearerFormat="JWT")
_PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one tenant, nobody known yet."""

    services: Services
    tenant: Tenant
    request: Request

    @property
    def address(self) -> str:
        """The caller's IP address, after the trusted proxies."""
        return self.request.client.host if self.request.client else ""

    def read(self) -> AbstractAsyncContextManager[TenantConnection]:
        return self.services.database.read(self.tenant)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[TenantConnection]:
        """A transaction after which no earlier answer is served from the cache."""
        async with self.services.database.write(self.tenant) as connection:
            yield connection
        await self.services.cache.forget(self.tenant)


@dataclass(frozen=True, slots=True)
class Authenticated(Call):
    """A request of somebody with a live session."""

    viewer: Viewer

    def expected_versions(self) -> frozenset[int] | None:
        return conditional.expected_versions(self.request.headers.get("if-match"))

    async def answered(self, query: str, compute: Callable[[], Awaitable[Answer]]) -> Response:
        """Answer a GET from the cache, or compute and remember. `query` must name all that the answer depends on."""
        version: str | None = self.request.scope.get("cache_version")
        cache = self.services.cache
        answer = await cache.find(self.tenant, version, query)
        if answer is None:
            answer = await compute()
            await cache.remember(self.tenant, version, query, answer)
        return self.answer(answer)

    def answer(self, answer: Answer) -> Response:
        """The answer, or only its headers when the caller has it already."""
        headers = {"ETag": answer.etag, **_PRIVATE} | ({"Link": answer.link} if answer.link else {})
        if conditional.not_modified(self.request.headers.get("if-none-match"), answer.etag):
            return Response(status_code=304, headers=headers)
        return Response(answer.body, headers=headers, media_type="application/json")


def call(request: Request) -> Call:
    return Call(request.app.state.services, request.scope["tenant"], request)


_SAFE: Final = frozenset({"GET", "HEAD"})


async def user(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Authenticated:
    """Whoever has a live session of this tenant."""
    if credentials is None:
        raise unauthenticated("token_missing", "Send an access token: Authorization: Bearer …")
    services: Services = request.app.state.services
    tenant: Tenant = request.scope["tenant"]
    grant = services.tokens.verify(tenant, credentials.credentials)
    viewer = await services.viewers.of(tenant, grant, fresh=request.method not in _SAFE)
    return Authenticated(services, tenant, request, viewer)


async def manager(authenticated: Annotated[Authenticated, Depends(user)]) -> Authenticated:
    return _at_least(authenticated, "Manager")


async def admin(authenticated: Annotated[Authenticated, Depends(user)]) -> Authenticated:
    return _at_least(authenticated, "Admin")


def _at_least(authenticated: Authenticated, role: str) -> Authenticated:
    if not authenticated.viewer.at_least(role):
        raise forbidden(f"This needs the role {role}.")
    return authenticated


PublicCall = Annotated[Call, Depends(call)]
UserCall = Annotated[Authenticated, Depends(user)]
ManagerCall = Annotated[Authenticated, Depends(manager)]
AdminCall = Annotated[Authenticated, Depends(admin)]


def representation(
    model: BaseModel, version: int, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """What a write answers: the new state and its tag, validated once and not again."""
    fields = {"ETag": conditional.entity_tag(version), **_PRIVATE, **(headers or {})}
    body = model.model_dump_json(exclude_unset=True)
    return Response(body, status, fields, media_type="application/json")


def no_content() -> Response:
    return Response(status_code=204)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these errors, and those that every route can give."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in sorted({*statuses, *_ALWAYS})}


_ALWAYS: Final = (400, 413, 421, 422, 429, 500, 503, 504)
_MEANINGS: Final = {
    400: "The request or its cursor is malformed",
    401: "No valid access token for this tenant",
    403: "The caller's role does not allow this",
    404: "No such thing in this tenant",
    409: "This conflicts with what is stored",
    412: "It was changed meanwhile",
    413: "The body is too long",
    415: "The content type is not one that is taken here",
    421: "No directory is served at this host",
    422: "Some fields are not valid",
    428: "If-Match is missing",
    429: "Too many requests, or too many failed sign-ins",
    500: "A fault of ours",
    503: "A backend is away; try again",
    504: "A backend took too long",
}
