"""What each API kind calls things: the one place where our names become an API's.

`request()` is the only translation of a spec into a request, `read_event` and `read_body` the only ones
of an answer into METRICS.md's kinds. The tables below are read by spec's form, capture, timeline and the
lab; a fourth API is one more entry here. Reading never raises, whatever the JSON holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lib.plan import PlannedCall
from lib.recording import Request
from lib.spec import Api, CallSpec, Endpoint, ExperimentSpec, Limits

Kind = Literal["role", "reasoning", "content", "finish", "usage", "done", "comment", "error", "other"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server reported them; the last report wins. None: not reported."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None


class Piece(NamedTuple):
    """One kind that a frame or a body carries. `sub` as in `timeline.Event`; only text kinds have text."""

    kind: Kind
    sub: str = ""
    text: str = ""


class Answer(NamedTuple):
    """What one frame or body says. `trouble`: the server's own error message, "" when it reports none."""

    pieces: tuple[Piece, ...]
    usage: Usage | None = None
    model: str | None = None
    fingerprint: str | None = None
    trouble: str = ""
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API kind. `method`: path on the client object; `limit`: its newest name for max_tokens;
    `path`: below the base URL; `label`: for people; `event`, `body`: what its JSON carries."""

    api: Api
    label: str
    method: tuple[str, ...]
    path: str
    limit: str
    event: Callable[[Json], list[Piece]]
    body: Callable[[Json], list[Piece]]


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


def read_event(api: Api, value: object, name: str = "") -> Answer:
    """What one event's JSON carries, in the order role, reasoning, content, finish, usage.

    `name`: the frame's `event` field, which marks errors. An event that says nothing we know is "other".
    """
    return _read(api, value, name, whole=False)


def read_body(api: Api, value: object) -> Answer:
    """What a blocking answer's JSON carries: one content piece per sub-kind, then finish and usage."""
    return _read(api, value, "", whole=True)


def _read(api: Api, value: object, name: str, *, whole: bool) -> Answer:
    dialect = DIALECTS.get(api)
    if not isinstance(value, dict) or dialect is None:
        if name == "error":
            return Answer((Piece("error", "error"),), trouble=_line(value) or "error")
        return Answer((Piece("other", name),))
    if (error := _trouble(value, name)) is not None:
        return error
    nested = _dict(value.get("response"))
    choice = _first_choice(value) or {}
    usage = _usage(_reported(value, choice) or nested.get("usage"))
    pieces = (dialect.body if whole else dialect.event)(value)
    if usage is not None:
        pieces = [p for p in pieces if p.kind != "other"] + [Piece("usage")]
    if (code := _broken_off(choice)) is not None:
        pieces = [p for p in pieces if p.kind != "finish"] + [Piece("error", code)]
    return Answer(
        tuple(pieces) or (Piece("other", _line(value.get("type")) or name),),
        usage,
        _line(value.get("model") or nested.get("model")) or None,
        _line(value.get("system_fingerprint")) or None,
        "" if code is None else f"the answer was broken off ({code})",
        service_tier=_line(value.get("service_tier") or nested.get("service_tier")) or None,
    )


def _chat_event(value: Json) -> list[Piece]:
    choice = _first_choice(value)
    return [] if choice is None else _spoken(_dict(choice.get("delta")), choice)


def _chat_body(value: Json) -> list[Piece]:
    choice = _first_choice(value)
    return [] if choice is None else _spoken(_dict(choice.get("message")) | {"role": None}, choice)


def _spoken(message: Json, choice: Json) -> list[Piece]:
    """A message or a delta of one. Without any text or ending it is a role, as the empty first one is."""
    thought, said = _content(message.get("content"))
    detailed = _joined(_list(message.get("reasoning_details")), "text")
    reasoning = (
        _text(message.get("reasoning_content")) or _text(message.get("reasoning")) or thought or detailed
    )
    called = _tool_text(message) if "tool_calls" in message or "function_call" in message else ""
    pieces = [
        *([Piece("role")] if message.get("role") else []),
        *_texts(("reasoning", "", reasoning), ("content", "", said)),
        *_texts(("content", "refusal", _text(message.get("refusal"))), ("content", "tool", called)),
        *_finish(choice.get("finish_reason")),
    ]
    return pieces or [Piece("other", "tool") if message.get("tool_calls") else Piece("role")]


def _content(value: object) -> tuple[str, str]:
    """(thought, said) of a content field: text, or a list of parts, of which "thinking" is thought."""
    if not isinstance(value, list):
        return "", _text(value)
    parts = [_dict(v) for v in value]
    thoughts = [p for part in parts if part.get("type") == "thinking" for p in _list(part.get("thinking"))]
    return _joined(thoughts, "text"), _joined((p for p in parts if p.get("type") == "text"), "text")


def _tool_text(message: Json) -> str:
    """Arguments only: a tool's name is not text that the model wrote for somebody."""
    calls = [_dict(_dict(c).get("function")) for c in _list(message.get("tool_calls"))]
    return _joined([*calls, message.get("function_call")], "arguments")


def _completions(value: Json) -> list[Piece]:
    choice = _first_choice(value)
    if choice is None:
        return []
    text = _texts(("content", "", _text(choice.get("text"))))
    return [*text, *_finish(choice.get("finish_reason"))] or [Piece("role")]


