"""What was asked: endpoints, calls, arms and the experiment, with their bounds.

Field names here are the names everywhere: form, row, chart, JSON. Only `dialects.request` translates
them into what an API calls them. No key ever enters a spec; `Endpoint.key_ref` only names one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from lib.errors import InvalidSpec

Api = Literal["chat.completions", "completions", "responses", "models", "moderations"]
Mode = Literal["blocking", "streaming"]
State = Literal["planned", "sent", "done", "failed", "unknown", "dropped"]
Pairs = tuple[tuple[str, str], ...]

LAB = "lab"
"""The base URL of the built-in reference endpoint; resolved to a loopback address when sending."""

EXPERIMENT_APIS: tuple[Api, ...] = ("chat.completions", "responses", "completions")
MAX_PROMPT_BYTES = 1_000_000


class Bound(NamedTuple):
    """Smallest and largest value a field may have, both inclusive, with its help in plain words."""

    low: float
    high: float
    help: str


BOUNDS: dict[str, Bound] = {
    "max_tokens": Bound(1, 1_000_000, "The most tokens the answer may have, reasoning included."),
    "temperature": Bound(0.0, 2.0, "0 asks for the likeliest words; models may still differ."),
    "arms": Bound(1, 8, "How many model and endpoint combinations are asked."),
    "pairs": Bound(1, 200, "Blocking and streaming calls of each arm, one each a pair."),
    "warmups": Bound(0, 10, "Calls before the first measured one, per arm and mode."),
    "margin": Bound(0.001, 0.5, "A share of the time within which a difference does not matter."),
    "half_width": Bound(
        0.005, 1.0, "Stop early once the interval is this narrow on either side, as a share."
    ),
    "stop_after": Bound(1, 1000, "Failures in a row after which nothing more is sent."),
    "seed": Bound(0, 2**53, "What draws the order; 0 draws the seed, too."),
    "connect_s": Bound(0.05, 120, "Seconds to wait for a connection."),
    "silence_s": Bound(0.05, 3600, "Seconds to wait since the last byte."),
    "total_s": Bound(0.1, 3600, "Seconds a whole call may take."),
    "body_bytes": Bound(1024, 1 << 30, "The most bytes a response may have."),
    "line_bytes": Bound(1024, 1 << 28, "The longest line a stream may have."),
}


Primary = Literal["ttfo_s", "ttfs_s", "e2e_s", "speed_index_s", "answer_tps"]
PRIMARIES: tuple[Primary, ...] = ("ttfo_s", "ttfs_s", "e2e_s", "speed_index_s", "answer_tps")
"""What may be declared as primary. The last one, a rate, only between arms."""
LEAST_PRECISE = 10
"""Pairs before which a precision rule may not stop."""


class Size(NamedTuple):
    """How much is asked for with one choice."""

    pairs: int
    design: Literal["look", "measure"]
    warmups: int


SIZES: dict[str, Size] = {
    "look": Size(1, "look", 0),
    "check": Size(6, "measure", 1),
    "measure": Size(30, "measure", 1),
}
"""The sizes that are offered; any other number of pairs can be typed."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a call goes. `key_ref`: "" | "env:NAME" | "secret:NAME" | "typed:RANDOM", never the key."""

    base_url: str
    key_ref: str = ""
    limit_name: Literal["auto", "max_tokens"] = "auto"
    include_usage: bool = True
    accept_encoding: Literal["identity", "gzip"] = "identity"


