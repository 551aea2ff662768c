"""What each API kind calls things: the one place where our names become an API's.

`request()` is the only translation of a spec into a request. The tables below are read by spec's form,
capture, timeline and the lab; a fourth API is one more entry here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lib.plan import PlannedCall
from lib.recording import Request
from lib.spec import Api, CallSpec, Endpoint, ExperimentSpec, Limits


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API kind. `method`: path on the client object; `limit`: its newest name for max_tokens;
    `path`: below the base URL; `label`: for people."""

    api: Api
    label: str
    method: tuple[str, ...]
    path: str
    limit: str


DIALECTS: dict[Api, Dialect] = {
    "chat.completions": Dialect(
        "chat.completions",
        "Chat completions",
        ("chat", "completions"),
        "/chat/completions",
        "max_completion_tokens",
    ),
    "responses": Dialect("responses", "Responses", ("responses",), "/responses", "max_output_tokens"),
    "completions": Dialect(
        "completions", "Completions (legacy)", ("completions",), "/completions", "max_tokens"
    ),
}


def request(spec: ExperimentSpec, planned: PlannedCall, base_url: str | None = None) -> Request:
    """The call as it will be sent. `base_url`: where the lab listens, when the arm is the lab."""
    arm = spec.arms[planned.arm]
    return Request(
        api=arm.call.api,
        mode=planned.mode,
        base_url=base_url or arm.endpoint.base_url,
        key_ref=arm.endpoint.key_ref,
        body=canonical(_body(arm.endpoint, arm.call, planned)),
        connection=spec.connection,
        accept_encoding=arm.endpoint.accept_encoding,
        limits=spec.limits,
    )


def models_request(endpoint: Endpoint, limits: Limits) -> Request:
    """A look at the endpoint's list of models, through the same door as every call."""
    return Request("models", "blocking", endpoint.base_url, endpoint.key_ref, "{}", "new", "identity", limits)


def limit_name(api: Api, endpoint: Endpoint) -> str:
    """What this endpoint calls the token limit in this API."""
    return (
        "max_tokens" if endpoint.limit_name == "max_tokens" and api != "responses" else (DIALECTS[api].limit)
    )


def canonical(value: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: equal requests are equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def led(text: str, nonce: str) -> str:
    """The text as sent: a nonce stands first, so that no earlier prompt shares a prefix."""
    return f"[{nonce}] {text}" if nonce else text


def _body(endpoint: Endpoint, call: CallSpec, planned: PlannedCall) -> dict[str, Any]:
    body: dict[str, Any] = {"model": call.model, **_input(call, planned.nonce)}
    if call.max_tokens is not None:
        body[limit_name(call.api, endpoint)] = call.max_tokens
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if planned.mode == "streaming":
        body["stream"] = True
        if endpoint.include_usage and call.api != "responses":
            body["stream_options"] = {"include_usage": True}
    extra: dict[str, Any] = json.loads(call.extra_body)
    return {**body, **extra}


def _input(call: CallSpec, nonce: str) -> dict[str, Any]:
    """Prompt and system message; both are led by the nonce, whichever the server puts first."""
    prompt = led(call.prompt, nonce)
    system = None if call.system is None else led(call.system, nonce)
    if call.api == "completions":
        return {"prompt": prompt if system is None else f"{system}\n\n{prompt}"}
    if call.api == "responses":
        return {"input": prompt} | ({} if system is None else {"instructions": system})
    first = [] if system is None else [{"role": "system", "content": system}]
    return {"messages": [*first, {"role": "user", "content": prompt}]}
