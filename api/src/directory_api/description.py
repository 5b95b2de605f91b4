"""Owns the API's description (OpenAPI 3.1), and what is read off it: which methods a path allows."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path

from directory_api.errors import ProblemDocument


def describer(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What `app.openapi` should be: FastAPI's own, with the schema of problems that every response refers to."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= schema.pop("$defs", {}) | {"ProblemDocument": schema}
            for operations in document["paths"].values():
                for method, operation in operations.items():
                    _describe_conditions(method, operation)
            app.openapi_schema = document
        return app.openapi_schema

    return describe


def _describe_conditions(method: str, operation: dict[str, Any]) -> None:
    """Conditional requests, which are read where they are checked and so are unknown to FastAPI."""
    responses, parameters = operation["responses"], operation.setdefault("parameters", [])
    if "428" in responses:
        parameters.append(_header("If-Match", "the ETag of what is changed, or *") | {"required": True})
    elif method == "get" and "401" in responses:
        parameters.append(_header("If-None-Match", "the ETag of what the caller has"))
        responses.setdefault("304", {"description": "The caller has it already"})


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def allowed_methods(app: FastAPI, path: str) -> str:
    """The value of Allow for a path (RFC 9110 section 10.2.1); the framework names only the first route's methods."""
    methods: set[str] = set()
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            methods |= {method.upper() for method in operations}
    return ", ".join(sorted(methods))
