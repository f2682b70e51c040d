"""The OpenAPI document, generated from the routes that are served and the models that check them.

This module decides how an operation is described. A test fails for a route without an `Operation`.
"""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from werkzeug.routing import Rule

from app.domain.apps.callers import Scope
from app.web.http.routing import Operation, operation_of

_REFERENCE = "#/components/schemas/{model}"
_PLACEHOLDER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")
_FAILURE = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457 problem details, with the fields that Resend's clients read.",
    "required": ["type", "title", "status", "detail", "errors", "request_id", "statusCode", "name", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body or the query string."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string", "format": "uuid"},
        "statusCode": {"type": "integer"},
        "name": {"type": "string"},
        "message": {"type": "string"},
    },
}


def document(app: Flask, *, url: str) -> dict[str, Any]:
    """The description of every declared route of `app`, as OpenAPI 3.1."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for rule, operation in declared(app):
        described = _operation(rule, operation, schemas)
        paths.setdefault(path_of(rule), {}).update(dict.fromkeys(_methods(rule), described))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Postern",
            "version": "1",
            "description": "An outbound mail gateway with suppression built in. `/v1` speaks Resend's wire format.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.definitions, "Problem": _FAILURE},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
        },
    }


def declared(app: Flask) -> Iterator[tuple[Rule, Operation]]:
    """Every rule of `app` that has an operation, with the operation."""
    for rule in app.url_map.iter_rules():
        operation = operation_of(app.view_functions[rule.endpoint])
        if operation is not None:
            yield rule, operation


def path_of(rule: Rule) -> str:
    """The path of a rule as OpenAPI writes it."""
    return _PLACEHOLDER.sub(r"{\g<name>}", rule.rule)


class _Schemas:
    """JSON schemas by name, collected as operations refer to them."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def of(self, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """The schema of a type. Schemas that it refers to are moved to the components."""
        schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE, mode=mode, schema_generator=GenerateJsonSchema)
        self.definitions.update(schema.pop("$defs", {}))
        return schema


def _methods(rule: Rule) -> set[str]:
    return {method.lower() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}


def _operation(rule: Rule, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": operation.summary,
        "tags": [rule.endpoint.partition(".")[0]],
        "parameters": [*_path_parameters(rule), *_header_parameters(operation), *_query(operation, schemas)],
        "responses": {
            "200": _content(
                "Done.", schemas.of(operation.gives, "serialization") if operation.gives else {}, operation.media
            ),
            "default": _content("Refused or failed.", {"$ref": "#/components/schemas/Problem"}),
        },
    }
    if isinstance(operation.guard, Scope):
        described["security"] = [{"key": []}]
        described["description"] = f"Needs the scope `{operation.guard}`."
    body = operation.body or operation.documented_body
    if body is not None:
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {media: {"schema": schemas.of(body, "validation")} for media in operation.body_media},
        }
    return described


def _content(description: str, schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for match in _PLACEHOLDER.finditer(rule.rule):
        schema = {"type": "string", "format": "uuid"} if match["converter"] == "uuid" else {"type": "string"}
        yield {"name": match["name"], "in": "path", "required": True, "schema": schema}


def _header_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in operation.headers:
        yield {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


def _query(operation: Operation, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    whole = schemas.of(operation.query, "validation")
    for name, schema in whole.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": name in whole.get("required", ()), "schema": schema}
