"""Gaps, small multiples, lanes over each other, the data behind pictures, and whether all eyes read them."""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest

from lib import charts, lanes
from lib.charts.look import DARK, DASHES, LIGHT, Palette
from lib.experiment import Experiment
from lib.lanes import Entry
from lib.recording import CallError
from tests.experiments import call, experiment, simple
from tests.figures import GAPS_S, WORKED

CUT = CallError("cut", "The connection closed.")
BACKS = {"light": (LIGHT, "#FBFBFD"), "dark": (DARK, "#0C0F14")}
# Linear RGB as the two commonest kinds of colour blindness see it (Viénot, Brettel and Mollon 1999).
SEEN = {
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
}


def worked() -> list[Entry]:
    """METRICS.md's worked example, the streaming call alone."""
    one = experiment(call(0, "streaming", [(1.0, "content", "a")]))
    known = dataclasses.replace(one.calls[0], timeline=WORKED.timeline, recount=WORKED.recount, metrics=None)
    return lanes.entries(dataclasses.replace(one, calls=(known,)))


def models(count: int = 3) -> Experiment:
    """Model n shows its first text at 0.2 + n / 10 s and ends at 1 + n / 10 s."""
    calls = [
        call(n, "streaming", [(0.2 + n / 10, "content", "ab"), (0.9 + n / 10, "content", "cd"),
                              (1 + n / 10, "finish", "")], arm=n, tokens=[1, 1, 0])
        for n in range(count)
    ]  # fmt: skip
    return experiment(*calls, models=[f"model-{n}" for n in range(count)])


def told(figure: charts.Figure) -> list[str]:
    return [re.sub("<[^>]*>", "", a.text) for a in figure.layout.annotations]


def test_every_gap_is_a_mark_where_it_ended() -> None:
    figure = charts.gaps_figure(worked())
    marks = {round(float(x), 9): float(y) for t in figure.data for x, y in zip(t.x, t.y, strict=True)}
    ends = [1.25, 1.3, 1.4, 1.9, 1.95, 2.05, 2.15, 2.2]
    assert marks == {end: pytest.approx(gap) for end, gap in zip(ends, GAPS_S, strict=True)}


def test_freezes_are_large_and_named() -> None:
    figure = charts.gaps_figure(worked())
    (freeze,) = [t for t in figure.data if t.name.endswith("freeze")]
    assert (list(freeze.x), list(freeze.y)) == ([1.9], [pytest.approx(0.5)])
    assert freeze.marker.size > max(t.marker.size for t in figure.data if t is not freeze)
    assert charts.gaps_alt(worked()) == (
        "Gaps between arrivals of visible text. Streaming: longest 500 ms, over at 1.90 s, 1 freeze."
    )


def test_suspect_gaps_are_hollow() -> None:
    (row,) = worked()
    assert row.call.timeline is not None
    stopped = dataclasses.replace(row.call.timeline, pauses=((1_450_000_000, 1_700_000_000),))
    rows = [row._replace(call=dataclasses.replace(row.call, timeline=stopped))]
    (suspect,) = [t for t in charts.gaps_figure(rows).data if t.name.endswith("suspect gap")]
    assert (list(suspect.x), suspect.marker.symbol) == ([1.9], "circle-open")
    assert "1 suspect gap" in charts.gaps_alt(rows)


def test_the_share_of_gaps_rises_to_all() -> None:
    line, points = charts.ecdf_figure(worked()).data
    assert (line.y[0], line.y[-1]) == (0, 100)
    assert list(points.x) == pytest.approx([0.075, 0.36])
    assert charts.ecdf_alt(worked()) == "Streaming: half of 8 gaps are at most 75 ms, 95 % at most 360 ms."


def test_the_instruments_limit_is_a_line() -> None:
    figure = charts.ecdf_figure(worked(), min_detectable_gap_s=0.0004)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.0004]
    assert "0.4 ms" in told(figure)[-1]
    assert charts.ecdf_figure(worked()).layout.shapes == ()


def test_without_gaps_the_pictures_say_so() -> None:
    rows = lanes.entries(experiment(call(0, "streaming", [(1.0, "content", "a")])))
    assert told(charts.gaps_figure(rows)) == told(charts.ecdf_figure(rows)) == [
        "Too little text arrived for a gap."]  # fmt: skip
    assert charts.gaps_alt(rows) == charts.ecdf_alt(rows)


def test_each_model_has_its_row_with_first_and_last_text() -> None:
    figure = charts.multiples_figure(lanes.entries(models()))
    assert told(figure) == [f"model-{n}  text 0.{2 + n}0 to {0.9 + n / 10:.2f} s" for n in range(3)]
    assert {t.name for t in figure.data} == {"nothing to read", "text"}
    assert charts.multiples_alt(lanes.entries(models())).startswith(
        "3 calls on one clock. model-0 shows text first, after 0.20 s. model-0: text 0.20 to 0.90 s; "
    )


