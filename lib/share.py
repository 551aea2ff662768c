"""What may leave with a link: an experiment rebuilt from an allow-list, whole or with its text withheld.

Pure. Whatever is not named here stays at home: a new field is private until `KEPT` names it. Ids, expiry
and tokens are library's business.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from lib.calibration import Calibration
from lib.delivery import Delivery, delivery
from lib.experiment import CallResult, Experiment, Number, Rule, Stop, Wait
from lib.hosts import is_private
from lib.metrics import METRICS
from lib.plan import PlannedCall
from lib.providers import PROVIDERS
from lib.recording import CallError, Instrument
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec, is_lab
from lib.timeline import Event, Recount, Timeline

Form = Literal["full", "timing"]
"""full: prompt and answers as they are; timing: neither, only their lengths and times."""

Visibility = Literal["unlisted", "public"]
Licence = Literal["", "CC BY 4.0"]

PRIVATE = "private"
"""Stands for a base URL that must not be told. It can't be called."""

KEPT: dict[type, tuple[str, ...]] = {
    Experiment: ("state", "created_ms", "calibration_age_s", "imported"),
    ExperimentSpec: (
        *("pairs", "warmups", "design", "together", "cache", "connection", "margin"),
        *("half_width", "stop_after", "seed", "limits"),
    ),
    Endpoint: ("limit_name", "include_usage", "accept_encoding"),
    CallSpec: ("api", "max_tokens", "temperature"),
    Arm: ("region", "contention"),
    Wait: ("n", "began_ms", "until_ms", "ended_ms"),
    Stop: ("rule",),
    CallResult: ("state", "wall_ms", "status", "absent"),
    PlannedCall: ("n", "arm", "mode", "role", "pair", "group", "due_s"),
    Timeline: (
        *("version", "api", "mode", "connection", "reads", "usage", "complete", "pauses"),
    ),
    Event: ("t_ns", "kind", "chars", "read", "start", "end"),
    Instrument: ("region", "stamps", "resolution_ns"),
    CallError: ("kind", "at_ns", "status"),
    Calibration: ("wall_ms", "n", "median_s", "p95_s", "max_s", "stamps", "pauses"),
    Recount: ("basis", "tokens"),
}  # fmt: skip
"""The fields of each class that leave as they are, in either form."""

WITHHELD: dict[type, tuple[str, ...]] = {
    Experiment: ("id", "note", "parent"),
    Endpoint: ("key_ref",),
    CallResult: ("headers", "outline", "chars"),
    Timeline: ("t_send_monotonic_ns",),
}
"""The fields that never leave. The rest are reduced, each by a rule of its own below."""

_SUBS = frozenset(
    {"", "refusal", "tool", "summary", "stop", "length", "tool_calls", "content_filter", "function_call",
     "completed", "incomplete", "max_output_tokens"}
)  # fmt: skip
_TIERS = frozenset({"auto", "default", "standard", "flex", "priority", "scale", "batch", "on_demand"})
_VERSIONS = ("python", "openai", "httpx2", "platform")
_WORD = re.compile(r"[A-Za-z0-9][\w .+-]{0,39}")
_MARKS = frozenset(
    {"dns.start", "dns.end", "connect.start", "connect.end", "tls.start", "tls.end", "send.end", "headers",
     "first_byte", "eof"}
)  # fmt: skip
_KNOWN_PATH = frozenset({"", "v1", "v1beta", "v2", "openai", "api", "inference"})
_SOURCES = re.compile(r"measured|recorded:[\w-]{1,40}|imported:[\w-]{1,40}")

_FAILED: dict[str, str] = {
    "resolve": "The host's name was not found.",
    "connect": "No connection could be made.",
    "tls": "The secure connection could not be made.",
    "refused": "The call was refused before it was sent.",
    "timeout": "Nothing came for too long.",
    "deadline": "The call took too long.",
    "limit": "The answer was larger than allowed.",
    "status": "The endpoint answered with an error.",
    "cut": "The answer was cut.",
    "reset": "The connection was reset.",
    "protocol": "The answer could not be read.",
    "error_event": "The endpoint sent an error in the middle of the answer.",
    "cancelled": "The call was cancelled.",
    "lost": "The measuring process was lost.",
}
_WAITED = "The endpoint asked for a pause before the next call."
_STOPPED: dict[Rule, str] = {
    "failures": "It was stopped after failures in a row.",
    "precision": "It was stopped when it was as precise as was asked for.",
    "storage": "It was stopped when it could no longer be saved.",
}
_WHOLE = "The answer was whole."
_CUT = "The answer is not known to be whole."
_NO_RECOUNT = "The sender's computer had no recount of the tokens."
_NOT_TOLD = "The reason is not told."


