"""The routes as an OpenAPI document, made from the same models that read and write them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.api.control import Asked, Health, Problem, Standing, Started
from lib.api.files import TYPES
from lib.schema import ExperimentDocument

_MODELS: tuple[type[BaseModel], ...] = (Asked, Started, Standing, Problem, Health, ExperimentDocument)
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_TABLE = {"name": "table", "in": "query", "schema": {"type": "string", "enum": ["events", "calls"]}}
_CALLS = {
    "name": "calls", "in": "query", "schema": {"type": "string"},
    "description": "Tell of these calls only, such as 3,4",
}  # fmt: skip
_REST = {"name": "rest", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z/]+$"}}
_PAGES = {"e": "What a link shows, before the dashboard's page", "embed": "A page to frame, with the replay"}
_BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
_OTHERS = ("csv", "parquet", "trace.json")


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Streamgauge: LLM stream timing", "version": "1"},
        "paths": _paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


async def serve(_: Request) -> Response:
    """The route that tells it."""
    return JSONResponse(document())


def _paths() -> dict[str, Any]:
    experiments = "/api/experiments"
    return {
        "/healthz": {"get": _plain("Whether experiments can be started and saved", _json(Health), "503")},
        "/api/openapi.json": {"get": _plain("This document", _binary("json"))},
        experiments: {"post": _started()},
        f"{experiments}/{{id}}": {
            "get": _operation("How far an experiment is", {"200": _json(Standing)}, 404, 503),
            "delete": _operation(
                "Delete an experiment and end its links",
                {"204": {"description": "deleted"}},
                401, 403, 404, 503, security=_BEARER,
            ),
        },
        f"{experiments}/{{id}}/events": {"get": _events()},
        f"{experiments}/{{id}}.json": {"get": _file("json", _json(ExperimentDocument))},
        **{f"{experiments}/{{id}}.{e}": {"get": _file(e, _binary(e))} for e in _OTHERS},
        "/e/{id}.json": {"get": _file("json", _json(ExperimentDocument))},
        **{f"/e/{{id}}.{e}": {"get": _file(e, _binary(e))} for e in (*_OTHERS, "png")},
        **{f"/{top}/{{id}}": {"get": _page(summary)} for top, summary in _PAGES.items()},
        "/replay/{id}/v1/{rest}": {"get": _replayed(), "post": _replayed()},
        "/api/shares/{id}": {
            "delete": _operation(
                "End a share, with the token that came with it",
                {"204": {"description": "withdrawn"}},
                403, 404, 503, security=_BEARER,
            ),
        },
    }  # fmt: skip


def _started() -> dict[str, Any]:
    operation = _operation(
        "Start an experiment on an endpoint that this server knows by name",
        {"202": _json(Started)},
        401, 403, 413, 422, 503, security=_BEARER,
    )  # fmt: skip
    body = {"required": True, "content": {"application/json": {"schema": _ref(Asked)}}}
    return {key: value for key, value in operation.items() if key != "parameters"} | {"requestBody": body}


def _plain(summary: str, answer: dict[str, Any], *others: str) -> dict[str, Any]:
    return {"summary": summary, "responses": dict.fromkeys(("200", *others), answer)}


def _events() -> dict[str, Any]:
    answer = {"description": "server-sent events", "content": {"text/event-stream": {"schema": {}}}}
    operation = _operation("What a live page is told; Last-Event-ID resumes", {"200": answer}, 404, 503)
    return operation | {"parameters": [_ID, _CALLS]}


def _page(summary: str) -> dict[str, Any]:
    answer = {"description": "a page", "content": {"text/html": {"schema": {"type": "string"}}}}
    return _operation(summary, {"200": answer, "404": answer})


def _replayed() -> dict[str, Any]:
    """On to the lab in local mode; a public server passes on whatever the lab answers."""
    told: dict[str, Any] = {
        "307": {"description": "asked on there"},
        "default": {"description": "the answer"},
    }
    operation = _operation("An experiment as an OpenAI-compatible endpoint", told, 403, 404, 413, 503)
    return operation | {"parameters": [_ID, _REST]}


def _file(ending: str, answer: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(f"An experiment as {ending}", {"200": answer}, 404, 422, 503)
    if ending in ("csv", "parquet"):
        operation["parameters"] = [_ID, _TABLE]
    return operation


def _operation(
    summary: str, answers: dict[str, Any], *refusals: int, security: list[Any] | None = None
) -> dict[str, Any]:
    responses = answers | {str(status): _json(Problem) for status in refusals}
    found: dict[str, Any] = {"summary": summary, "parameters": [_ID], "responses": responses}
    return found if security is None else found | {"security": security}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    said = (model.__doc__ or "").split("\n")[0]
    return {"description": said, "content": {"application/json": {"schema": _ref(model)}}}


def _binary(ending: str) -> dict[str, Any]:
    kind = TYPES[ending].partition(";")[0]
    return {"description": f"The file as {ending}", "content": {kind: {"schema": {}}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