def test_sixteen_rows_fit() -> None:
    rows = lanes.entries(models(8)) * 2
    assert len(told(charts.multiples_figure(rows))) == 16


def test_lanes_over_each_other_are_told_against_the_baseline() -> None:
    rows = lanes.entries(models())
    assert charts.overlay_alt(rows, baseline=1).startswith(
        "The baseline, model-1, shows its first text after 0.30 s and ends after 1.10 s. Beside it: "
        "model-0 shows its first text 0.10 s earlier and ends 0.10 s earlier; "
        "model-2 shows its first text 0.10 s later and ends 0.10 s later."
    )
    assert any("model-1 (baseline)" in text for text in told(charts.overlay_figure(rows, baseline=1)))


def test_a_lane_that_is_not_whole_has_no_end_to_compare() -> None:
    cut = call(1, "streaming", [(0.5, "content", "ab")], arm=1, state="failed", cut=CUT)
    one = experiment(
        call(0, "streaming", [(0.2, "content", "a"), (0.4, "finish", "")]), cut, models=("a", "b")
    )
    assert "b shows its first text 0.30 s later, its end cannot be compared" in charts.overlay_alt(
        lanes.entries(one)
    )


def test_nothing_to_lay_over_each_other_is_said() -> None:
    rows = lanes.entries(experiment(call(0, "streaming", None, state="failed")))
    assert charts.overlay_alt(rows) == charts.overlay_alt([]) == "No visible text arrived."
    assert told(charts.overlay_figure(rows)) == ["No visible text arrived."]


@pytest.mark.parametrize("figure", [charts.gaps_figure, charts.ecdf_figure, charts.multiples_figure,
                                    charts.overlay_figure])  # fmt: skip
def test_the_same_rows_give_the_same_bytes(figure) -> None:
    rows = lanes.entries(simple())
    assert figure(rows).to_json() == figure(rows).to_json()
    assert figure(rows, dark=True).to_json() != figure(rows).to_json()


def test_every_event_is_a_row_of_the_table() -> None:
    table = charts.arrivals_table(worked())
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert len(rows) == len(WORKED.timeline.events)
    assert [row["gap_s"] for row in rows if row["gap_s"] is not None] == pytest.approx(GAPS_S)
    assert rows[-1]["shown_chars"] == 108
    assert sum(row["tokens"] for row in rows) == 30
    assert "text" not in table.header
    assert charts.arrivals_table(worked(), with_text=True).header[-1] == "text"


def test_gaps_and_rates_have_tables() -> None:
    gaps = charts.gaps_table(worked())
    assert [row[gaps.header.index("gap_s")] for row in gaps.rows] == pytest.approx(GAPS_S)
    assert [row[gaps.header.index("freeze")] for row in gaps.rows] == [gap == 0.5 for gap in GAPS_S]
    rates = charts.rates_table(worked(), window_s=0.5)
    assert rates.header[-1] == "tokens_per_s"
    assert max(row[-1] for row in rates.rows) == 28
    calls = charts.lanes_table(worked())
    assert dict(zip(calls.header, calls.rows[0], strict=True))["ttfo_s"] == 1.2


def test_no_cell_is_a_formula() -> None:
    rows = [
        row._replace(label=label, sub="+cmd")
        for row, label in zip(lanes.entries(simple()), ("=1+1", "\tx"), strict=True)
    ]
    told_text = charts.csv_text(charts.arrivals_table(rows, with_text=True))
    cells = [cell for row in csv.reader(io.StringIO(told_text)) for cell in row]
    assert "'=1+1" in cells
    assert "'+cmd" in cells
    assert not [c for c in cells if c.startswith(("=", "+", "@", "\t"))]


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.0089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", BACKS)
def test_text_and_lines_stand_out_from_the_page(scheme: str) -> None:
    palette, back = BACKS[scheme]
    assert min(contrast(c, back) for c in (palette.text, palette.quiet)) >= 4.5
    # Light grey, of blocking lanes, has 3.36; every other line has more than 4.
    assert contrast(palette.series[0], back) >= 3
    assert min(contrast(c, back) for c in palette.series[1:]) >= 4


@pytest.mark.parametrize("scheme", BACKS)
@pytest.mark.parametrize("eye", [None, *SEEN])
def test_lines_of_one_dash_differ_in_colour_for_every_eye(scheme: str, eye: str | None) -> None:
    palette: Palette = BACKS[scheme][0]
    matrix = np.eye(3) if eye is None else np.array(SEEN[eye])
    seen = [lab(np.clip(matrix @ linear(colour), 0, 1)) for colour in palette.series]
    near = [
        (one, other)
        for one in range(len(DASHES))
        for other in range(one)
        if DASHES[one] == DASHES[other] and np.linalg.norm(seen[one] - seen[other]) < 20
    ]
    assert near == []
