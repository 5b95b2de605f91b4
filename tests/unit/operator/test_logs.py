"""What the operator's log says of an error."""

import json
import logging

import pytest

from directory_operator.errors import SpecRejected
from directory_operator.logs import JsonFormatter


def logged(error: Exception) -> str:
    with pytest.raises(type(error)) as raised:
        fail(error)
    exc_info = (raised.type, raised.value, raised.tb)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "work failed", None, exc_info)
    return str(json.loads(JsonFormatter().format(record))["exception"])


def fail(error: Exception) -> None:
    raise error


def test_a_drivers_words_are_withheld_and_the_place_is_told() -> None:
    error = RuntimeError("password=hunter2")
    error.__cause__ = ValueError("ALTER ROLE x PASSWORD 'hunter2'")
    text = logged(error)
    assert "hunter2" not in text
    assert "ValueError" in text
    assert "RuntimeError" in text
    assert "in fail" in text


def test_our_own_words_are_told() -> None:
    assert "spec.hosts: twice" in logged(SpecRejected("spec.hosts", "twice"))
