"""Owns what an error looks like outside: problem details (RFC 9457) with a code, the request id and field errors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"

_CODES: Final = {404: "not_found", 405: "method_not_allowed", 400: "invalid_request", 413: "body_too_large"}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where (`body.email`) and why."""

    field: str
    message: str


@dataclass(slots=True)
class Problem(Exception):
    """An error the caller is told about. `code` is stable and documented; `detail` is for people."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str, instance: str) -> bytes:
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return json.dumps(document, ensure_ascii=False).encode()


class ProblemDocument(BaseModel):
    """The schema of an error, for OpenAPI."""

    class Error(BaseModel):
        """One wrong field."""

        field: str
        message: str

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[Error] | None = None


def not_found(what: str) -> Problem:
    """Also for what exists in another tenant: the two cannot be told apart."""
    return Problem(404, "not_found", f"There is no such {what}.")


def conflict(code: str, detail: str, field_name: str | None = None) -> Problem:
    return Problem(409, code, detail, (FieldError(field_name, detail),) if field_name else ())


def forbidden(detail: str) -> Problem:
    return Problem(403, "forbidden", detail)


def unauthenticated(code: str, detail: str) -> Problem:
    """RFC 6750 section 3: the challenge names the scheme and what was wrong with the token."""
    error = "" if code == "token_missing" else ', error="invalid_token"'
    return Problem(401, code, detail, headers={"WWW-Authenticate": f'Bearer realm="directory"{error}'})


def invalid(detail: str, *errors: FieldError) -> Problem:
    return Problem(422, "invalid_request", detail, errors)


def unavailable(code: str, detail: str) -> Problem:
    return Problem(503, code, detail, headers={"Retry-After": "5"})


def render(problem: Problem, request_id: str, path: str) -> Response:
    """The response to a problem; never cached."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(problem.body(request_id, path), problem.status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI, allowed_methods: Callable[[FastAPI, str], str]) -> None:
    """Make every error of the framework a problem document too."""

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = allowed_methods(app, request.url.path) or headers.get("Allow", "")
        code = _CODES.get(error.status_code, "http_error")
        return _respond(request, Problem(error.status_code, code, error.detail, headers=headers))

    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http)


def _respond(request: Request, problem: Problem) -> Response:
    return render(problem, request.scope.get("request_id", ""), request.url.path)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what it is registered for
    return _respond(request, error)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    found = [FieldError(".".join(str(part) for part in item["loc"]), item["msg"]) for item in error.errors()]
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return _respond(request, Problem(400, "invalid_json", "The body is not valid JSON.", found))
    return _respond(request, Problem(422, "invalid_request", "Some fields are not valid.", found))
