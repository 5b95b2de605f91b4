"""Starts the operator: `directory-operator`; or lets everything go: `directory-operator release`."""

import asyncio
import sys

import kopf
import uvloop
from pydantic import ValidationError

from directory_operator import release
from directory_operator.handlers import registry
from directory_operator.logs import configure
from directory_operator.settings import OperatorSettings
from directory_operator.wiring import Operator


def main() -> None:
    """Run until told to stop; kopf answers SIGTERM and SIGINT."""
    if sys.argv[1:] == ["release"]:
        release.main()
        return
    if sys.argv[1:]:
        sys.exit("usage: directory-operator [release]")
    try:
        settings = OperatorSettings()
    except ValidationError as error:
        sys.exit(f"directory-operator: wrong settings in the environment: {error}")
    configure(settings.log_level)
    health = f"http://{settings.listen_host}:{settings.health_port}/healthz" if settings.health_port else None
    run = kopf.operator(
        registry=registry(),
        clusterwide=True,
        liveness_endpoint=health,
        memo=kopf.Memo(operator=Operator(settings)),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run)


if __name__ == "__main__":
    main()
