"""Owns the application: routes, error handlers and the layers around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from directory_api import errors
from directory_api.accounts.routes import router as accounts
from directory_api.departments.routes import router as departments
from directory_api.description import allowed_methods, describer
from directory_api.health.routes import router as health
from directory_api.middleware import BodyLimit, Observation, TenantGate
from directory_api.observability import Metrics
from directory_api.people.routes import router as people
from directory_api.photos.routes import router as photos
from directory_api.services import running
from directory_api.sessions.routes import keys_router
from directory_api.sessions.routes import router as sessions
from directory_api.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    metrics = Metrics.create()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, metrics) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Company Directory",
        version="1",
        description="People, departments, photos and accounts of one company.",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the bundled pages load scripts from elsewhere, which the Content-Security-Policy forbids
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (health, keys_router, sessions, people, departments, photos, accounts):
        app.include_router(router)
    app.openapi = describer(app)  # type: ignore[method-assign] # the way FastAPI documents
    errors.install(app, allowed_methods)
    # Added last is outermost: every answer, refusals included, has an id, a log line and metrics.
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(TenantGate)
    app.add_middleware(Observation, metrics=metrics)
    return app
