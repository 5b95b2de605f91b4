"""Routes for probes and metrics. They need no tenant and are not meant for the outside."""

import json

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from directory_api.services import Services

router = APIRouter(tags=["health"], include_in_schema=False)
PATHS = frozenset({"/healthz", "/readyz", "/startupz", "/metrics"})


@router.get("/healthz")
async def healthz() -> Response:
    """The event loop turns; nothing else is asked, or a dead database would restart every pod."""
    return _answer([])


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    return _answer(await _services(request).health.not_ready())


@router.get("/startupz")
async def startupz(request: Request) -> Response:
    return _answer(await _services(request).health.not_started())


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    return Response(generate_latest(_services(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _answer(reasons: list[str]) -> Response:
    body = json.dumps({"status": "failing" if reasons else "ok", "reasons": reasons})
    headers = {"Cache-Control": "no-store"}
    return Response(body, 503 if reasons else 200, headers, media_type="application/json")
