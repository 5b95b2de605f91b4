"""Owns metrics and logs: what is counted, under which bounded labels, and what a log line looks like."""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

request_id: ContextVar[str] = ContextVar("request_id", default="")

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The process's metrics. Labels are route templates, methods and statuses: never tenants, ids or addresses."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    in_flight: Gauge
    rate_limited: Counter
    redis_failures: Counter
    cache: Counter
    logins: Counter

    @classmethod
    def create(cls) -> "Metrics":
        registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"directory_api_{name}", text, labels, registry=registry)

        return cls(
            registry=registry,
            requests=counter("requests", "Requests answered", "method", "route", "status"),
            seconds=Histogram(
                "directory_api_request_seconds",
                "Time to answer",
                ("method", "route"),
                buckets=_BUCKETS,
                registry=registry,
            ),
            in_flight=Gauge("directory_api_requests_in_flight", "Requests being answered", registry=registry),
            rate_limited=counter("rate_limited", "Requests refused because the tenant's rate was used up"),
            redis_failures=counter("redis_failures", "Times a request was served without Redis"),
            cache=counter("cache_lookups", "Query cache look-ups", "outcome"),
            logins=counter("logins", "Password logins", "outcome"),
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: a constant message, and everything else as fields (`extra={"fields": {…}}`)."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            entry["request_id"] = identifier
        entry |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            entry |= failure(record.exc_info[1])
        return json.dumps(entry, default=str, ensure_ascii=False)


def failure(error: BaseException) -> dict[str, Any]:
    """An exception for the log: its type, where it came from and the SQLSTATE, not its words.

    Drivers quote rows and parameters in their messages ("Failing row contains (…)").
    """
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, Any] = {
        "error": type(error).__qualname__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
    if sqlstate := getattr(error, "sqlstate", None):
        described["sqlstate"] = sqlstate
    if error.__cause__ is not None:
        described["cause"] = failure(error.__cause__)
    return described


def configure_logging(level: str) -> None:
    """Send every logger's lines to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)  # Python's own go to standard error as plain text
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Their own chatter repeats what the access line says, or holds whole requests.
    for name in ("uvicorn.access", "botocore", "boto3", "urllib3", "s3transfer", "PIL", "multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)
