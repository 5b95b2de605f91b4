"""Owns what surrounds every request: its id, its metrics and log line, the size of its body, its tenant and rate.

Plain ASGI: Starlette's BaseHTTPMiddleware costs a task and two queues per request.
"""

import logging
import re
import time
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from directory_api import cache, cors, rate_limits
from directory_api.errors import Problem, render
from directory_api.health.routes import PATHS as HEALTH_PATHS
from directory_api.observability import Metrics, failure, request_id
from directory_api.services import Services
from directory_api.settings import Settings
from directory_api.tenancy import Tenant

_LOG: Final = logging.getLogger("directory_api.requests")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")
_PHOTO: Final = re.compile(r"/api/v1/people/[^/]+/photo")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class _Outcome:
    status: int = 500
    started: bool = False
    begun: float = field(default_factory=time.perf_counter)


class Observation:
    """The request's id, one log line, metrics, and an answer for what nobody caught."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identifier = given if _REQUEST_ID.fullmatch(given) else str(uuid4())
        scope["request_id"] = identifier
        token = request_id.set(identifier)
        outcome = _Outcome()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status, outcome.started = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identifier
                if _draining(scope):  # RFC 9112 section 9.6: the next request of this client goes to another process
                    headers["Connection"] = "close"
            await send(message)

        try:
            with self.metrics.in_flight.track_inprogress():
                await self._answer(scope, receive, observed, outcome)
        finally:
            self._record(scope, outcome)
            request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, outcome: _Outcome) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            _LOG.error("request failed", extra={"fields": failure(error)})
            if outcome.started:
                raise
            problem = Problem(500, "internal_error", "Something went wrong here; the request id finds it in our logs.")
            await render(problem, scope["request_id"], scope["path"])(scope, receive, send)

    def _record(self, scope: Scope, outcome: _Outcome) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seconds = time.perf_counter() - outcome.begun
        self.metrics.requests.labels(method, route, str(outcome.status)).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        if route in HEALTH_PATHS:
            return
        tenant: Tenant | None = scope.get("tenant")
        fields = {"method": method, "route": route, "status": outcome.status, "ms": round(seconds * 1000, 2)}
        _LOG.info("request", extra={"fields": fields | ({"tenant": tenant.slug} if tenant else {})})


def _draining(scope: Scope) -> bool:
    services: Services | None = getattr(scope["app"].state, "services", None)
    return services is not None and services.health.draining


class BodyLimit:
    """Refuses bodies that are too long, announced or not (RFC 9110 section 15.5.14)."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # A multipart body carries a little more than the photo.
        photo = scope["method"] == "PUT" and _PHOTO.fullmatch(scope["path"])
        limit = self.settings.max_photo_bytes + 4096 if photo else self.settings.max_body_bytes
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await render(_too_large(limit), scope["request_id"], scope["path"])(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit).detail)
            return message

        await self.app(scope, counted, send)


class TenantGate:
    """Finds the tenant of the host, counts the request, and refuses both strangers and too many."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await self.app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        try:
            tenant = await services.tenants.of_host(Headers(scope=scope).get("host", ""))
            if tenant is None:
                raise _misdirected()
        except Problem as problem:
            await render(problem, scope["request_id"], scope["path"])(scope, receive, send)
            return
        scope["tenant"] = tenant
        budget = await self._counted(scope, services, tenant)
        asked = Headers(scope=scope)
        headers = budget.headers() if budget else {}

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(headers)
                cors.mark(answer, asked, tenant)
            await send(message)

        if budget and budget.exhausted:
            services.metrics.rate_limited.inc()
            refusal = Problem(429, "rate_limited", f"This directory answers {budget.limit} requests a minute.")
            await render(refusal, scope["request_id"], scope["path"])(scope, receive, decorated)
            return
        preflight = cors.preflight_headers(scope["method"], asked, tenant)
        if preflight is not None:
            await Response(status_code=204, headers=preflight)(scope, receive, decorated)
            return
        await self.app(scope, receive, decorated)

    async def _counted(self, scope: Scope, services: Services, tenant: Tenant) -> rate_limits.Budget | None:
        """One round trip for the rate and for the version of the query cache."""
        now = time.time()
        replies = await services.keyspace.run(tenant, *rate_limits.counting(now), cache.READ_VERSION)
        if replies is None:
            return None
        counted, _, before, version = replies
        scope["cache_version"] = version.decode() if version else None
        return rate_limits.budget(tenant.settings.rateLimitPerMinute, now, counted, before)


def _misdirected() -> Problem:
    return Problem(421, "unknown_host", "No directory is served at this host.")


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"The body may be at most {limit} bytes long.")
