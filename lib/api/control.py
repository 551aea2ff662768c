"""Experiments by program: start one on an endpoint that this server knows by name, ask for it, delete it.

Off without STREAMGAUGE_API_TOKEN. An address or a key is never taken from a request.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.api.files import bearer, body, checked, found_or_error, problem, refused
from lib.errors import InvalidSpec, StreamgaugeError
from lib.experiment import Experiment, ExperimentState, Number
from lib.providers import LOCAL_SERVERS, PROVIDERS, Provider
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec, Mode, State

if TYPE_CHECKING:
    from lib.service import Service

MOST_BYTES = 2 << 20
OFF = "Starting experiments by program is switched off here. Set STREAMGAUGE_API_TOKEN to allow it."
WRONG = "The token is missing or is another one. Send it as Authorization: Bearer."


class Asked(BaseModel):
    """The body of POST /api/experiments. `endpoint`: a name known here; `lab` is the built-in one."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    endpoint: Annotated[str, Field(min_length=1, max_length=64)] = LAB
    model: Annotated[str, Field(min_length=1, max_length=256)]
    prompt: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    system: Annotated[str, Field(max_length=1_000_000)] | None = None
    api: Literal["chat.completions", "responses", "completions"] = "chat.completions"
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    pairs: Annotated[int, Field(ge=1, le=200)] = 1
    contention: bool = False
    title: Annotated[str, Field(max_length=200)] = ""


class Started(BaseModel):
    """What POST answers."""

    id: str


class CallStanding(BaseModel):
    """One call in the answer to GET."""

    order: int
    mode: Mode
    state: State
    metrics: dict[str, Number] | None


class Standing(BaseModel):
    """What GET /api/experiments/{id} answers; the whole of it is in .json."""

    id: str
    state: ExperimentState
    title: str
    calls: list[CallStanding]


class Health(BaseModel):
    """What /healthz answers; `data` has a sentence when nothing can be saved."""

    status: Literal["ok", "failing"]
    data: str
    probe: Literal["running", "not running"]


class Problem(BaseModel):
    """What every refusal answers: a sentence."""

    error: str


class Control:
    """`service` is a function, since the service opens with the server."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def start(self, request: Request) -> Response:
        """Begin an experiment → 202 and its id."""
        if (closed := self._closed(request)) is not None:
            return closed
        sent = await body(request, MOST_BYTES)
        if sent is None:
            return problem(413, f"The body has more than {MOST_BYTES:,} bytes.")
        try:
            asked = Asked.model_validate_json(sent)
        except ValidationError as error:
            return problem(422, _first(error))
        try:
            id = await run_in_threadpool(self._start, asked)
        except StreamgaugeError as error:
            return refused(error)
        return JSONResponse({"id": id}, 202, {"location": f"/api/experiments/{id}"})

    async def standing(self, request: Request) -> Response:
        """How far an experiment is, with each call's numbers."""
        wanted = request.path_params["id"]
        return await found_or_error(lambda: JSONResponse(_standing(self._service().numbers(checked(wanted)))))

    async def delete(self, request: Request) -> Response:
        """Delete an experiment and end all its links. 204."""
        if (closed := self._closed(request)) is not None:
            return closed
        wanted = request.path_params["id"]

        def made() -> Response:
            self._service().delete(checked(wanted), withdraw=True)
            return Response(status_code=204)

        return await found_or_error(made)

    def _start(self, asked: Asked) -> str:
        service = self._service()
        endpoint = _known(service, asked.endpoint)
        call = CallSpec(
            asked.api, asked.model, asked.prompt, asked.system, asked.max_tokens, asked.temperature
        )
        arm = Arm(endpoint, call, contention=asked.contention)
        spec = ExperimentSpec((arm,), pairs=asked.pairs, limits=service.settings.limits())
        return service.start(spec, title=asked.title)

    def _closed(self, request: Request) -> Response | None:
        """Why the caller may not, None when it may."""
        secret = self._service().settings.api_token
        if secret is None:
            return problem(403, OFF)
        given = bearer(request).encode("utf-8", "replace")
        if not hmac.compare_digest(given, secret.get_secret_value().encode()):
            return problem(401, WRONG)
        return None


def names(*, local: bool) -> dict[str, Provider]:
    """Name → endpoint that a request may ask for; servers of this computer in local mode only."""
    known = (*PROVIDERS, *LOCAL_SERVERS) if local else PROVIDERS
    return {p.name.lower().replace(" ", "-"): p for p in known if "RESOURCE" not in p.base_url}


def _known(service: Service, name: str) -> Endpoint:
    if name == LAB:
        return Endpoint(LAB)
    known = names(local=not service.settings.hosted)
    if (provider := known.get(name)) is None:
        raise InvalidSpec(
            "endpoint", f"No such endpoint is known here. Known are: {', '.join((LAB, *known))}."
        )
    key = service.keys.found(provider.key_env) or ""
    return Endpoint(provider.base_url, key, provider.limit_name, provider.include_usage)


def _standing(found: Experiment) -> dict[str, Any]:
    calls = [
        {"order": c.planned.n, "mode": c.planned.mode, "state": c.state, "metrics": c.metrics}
        for c in found.calls
    ]
    return {"id": found.id, "state": found.state, "title": found.title, "calls": calls}


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "The body is not valid JSON."
    place = first["loc"][0] if first["loc"] else "body"
    if first["type"] == "extra_forbidden":
        return f"The body has a field that is not known. Known are: {', '.join(Asked.model_fields)}."
    return f"{place}: {first['msg']}."
