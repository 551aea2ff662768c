"""How to cite an experiment, and how to say in a paper what was done. Pure; built from the experiment alone.

A name or a model may be untrusted text: what is returned is text, never markup.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.spec import Arm, at_once, contended, is_lab

TOOL = "Streamgauge: LLM stream timing"
_UNNAMED = ("local", "elsewhere", "")
"""What a place is called that nobody named."""
_ESCAPED = {c: f"\\{c}" for c in "#$%&_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def text(experiment: Experiment, *, link: str, sha256: str) -> str:
    """One line. `link`: the share's address; `sha256`: of its document."""
    return (
        f"{_title(experiment)}. Measured with {TOOL} (definitions {experiment.definition or 'not known'}) "
        f"from {vantage(experiment)}, {_day(experiment)}. {link} (SHA-256 {sha256})."
    )


def bibtex(experiment: Experiment, *, link: str, sha256: str) -> str:
    """The same as a BibTeX entry of type misc."""
    when = datetime.fromtimestamp(experiment.created_ms / 1000, UTC)
    made = f"Definitions {experiment.definition or 'not known'}; measured from {vantage(experiment)}"
    fields = {
        "title": f"{{{_escaped(_title(experiment))}}}",
        "howpublished": f"Measured with {TOOL}",
        "year": str(when.year),
        "month": str(when.month),
        "day": str(when.day),
        "url": link,
        "note": _escaped(f"{made}; SHA-256 {sha256}"),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{streamgauge-{sha256[:12]},\n{lines}}}\n"


def methods(experiment: Experiment) -> str:
    """A paragraph: who was called from where, how often, in what order, what stopped the clock, how wrong."""
    sentences = [_who(experiment), _order(experiment), _connection(experiment), _clock(experiment)]
    sentences += [_error(experiment), _ended(experiment)]
    return " ".join(sentence for sentence in sentences if sentence)


def vantage(experiment: Experiment) -> str:
    """Where the measuring stood, in its operator's words."""
    return named_place(experiment) or "a place that was not named"


def named_place(experiment: Experiment) -> str:
    """The same, "" where its operator gave it no name. Untrusted text."""
    places = [c.instrument.region for c in experiment.calls if c.instrument is not None]
    return lanes.one_line(", ".join(place for place in dict.fromkeys(places) if place not in _UNNAMED), 120)


def _who(experiment: Experiment) -> str:
    spec = experiment.spec
    asked = "; ".join(
        f"{_model(arm)}{f' {lanes.CONTENDED}' if contended(spec, i) else ''} through the {arm.call.api} API "
        f"at {_where(arm)}"
        for i, arm in enumerate(spec.arms)
    )
    whom = "This model was" if len(spec.arms) == 1 else f"These {len(spec.arms)} models were"
    many = (
        "one blocking and one streaming call were"
        if spec.pairs == 1
        else f"{spec.pairs} pairs of one blocking and one streaming call were"
    )
    limit = {arm.call.max_tokens for arm in spec.arms}
    tokens = (
        f", with at most {limit.pop():,} tokens an answer" if len(limit) == 1 and None not in limit else ""
    )
    arms = "" if len(spec.arms) == 1 else " for each of them"
    return f"{whom} asked: {asked}. From {vantage(experiment)}, {many} planned{arms}{tokens}."


def _order(experiment: Experiment) -> str:
    spec = experiment.spec
    paired = [i for i in range(len(spec.arms)) if at_once(spec, i)]
    if len(paired) == len(spec.arms):
        order = "The two calls of a pair were started at the same time."
    else:
        order = f"Calls were made one after the other, in an order drawn at random (seed {spec.seed})."
    if paired and len(paired) < len(spec.arms):
        whose = " and ".join(f"{_model(spec.arms[i])} (number {i + 1})" for i in paired)
        order += f" Only the two calls of each pair of {whose} were started at the same time."
    if spec.warmups:
        order += f" Before them, {spec.warmups} calls of each kind were made and discarded."
    if spec.cache == "bust":
        order += " Each prompt began with characters of its own, so that no prompt cache could serve it."
    return order


def _connection(experiment: Experiment) -> str:
    if experiment.imported is not None:
        return ""
    new = "a new connection" if experiment.spec.connection == "new" else "a connection that was open already"
    return (
        f"Each call asked for {new}; times count from just before the first byte of its request was written."
    )


def _clock(experiment: Experiment) -> str:
    if experiment.imported is not None:
        return f"The times are not of this instrument: they were imported ({experiment.imported})."
    sources = {c.timeline.source for c in experiment.calls if c.timeline is not None}
    if any(source.startswith("recorded:") for source in sources):
        return "The times are those of a published recording, rounded to 10 ms."
    stamps = {c.instrument.stamps for c in experiment.calls if c.instrument is not None}
    how = {
        frozenset({"kernel"}): "the operating system's receive stamp of its bytes",
        frozenset({"user"}): "the program's clock right after the bytes were read",
    }.get(frozenset(stamps), "the kernel's stamp or the program's clock, as each call says")
    return f"An event's time is {how}, in a process that did nothing else." if stamps else ""


def _error(experiment: Experiment) -> str:
    found = experiment.calibration
    if found is None:
        return ""
    if found.median_s is None or found.p95_s is None:
        return "The instrument's own error is not known."
    return (
        f"Against a reference that tells when it really sent each of {found.n:,} events, the instrument was "
        f"late by {found.median_s * 1e3:.2f} ms (median) and {found.p95_s * 1e3:.2f} ms (95th percentile)."
    )


def _ended(experiment: Experiment) -> str:
    measured = [c for c in experiment.calls if c.planned.role == "measure"]
    states = Counter(_end(call) for call in measured)
    told = ", ".join(
        f"{states[name]} {name}" for name in ("whole", "failed or cut", "not made") if states[name]
    )
    return f"Of {len(measured)} calls: {told}." if measured else ""


def _end(call: CallResult) -> str:
    if call.state in ("planned", "dropped"):
        return "not made"
    return "whole" if call.timeline is not None and call.timeline.complete else "failed or cut"


def _title(experiment: Experiment) -> str:
    models = ", ".join(dict.fromkeys(arm.call.model for arm in experiment.spec.arms))
    return lanes.one_line(experiment.title or f"Stream timing of {models}", 200).rstrip(".")


def _model(arm: Arm) -> str:
    return lanes.one_line(arm.call.model, 120)


def _where(arm: Arm) -> str:
    if is_lab(arm.endpoint):
        return "the built-in reference endpoint"
    url = arm.endpoint.base_url
    return lanes.one_line(url, 200) if url.startswith("http") else "an endpoint that is not told"


def _day(experiment: Experiment) -> str:
    when = datetime.fromtimestamp(experiment.created_ms / 1000, UTC)
    return f"{when.day} {when:%B %Y}"


def _escaped(text: str) -> str:
    """Text that BibTeX and TeX print as it is."""
    return re.sub(r"[#$%&_{}\\~^]", lambda m: _ESCAPED[m[0]], text)