def public(experiment: Experiment, form: Form) -> Experiment:
    """The experiment as it would become public: id "", no note, no headers, no error texts."""
    names = {name: f"probe-{i}" for i, name in enumerate(_probes(experiment), 1)}
    kept: Experiment = _keep(
        experiment,
        id="",
        spec=_spec(experiment.spec, form),
        title=experiment.title if form == "full" else "",
        calls=tuple(_call(experiment, call, form, names) for call in experiment.calls),
        calibration=_calibration(experiment.calibration, names),
        waits=tuple(_keep(wait, reason=_WAITED) for wait in experiment.waits),
        stopped=experiment.stopped and _keep(experiment.stopped, sentence=_STOPPED[experiment.stopped.rule]),
        definition=_word(experiment.definition),
    )
    return kept


def told(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """(what, text) of a public experiment: what a person would look for before it leaves. Untrusted text."""
    withheld = any(e.text is None for c in experiment.calls if c.timeline for e in c.timeline.events)
    if experiment.title:
        yield "Title", experiment.title
    for arm in experiment.spec.arms:
        call, url = arm.call, arm.endpoint.base_url
        at = {PRIVATE: "a private address, not told", LAB: "the built-in endpoint"}.get(url, url)
        yield "Model", f"{call.model}, at {at}"
    first = experiment.spec.arms[0].call
    yield "Prompt", first.prompt or "left out"
    if first.system:
        yield "System message", first.system
    if first.extra_body != "{}":
        yield "Also sent", first.extra_body
    yield "Answers", _answers(experiment, withheld=withheld)
    yield (
        "Measured from",
        ", ".join(dict.fromkeys(c.instrument.region for c in experiment.calls if c.instrument)),
    )


def _answers(experiment: Experiment, *, withheld: bool) -> str:
    chars = [sum(e.chars for e in c.timeline.events) for c in experiment.calls if c.timeline]
    whole = f"{sum(chars):,} characters in {len(chars):,} answers"
    return f"left out; their lengths stay ({whole})" if withheld else f"{whole}, as they came"


def public_url(base_url: str) -> str:
    """A base URL without user, query and private parts; PRIVATE for a host of somebody's own network."""
    known = next((p.base_url for p in PROVIDERS if p.base_url == base_url.rstrip("/")), None)
    if known is not None:
        return known
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return PRIVATE
    if parts.scheme not in ("http", "https") or not _is_name(host) or is_private(host):
        return PRIVATE
    if host.endswith(".openai.azure.com"):  # the first label names the customer
        host = "RESOURCE.openai.azure.com"
    path = parts.path.rstrip("/")
    told = path if set(path.split("/")) <= _KNOWN_PATH else ""
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{told}"


def public_model(model: str) -> str:
    """A model's name without the folder it lies in, or the organisation that fine-tuned it."""
    if model.startswith("ft:"):
        return ":".join(model.split(":")[:2])
    if re.match(r"[/~.\\]|[A-Za-z]:[\\/]", model):
        return re.split(r"[/\\]", model.rstrip("/\\"))[-1] or "a local model"
    return model


def _keep(thing: Any, **reduced: Any) -> Any:
    kept = {name: getattr(thing, name) for name in KEPT[type(thing)]}
    return type(thing)(**kept, **reduced)


def _spec(spec: ExperimentSpec, form: Form) -> ExperimentSpec:
    primary = spec.primary if spec.primary in METRICS else "ttfo_s"
    kept: ExperimentSpec = _keep(spec, arms=tuple(_arm(arm, form) for arm in spec.arms), primary=primary)
    return kept


def _arm(arm: Arm, form: Form) -> Arm:
    url = arm.endpoint.base_url
    full = form == "full"
    call = _keep(
        arm.call,
        model=public_model(arm.call.model),
        prompt=arm.call.prompt if full else "",
        system=arm.call.system if full else None,
        extra_body=arm.call.extra_body if full else "{}",
    )
    endpoint = _keep(arm.endpoint, base_url=url if is_lab(arm.endpoint) else public_url(url))
    kept: Arm = _keep(arm, endpoint=endpoint, call=call)
    return kept


def _call(experiment: Experiment, call: CallResult, form: Form, names: dict[str, str]) -> CallResult:
    full = form == "full"
    timeline = None if call.timeline is None else _timeline(call.timeline, form)
    version = call.http_version
    kept: CallResult = _keep(
        call,
        planned=_keep(call.planned, nonce=call.planned.nonce if full else ""),
        timeline=timeline,
        recount=None if call.recount is None else _recount(call.recount),
        recount_reason=None if call.recount_reason is None else _NO_RECOUNT,
        metrics=_metrics(call.metrics),
        reasons=_reasons(call.reasons, own=experiment.imported is None),
        instrument=None if call.instrument is None else _instrument(call.instrument, names),
        error=_error(call.error),
        delivery=_delivery(call.delivery, timeline),
        http_version=version if version and re.fullmatch(r"HTTP/\d(\.\d)?", version) else None,
    )
    return kept


def _timeline(timeline: Timeline, form: Form) -> Timeline:
    full = form == "full"
    kept: Timeline = _keep(
        timeline,
        t_send_monotonic_ns=None,
        events=tuple(_event(event, form) for event in timeline.events),
        model=public_model(timeline.model) if full and timeline.model is not None else None,
        fingerprint=timeline.fingerprint if full else None,
        service_tier=timeline.service_tier if full or timeline.service_tier in _TIERS else None,
        finish=timeline.finish if timeline.finish in (None, *_SUBS) else "other",
        why=_WHOLE if timeline.complete else (_failed(timeline.error) or _CUT),
        error=_error(timeline.error),
        marks=tuple(mark for mark in timeline.marks if mark[0] in _MARKS),
        source=timeline.source if _SOURCES.fullmatch(timeline.source) else "imported:unknown",
    )
    return kept


def _recount(recount: Recount) -> Recount:
    kept: Recount = _keep(recount, encoding=_word(recount.encoding) or "other")
    return kept


def _event(event: Event, form: Form) -> Event:
    text = event.text if form == "full" and event.kind in ("content", "reasoning") else None
    sub = event.sub if event.sub in _SUBS else ""
    kept: Event = _keep(event, text="" if text is None and event.chars == 0 else text, sub=sub)
    return kept


def _metrics(metrics: dict[str, Number] | None) -> dict[str, Number] | None:
    """The numbers that METRICS.md knows; a word only where it says who counted."""
    if metrics is None:
        return None
    told = {name: metrics[name] for name in METRICS if name in metrics}
    return {n: v for n, v in told.items() if not isinstance(v, str) or v in ("reported", "recount")}


def _reasons(reasons: dict[str, str] | None, *, own: bool) -> dict[str, str] | None:
    """Our own sentences; those of an imported file are a stranger's text."""
    if reasons is None:
        return None
    return {n: reasons[n] if own else _NOT_TOLD for n in METRICS if n in reasons}


def _delivery(found: Delivery | None, timeline: Timeline | None) -> Delivery | None:
    """The verdict, with evidence that quotes no header: made anew without any."""
    if found is None or timeline is None:
        return None
    anew = delivery(timeline)
    if anew.kind == found.kind:
        return anew
    held = "Something on the way held the text back." if found.kind == "buffered" else _NOT_TOLD
    return dataclasses.replace(anew, kind=found.kind, sentence=held)


def _error(error: CallError | None) -> CallError | None:
    if error is None:
        return None
    kept: CallError = _keep(error, message=_failed(error))
    return kept


def _failed(error: CallError | None) -> str:
    if error is None:
        return ""
    sentence = _FAILED[error.kind]
    return sentence if error.status is None else f"{sentence[:-1]} ({error.status})."


def _instrument(found: Instrument, names: dict[str, str]) -> Instrument:
    versions = tuple((name, value.partition("-")[0]) for name, value in found.versions if name in _VERSIONS)
    kept: Instrument = _keep(
        found,
        probe=names[found.probe],
        scheduler=_word(found.scheduler) or "other",
        versions=tuple((name, value) for name, value in versions if _WORD.fullmatch(value)),
    )
    return kept


def _calibration(found: Calibration | None, names: dict[str, str]) -> Calibration | None:
    if found is None:
        return None
    kept: Calibration = _keep(
        found,
        probe=names[found.probe],
        scheduler=_word(found.scheduler) or "other",
        reason=None if found.reason is None else "The calibration call failed.",
    )
    return kept


def _probes(experiment: Experiment) -> Iterable[str]:
    """The random names of the measuring processes, each once, in order."""
    found = [call.instrument.probe for call in experiment.calls if call.instrument is not None]
    if experiment.calibration is not None:
        found.insert(0, experiment.calibration.probe)
    return dict.fromkeys(found)


def _word(text: str | None) -> str | None:
    """A short plain word, else None: no room for a text."""
    return text if text is not None and _WORD.fullmatch(text) else None


def _is_name(host: str) -> bool:
    return re.fullmatch(r"[a-z0-9.:-]{1,253}", host) is not None
