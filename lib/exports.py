"""Files that leave: one HTML page that opens anywhere, without a network and without this program.

The page holds the same hero and charts as the dashboard. JSON is document's business.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lib import charts, example, findings, lanes, player, summary, teaser
from lib.charts import offline
from lib.charts.offline import Drawn, drawn
from lib.experiment import CallResult, Experiment
from lib.lab import catalogue
from lib.metrics import METRICS
from lib.spec import Arm, is_lab

_HERE = Path(__file__).parent
MOUNT = """
const island = document.getElementById("data")
hero({ parentElement: document.getElementById("hero"), data: JSON.parse(island.textContent) })
"""


class Part(NamedTuple):
    """One arm's words in the file. `said`: runs of text, each with whether it is emphasised."""

    name: str
    said: tuple[tuple[str, bool], ...]
    rows: list[Any]
    caveat: str


def html_file(experiment: Experiment, *, link: str | None, pictures: bool = True) -> str:
    """The experiment's first pair of each arm as one self-contained page; `link`: where it came from;
    `pictures`: with charts, and the library that draws them.

    Replays offline, loads nothing, and a policy in its head forbids loading anything. Whatever came from
    outside is escaped.
    """
    shown = list(_charts(experiment)) if pictures else []
    script = player.script() + MOUNT + (offline.DRAW if shown else "")
    return rendered(
        "experiment.html",
        title=_title(experiment),
        lead=teaser.lead(experiment),
        measured=findings.measures(experiment),
        numbers=teaser.figures(experiment),
        parts=_parts(experiment),
        many=len(experiment.spec.arms) > 1,
        asked=[
            (lanes.model_name(experiment, i), list(_asked(a))) for i, a in enumerate(experiment.spec.arms)
        ],
        prompts=_prompts(experiment),
        made=_day(experiment.created_ms),
        how=_how(experiment),
        note=experiment.note,
        link=link,
        data=island(lanes.hero_data(experiment, speed=2.0)),
        charts=shown,
        figures=island({"figures": [one.figure for one in shown], "night": offline.night(shown)}),
        library=offline.packed() if shown else "",
        script=Markup(script),  # noqa: S704  our own source
        style=Markup(player.style()),  # noqa: S704  our own source
        script_hash=" ".join(f"'{found}'" for found in (script_hash(script), *_library_hash(shown))),
    )


def rendered(template: str, **values: Any) -> str:
    """One of lib/templates with its values, escaped; half surrogate pairs are replaced."""
    page = _environment().get_template(template).render(**values)
    return page.encode("utf-8", "replace").decode("utf-8")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def island(data: Any) -> Markup:
    """JSON that cannot end the element it stands in: every < is written \\u003c."""
    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704  just escaped


def script_hash(script: str) -> str:
    """What the page's policy calls its one script; over the text between the tags, newlines included."""
    return _hash(f"\n{script}\n")


@cache
def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _library_hash(shown: list[Drawn]) -> list[str]:
    """What the policy calls the chart library, in a file that has charts."""
    return [_hash(offline.script())] if shown else []


def _charts(experiment: Experiment) -> Iterator[Drawn]:
    """The verdict and every pair of a measurement; of the first pair arrivals, phases and gaps."""
    rows = [row for row in lanes.entries(experiment) if teaser.has_text(row.call)]
    if findings.measures(experiment):
        yield from _measured_charts(experiment)
    if not rows:
        return
    yield drawn(
        "Arrivals, text and rate",
        charts.arrivals_alt(rows),
        charts.arrivals_figure(rows, range_s=None, dark=False),
    )
    yield drawn(
        "What the time was spent on",
        charts.waterfall_alt(experiment, pair=0),
        charts.waterfall_figure(experiment, pair=0, dark=False),
    )
    streams = [row for row in rows if row.call.planned.mode == "streaming"]
    if streams:
        yield drawn(
            "Gaps between arrivals, over time",
            charts.gaps_alt(streams),
            charts.gaps_figure(streams, dark=False),
        )


