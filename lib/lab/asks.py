"""What a client asks for, read from one HTTP request, or the error object that says why not.

The names of fields are OpenAI's; only those that change the lab's answer are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib.dialects import DIALECTS
from lib.lab.http1 import HttpRequest
from lib.spec import Api

PREFIX = "/v1"
PATHS: dict[str, Api] = {PREFIX + d.path: api for api, d in DIALECTS.items()}
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


class Refused(Exception):
    """A request that is answered with an OpenAI-style error object."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. `limit`: whatever the API calls its token limit; `prompt`: all text of the input.

    `gzip` and `elsewhere` as in HttpRequest.
    """

    api: Api
    model: str
    prompt: str
    streaming: bool = False
    limit: int | None = None
    include_usage: bool = False
    gzip: bool = False
    elsewhere: int = 0


def read(request: HttpRequest) -> Ask:
    """The call in a POST to one of PATHS. Raises Refused with what to correct."""
    api = PATHS[request.path]
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Refused(400, "The body must be a JSON object.")
    options = data.get("stream_options")
    return Ask(
        api,
        _model(data),
        _PROMPTS[api](data),
        streaming=_flag(data, "stream"),
        limit=_limit(data),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        gzip=request.gzip,
        elsewhere=request.elsewhere,
    )


def error_body(status: int, message: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """OpenAI's error object. `type` follows from the status."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
    error = {
        "message": message,
        "type": "server_error" if status >= 500 else kind,
        "param": param,
        "code": code,
    }
    return json.dumps({"error": error}).encode()


def _model(data: dict[str, Any]) -> str:
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "You must provide a model parameter.", param="model")
    return model


def _flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(400, f"{name} must be true or false.", param=name)
    return bool(value)


def _limit(data: dict[str, Any]) -> int | None:
    for name in _LIMITS:
        value = data.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Refused(400, f"{name} must be a whole number of at least 1.", param=name)
        return value
    return None


def _messages(data: dict[str, Any]) -> str:
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "Missing required parameter: 'messages'.", param="messages")
    return "\n".join(_text(m) for m in messages)


def _prompt(data: dict[str, Any]) -> str:
    return _required(data, "prompt")


def _input(data: dict[str, Any]) -> str:
    instructions = data.get("instructions")
    return "\n".join([*([instructions] if isinstance(instructions, str) else []), _required(data, "input")])


def _required(data: dict[str, Any], name: str) -> str:
    text = _text(data.get(name))
    if not text:
        raise Refused(400, f"Missing required parameter: '{name}'.", param=name)
    return text


def _text(value: object) -> str:
    """All text in a message, a list of parts, or a plain string; anything else has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return _text(value.get("content", value.get("text")))
    return ""


_PROMPTS: dict[Api, Callable[[dict[str, Any]], str]] = {
    "chat.completions": _messages,
    "completions": _prompt,
    "responses": _input,
}