def _responses_event(value: Json) -> list[Piece]:
    kind = value.get("type")
    if isinstance(kind, str) and kind in _DELTAS:
        return _texts((*_DELTAS[kind], _text(value.get("delta"))))
    if kind in ("response.completed", "response.incomplete"):
        return _ending(_dict(value.get("response")), kind.removeprefix("response."))
    return []


def _responses_body(value: Json) -> list[Piece]:
    items = [_dict(v) for v in _list(value.get("output"))]
    parts = [_dict(p) for item in items for p in _list(item.get("content"))]
    summaries = [p for item in items for p in _list(item.get("summary"))]
    status = value.get("status")
    return [
        *_texts(("reasoning", "", _joined((p for p in parts if p.get("type") == "reasoning_text"), "text"))),
        *_texts(("reasoning", "summary", _joined(summaries, "text"))),
        *_texts(("content", "", _joined((p for p in parts if p.get("type") == "output_text"), "text"))),
        *_texts(("content", "refusal", _joined(parts, "refusal"))),
        *_texts(("content", "tool", _joined(items, "arguments") + _joined(items, "input"))),
        *(_ending(value, status) if status in ("completed", "incomplete") else []),
    ]


def _ending(response: Json, status: str) -> list[Piece]:
    """An incomplete response ends with its reason, any other with its status."""
    reason = _line(_dict(response.get("incomplete_details")).get("reason"))
    return [Piece("finish", reason if status == "incomplete" and reason else status)]


def _trouble(value: Json, name: str) -> Answer | None:
    """An error object in any of the forms that servers use: an `error` key, an event named so, a failed
    response, or an object of type "error"."""
    kind = value.get("type")
    response = _dict(value.get("response"))
    failed = kind in ("response.failed", "response.cancelled") or name == "error" or kind == "error"
    error = value.get("error") or response.get("error")
    if not (error or failed or value.get("object") == "error"):
        return None
    detail = error if isinstance(error, dict) else value
    message = _line(error) if isinstance(error, str) else _line(detail.get("message"))
    code = _line(detail.get("code")) or _line(detail.get("type")) or "error"
    return Answer((Piece("error", code),), trouble=message or code)


def _broken_off(choice: Json) -> str | None:
    """What broke a choice off, where a gateway says so inside of it; the text before it is kept."""
    error = choice.get("error")
    if not error and choice.get("finish_reason") != "error":
        return None
    detail = _dict(error)
    return _line(detail.get("message")) or _line(detail.get("code")) or _line(error) or "error"


def _reported(value: Json, choice: Json) -> object:
    """Where the count of tokens stands: beside the choices, in the first of them, or in a field of Groq's."""
    return value.get("usage") or choice.get("usage") or _dict(value.get("x_groq")).get("usage")


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict) or not value:
        return None
    spent = _dict(value.get("completion_tokens_details") or value.get("output_tokens_details"))
    given = _dict(value.get("prompt_tokens_details") or value.get("input_tokens_details"))
    return Usage(
        _count(value.get("prompt_tokens", value.get("input_tokens"))),
        _count(value.get("completion_tokens", value.get("output_tokens"))),
        _count(spent.get("reasoning_tokens")),
        _count(given.get("cached_tokens", value.get("prompt_cache_hit_tokens"))),
    )


def _first_choice(value: Json) -> Json | None:
    """The choice of index 0; others are answers of their own, which are not measured."""
    for choice in _list(value.get("choices")):
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            return choice
    return None


def _finish(reason: object) -> list[Piece]:
    return [Piece("finish", _line(reason))] if isinstance(reason, str) and reason else []


def _texts(*found: tuple[Kind, str, str]) -> list[Piece]:
    """Pieces of the texts that are not empty: an empty text is never content."""
    return [Piece(*one) for one in found if one[2]]


def _joined(items: Iterable[object], name: str) -> str:
    return "".join(_text(_dict(item).get(name)) for item in items)


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: object) -> int | None:
    """A token count, None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 1 << 53 else None


def _text(value: object) -> str:
    """Text that can be written as UTF-8: half of a surrogate pair, which JSON can name, becomes U+FFFD."""
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _line(value: object) -> str:
    """A short single line of an untrusted field; numbers are written out, anything else is ""."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53:
        return str(value)
    text = _text(value)[:500]
    return (text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).strip()


_DELTAS: dict[str, tuple[Kind, str]] = {
    "response.output_text.delta": ("content", ""),
    "response.refusal.delta": ("content", "refusal"),
    "response.function_call_arguments.delta": ("content", "tool"),
    "response.custom_tool_call_input.delta": ("content", "tool"),
    "response.mcp_call_arguments.delta": ("content", "tool"),
    "response.reasoning_text.delta": ("reasoning", ""),
    "response.reasoning_summary_text.delta": ("reasoning", "summary"),
}

DIALECTS: dict[Api, Dialect] = {
    "chat.completions": Dialect(
        "chat.completions",
        "Chat completions",
        ("chat", "completions"),
        "/chat/completions",
        "max_completion_tokens",
        _chat_event,
        _chat_body,
    ),
    "responses": Dialect(
        "responses",
        "Responses",
        ("responses",),
        "/responses",
        "max_output_tokens",
        _responses_event,
        _responses_body,
    ),
    "completions": Dialect(
        "completions",
        "Completions (legacy)",
        ("completions",),
        "/completions",
        "max_tokens",
        _completions,
        _completions,
    ),
}