def _measured_charts(experiment: Experiment) -> Iterator[Drawn]:
    metric = findings.between(experiment)
    found = findings.effects(experiment, metric)
    sides, margin = findings.SIDES, experiment.spec.margin
    yield drawn(
        f"Streaming against blocking: {METRICS[metric].label}",
        charts.forest_alt(found, sides=sides),
        charts.forest_figure(found, margin=margin, sides=sides, dark=False),
    )
    yield drawn(
        "Every pair, in the order it was made",
        charts.dots_alt(experiment, metric),
        charts.dots_figure(experiment, metric, dark=False),
    )


def _title(experiment: Experiment) -> str:
    models = ", ".join(dict.fromkeys(arm.call.model for arm in experiment.spec.arms))
    return lanes.one_line(experiment.title or models, 120)


def _parts(experiment: Experiment) -> list[Part]:
    return [
        Part(
            lanes.model_name(experiment, arm),
            summary.sentence(experiment, arm, 0),
            list(summary.table(experiment, arm, 0)),
            summary.caveat(experiment, arm, 0),
        )
        for arm in range(len(experiment.spec.arms))
    ]


def _asked(arm: Arm) -> Iterator[tuple[str, str]]:
    """What was asked of one arm, in plain words; the key's name stays at home."""
    call = arm.call
    yield "Endpoint", "the built-in one" if is_lab(arm.endpoint) else arm.endpoint.base_url
    yield "API", call.api
    yield "Most tokens", "not limited" if call.max_tokens is None else f"{call.max_tokens:,}"
    yield "Temperature", "the endpoint's own" if call.temperature is None else f"{call.temperature:g}"
    if call.extra_body != "{}":
        yield "Also sent", call.extra_body


def _prompts(experiment: Experiment) -> list[tuple[str, str]]:
    """(heading, text), each text once however many arms were asked it."""
    texts: dict[str, str] = {}
    for arm in experiment.spec.arms:
        if arm.call.system:
            texts.setdefault(arm.call.system, "System message")
        if arm.call.prompt:  # a timing-only share has none
            texts.setdefault(arm.call.prompt, "Prompt")
    return [(heading, text) for text, heading in texts.items()]


def _how(experiment: Experiment) -> str:
    """Where the times come from, in one sentence, and the words when they are ours."""
    times = _times(experiment)
    return f"{times} {example.ORIGIN}" if any(map(example.plays, experiment.spec.arms)) else times


def _times(experiment: Experiment) -> str:
    sources = {call.timeline.source for call in experiment.calls if call.timeline is not None}
    if any(source.startswith("recorded:") for source in sources):
        return _recorded(experiment)
    if imported := sorted(source for source in sources if source != "measured"):
        return f"Times are not this instrument's own ({', '.join(imported)})."
    stamped = next((call for call in experiment.calls if call.instrument is not None), None)
    if stamped is not None:
        return _measured(stamped)
    return "Times were stamped by Streamgauge." if sources else "No call was measured."


def _recorded(experiment: Experiment) -> str:
    model = experiment.spec.arms[0].call.model
    found = catalogue.PLAYED.get(catalogue.ALIASES.get(model, model))
    if found is None:
        return "Times are those of a recording, with that recording's own error."
    source = found.source
    return f"Recorded: {source['work']} ({source['date']}, {source['licence']}). {source['note']}"


def _measured(call: CallResult) -> str:
    assert call.instrument is not None
    who = "by the kernel as bytes arrived" if call.instrument.stamps == "kernel" else "after each read"
    return f"Times were stamped at the socket, {who}, in a process of its own."


def _day(ms: int) -> str:
    """The day, with the time where one is known: a recording has its day only."""
    when = datetime.fromtimestamp(ms / 1000, UTC)
    day = f"{when.day} {when:%B %Y}"
    return day if ms % 86_400_000 == 0 else f"{day}, {when:%H:%M} UTC"
