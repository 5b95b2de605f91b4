"""JSON lines on standard error: a constant message plus fields."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

from directory_operator.errors import StepError

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object per record; whatever was given as `extra` becomes a field."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _where(record.exc_info[1])
        return json.dumps(line, default=str)


def _where(error: BaseException) -> str:
    """Types and places of an error and its causes. A driver's own words can quote a secret: only ours are repeated."""
    words = f": {error.message}" if isinstance(error, StepError) else ""
    told = "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__ + words
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{_where(cause)}\n\n{told}" if cause else told


def configure(level: str) -> None:
    """Send everything through one handler; libraries speak only of what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("kopf", "aiohttp", "asyncio", "botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