@dataclass(frozen=True, slots=True)
class CallSpec:
    """What is asked of the model. None: not sent. `extra_body`: a canonical JSON object, merged last."""

    api: Api = "chat.completions"
    model: str = ""
    prompt: str = ""
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    extra_body: str = "{}"


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing under test. `region` names the queue, and so the place, that runs it.

    `contention`: the calls of each of its pairs start at once, so that each may slow the other.
    """

    endpoint: Endpoint
    call: CallSpec
    region: str = "local"
    contention: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """When a call is given up: seconds, and bytes on the wire."""

    connect_s: float = 10.0
    silence_s: float = 60.0
    total_s: float = 600.0
    body_bytes: int = 64 << 20
    line_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """The whole question. `primary` is declared before the first call; `seed` draws the order.

    `together`: the calls of every pair start at once, as with the lab (elsewhere "under contention").
    `cache`: "bust" puts a nonce, unique to the call, before the prompt.
    """

    arms: tuple[Arm, ...]
    pairs: int = 1
    warmups: int = 0
    design: Literal["look", "measure"] = "look"
    together: bool = False
    cache: Literal["bust", "keep", "as_is"] = "bust"
    connection: Literal["new", "reused"] = "new"
    primary: str = "ttfo_s"
    margin: float | None = None
    half_width: float | None = None
    stop_after: int | None = 3
    seed: int = 0
    limits: Limits = Limits()


def is_lab(endpoint: Endpoint) -> bool:
    """Whether the endpoint is the built-in one."""
    return endpoint.base_url == LAB


def origin(base_url: str) -> str:
    """`scheme://host:port` of a base URL, port always named. Raises InvalidSpec when it has none."""
    nowhere = InvalidSpec("base_url", f"{base_url!r} has no host that can be called.")
    try:
        parts = urlsplit(base_url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        raise nowhere from None
    if not parts.hostname or port is None:
        raise nowhere
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def check(spec: ExperimentSpec) -> None:
    """Raise InvalidSpec at the first field out of bounds. The form shows `problems` instead."""
    for error in problems(spec):
        raise error


def problems(spec: ExperimentSpec) -> list[InvalidSpec]:
    """Every refusal at once, in reading order; fields of arm i are named `arms.i.FIELD`."""
    found: list[InvalidSpec] = []
    found += _bounded("arms", len(spec.arms))
    found += _bounded("pairs", spec.pairs)
    found += _bounded("warmups", spec.warmups)
    found += _design_problems(spec)
    for i, arm in enumerate(spec.arms):
        found += [
            InvalidSpec(f"arms.{i}.{e.field}", e.message)
            for e in [*endpoint_problems(arm.endpoint), *call_problems(arm.call)]
        ]
    for name in ("connect_s", "silence_s", "total_s", "body_bytes", "line_bytes"):
        found += _bounded(name, getattr(spec.limits, name))
    return found


def at_once(spec: ExperimentSpec, arm: int) -> bool:
    """Whether the calls of the arm's pairs start at the same time."""
    return spec.together or spec.arms[arm].contention


def contended(spec: ExperimentSpec, arm: int) -> bool:
    """Whether the arm is one under contention: asked for so, or all pairs at once and not in the lab,
    which can stand it."""
    asked = spec.arms[arm]
    return asked.contention or (spec.together and not is_lab(asked.endpoint))


def _design_problems(spec: ExperimentSpec) -> list[InvalidSpec]:
    """What keeps an experiment from meaning what it says."""
    found = [
        InvalidSpec(name, f"{name} must be one of {', '.join(allowed)}.")
        for name, allowed in _CHOICES.items()
        if getattr(spec, name) not in allowed
    ]
    for name in ("margin", "half_width", "stop_after", "seed"):
        if (value := getattr(spec, name)) is not None:
            found += _bounded(name, value)
    if spec.design == "look" and spec.warmups:
        found.append(InvalidSpec("warmups", "A look has no warm-ups. Choose a measurement, or none."))
    if spec.primary == "answer_tps" and len(spec.arms) < 2:
        sentence = "A rate can be compared between arms only. Add an arm, or choose a time."
        found.append(InvalidSpec("primary", sentence))
    if spec.half_width is not None and (spec.design == "look" or spec.pairs < LEAST_PRECISE):
        sentence = f"Stopping early needs a measurement of {LEAST_PRECISE} pairs or more."
        found.append(InvalidSpec("half_width", sentence))
    return found


def endpoint_problems(endpoint: Endpoint) -> list[InvalidSpec]:
    """What keeps an endpoint from being called."""
    if is_lab(endpoint):
        return []
    if (sentence := _url_problem(endpoint.base_url)) is not None:
        return [InvalidSpec("base_url", sentence)]
    if endpoint.key_ref and not re.fullmatch(r"(env|secret|typed):[\w.-]{1,128}", endpoint.key_ref):
        return [InvalidSpec("key_ref", "This is not the name of a key. Choose one from the list.")]
    return []


