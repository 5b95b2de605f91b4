"""Writes Kubernetes Events. An Event that can't be written is logged and let go: it must never hold a tenant up."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from directory_operator.errors import Interrupted, StepError
from directory_operator.events import EventText, manifest
from directory_operator.kube import Kube

logger = logging.getLogger(__name__)


class Recorder:
    """Events about the objects that this operator looks after."""

    def __init__(self, kube: Kube, *, now: Callable[[], datetime], suffix: Callable[[], str]) -> None:
        """`suffix` gives a new random part for an Event's name."""
        self._kube = kube
        self._now = now
        self._suffix = suffix

    async def record(self, subject: dict[str, Any], text: EventText) -> None:
        """Say it, beside the object it is about (cluster-scoped objects: in `default`, as kubectl expects)."""
        namespace = subject["metadata"].get("namespace", "default")
        event = manifest(subject, text, namespace=namespace, now=self._now(), suffix=self._suffix())
        logger.info(
            "event", extra={"object": subject["metadata"]["name"], "reason": str(text.reason), "text": text.message}
        )
        try:
            await self._kube.create(event)
        except (StepError, Interrupted) as error:
            logger.warning("event not written", extra={"problem": type(error).__name__})
