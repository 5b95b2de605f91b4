"""Owns the process: `python -m directory_api` serves until it is told to stop, and then drains."""

import asyncio
import logging
import signal
import socket
import sys
from typing import Final

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from directory_api.app import create_app
from directory_api.observability import configure_logging
from directory_api.settings import SecretMissing, Settings

_LOG: Final = logging.getLogger("directory_api")


def serve(settings: Settings) -> None:
    """Serve. On SIGTERM: answer 503 on /readyz, serve on for a moment, then finish what is in flight and return."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.listen_host,
        port=settings.listen_port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_keep_alive=75,  # longer than a proxy's, so that it is the proxy that closes idle connections
        h11_max_incomplete_event_size=32 * 1024,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_Server(config, app, settings.drain_seconds).serve())


class _Server(uvicorn.Server):
    """uvicorn, draining before it stops: proxies need a moment to notice that this process is not ready."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """First SIGTERM: drain. SIGINT, or a second signal: stop now. Stopping when told to is success: exit code 0."""
        services = getattr(self._app.state, "services", None)
        if self._loop is None or services is None or services.health.draining or sig == signal.SIGINT:
            self.force_exit = self.should_exit
            self.should_exit = True
            return
        services.health.draining = True
        _LOG.info("draining", extra={"fields": {"seconds": self._drain_seconds}})
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def main() -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "_".join(str(part) for part in item["loc"]).upper()
            sys.stderr.write(f"directory-api: configuration: DIRECTORY_{name}: {item['msg']}\n")
        sys.exit(2)
    configure_logging(settings.log_level)
    try:
        serve(settings)
    except SecretMissing as error:
        _LOG.critical(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