def call_problems(call: CallSpec) -> list[InvalidSpec]:
    """What keeps a call from being sent."""
    found: list[InvalidSpec] = []
    if call.api not in EXPERIMENT_APIS:
        found.append(InvalidSpec("api", f"The API must be one of {', '.join(EXPERIMENT_APIS)}."))
    if not call.model.strip():
        found.append(InvalidSpec("model", "Name a model, as the endpoint calls it."))
    elif len(call.model) > 256:
        found.append(InvalidSpec("model", "A model's name has at most 256 characters."))
    if not call.prompt.strip():
        found.append(InvalidSpec("prompt", "The prompt is empty. Write what the model is asked."))
    for name, text in (("prompt", call.prompt), ("system", call.system or "")):
        found += _text_problems(name, text)
    if call.max_tokens is not None:
        found += _bounded("max_tokens", call.max_tokens)
    if call.temperature is not None:
        found += _bounded("temperature", call.temperature)
    if (sentence := _extra_problem(call.extra_body)) is not None:
        found.append(InvalidSpec("extra_body", sentence))
    return found


def number(field: str, text: str) -> float:
    """A typed number, or InvalidSpec that names the field and repeats what was typed."""
    try:
        value = float(text)
    except ValueError:
        raise InvalidSpec(field, f"{field} must be a number; {text[:40]!r} is not one.") from None
    if not math.isfinite(value):
        raise InvalidSpec(field, f"{field} must be a finite number.")
    return value


def diff(specs: list[CallSpec]) -> dict[str, list[Any]]:
    """Only the fields that differ between the calls, each with its value in every one of them."""
    rows = {f.name: [getattr(s, f.name) for s in specs] for f in dataclasses.fields(CallSpec)}
    return {name: values for name, values in rows.items() if any(v != values[0] for v in values)}


def to_dict(spec: ExperimentSpec) -> dict[str, Any]:
    """Plain data, ready for JSON. Holds a key's name, never a key."""
    return dataclasses.asdict(spec)


def from_dict(data: Mapping[str, Any]) -> ExperimentSpec:
    """The reverse of `to_dict`. Unknown fields are refused with InvalidSpec."""
    try:
        arms = tuple(
            Arm(
                Endpoint(**a["endpoint"]),
                CallSpec(**a["call"]),
                a.get("region", "local"),
                a.get("contention", False),
            )
            for a in data["arms"]
        )
        rest = {k: v for k, v in data.items() if k not in ("arms", "limits")}
        return ExperimentSpec(arms=arms, limits=Limits(**data.get("limits", {})), **rest)
    except (TypeError, KeyError) as error:
        raise InvalidSpec("spec", f"This specification cannot be read: {error}.") from None


_CHOICES: dict[str, tuple[str, ...]] = {
    "primary": PRIMARIES,
    "design": ("look", "measure"),
    "cache": ("bust", "keep", "as_is"),
    "connection": ("new", "reused"),
}


def _bounded(name: str, value: object) -> list[InvalidSpec]:
    low, high, _ = BOUNDS[name]
    whole = name not in ("temperature", "connect_s", "silence_s", "total_s", "margin", "half_width")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return [InvalidSpec(name, f"{name} must be a {'whole ' if whole else ''}number.")]
    if not low <= value <= high:
        return [
            InvalidSpec(name, f"{name} must be from {_told(low)} to {_told(high)}; {_told(value)} is not.")
        ]
    return []


def _told(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "The base URL cannot be read. It should look like https://api.example.com/v1."
    if parts.scheme not in ("http", "https") or not host:
        return "The base URL must start with http:// or https:// and name a host."
    if parts.username is not None or parts.password is not None:
        return "The base URL must not hold a user name or password. Put the key into its own field."
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return "The base URL must not have a query (?) or fragment (#)."
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "The base URL must not hold spaces or control characters."
    return None


def _text_problems(name: str, text: str) -> list[InvalidSpec]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return [InvalidSpec(name, f"The {name} holds characters that cannot be sent as UTF-8.")]
    if size > MAX_PROMPT_BYTES:
        return [InvalidSpec(name, f"The {name} has {size:,} bytes; at most 1,000,000 can be sent.")]
    return []


def _extra_problem(extra: str) -> str | None:
    try:
        value = json.loads(extra)
    except (ValueError, RecursionError):
        return 'The extra body must be a JSON object, such as {"top_p": 0.9}.'
    if not isinstance(value, dict):
        return "The extra body must be a JSON object."
    if taken := sorted({"stream", "stream_options"} & value.keys()):
        return f"The extra body must not set {', '.join(taken)}: each call's mode decides it."
    return None
