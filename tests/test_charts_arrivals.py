"""Lanes, staircase and rates as rows of one figure."""

import dataclasses
import json
import re

import numpy as np
import pytest

from lib import charts, lanes
from lib.charts.told import names as told_names
from lib.delivery import RATES, Delivery
from lib.experiment import Experiment
from lib.lab import recordings
from lib.lanes import Entry
from lib.recording import CallError
from lib.timeline import Arrival
from tests.experiments import Row, call, experiment, simple
from tests.figures import WORKED, blocking

PRESET = "text-davinci-002-2022-10"
CUT = CallError("cut", "The connection closed.")


def rows_of(one: Experiment) -> list[Entry]:
    return lanes.entries(one)


def worked() -> Experiment:
    """METRICS.md's worked example."""
    one = experiment(
        call(0, "blocking", [(2.3, "content", "a")]), call(1, "streaming", [(1.0, "content", "a")])
    )
    whole, recount = blocking()
    calls = (
        dataclasses.replace(one.calls[0], timeline=whole, recount=recount, metrics=None),
        dataclasses.replace(one.calls[1], timeline=WORKED.timeline, recount=WORKED.recount, metrics=None),
    )
    return dataclasses.replace(one, calls=calls)


def told(figure: charts.Figure) -> list[str]:
    return [re.sub("<[^>]*>", "", a.text) for a in figure.layout.annotations]


def marks(figure: charts.Figure) -> list:
    return [t for t in figure.data if t.customdata is not None]


def many(count: int, stall_s: float = 3.0) -> list[Entry]:
    """Streaming events 1 ms apart; it stops in the middle for `stall_s`."""
    rows: list[Row] = [
        (0.5 + i / 1000 + (stall_s if i >= count // 2 else 0), "content", "x") for i in range(count)
    ]
    return rows_of(experiment(call(0, "streaming", rows)))


def test_all_rows_share_one_x_axis() -> None:
    figure = charts.arrivals_figure(rows_of(simple()))
    assert {t.xaxis for t in figure.data} <= {None, "x"}
    assert {t.yaxis or "y" for t in figure.data} == {"y", "y2", "y3"}
    assert [k for k in figure.layout.to_plotly_json() if k.startswith("xaxis")] == ["xaxis"]
    assert (figure.layout.hovermode, figure.layout.hoversubplots) == ("x", "axis")


def test_rows_lie_under_each_other() -> None:
    layout = charts.arrivals_figure(rows_of(simple())).layout
    top, middle, bottom = (layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3"))
    assert 0 <= bottom[0] < bottom[1] < middle[0] < middle[1] < top[0] < top[1] == 1


def test_the_area_between_the_lines_is_named() -> None:
    figure = charts.arrivals_figure(rows_of(worked()))
    assert "mean head start 0.60 s" in told(figure)
    assert "0.60 s sooner on average (mean head start)" in charts.arrivals_alt(rows_of(worked()))


def test_the_shaded_area_is_the_mean_head_start() -> None:
    (area,) = [t for t in charts.arrivals_figure(rows_of(worked())).data if t.name == "mean head start"]
    x, y = np.array(area.x), np.array(area.y) / 100
    enclosed = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert enclosed == pytest.approx(0.597222222)


def test_two_calls_that_are_no_pair_have_no_area() -> None:
    one = rows_of(worked())
    for other in (
        [one[0], one[1]._replace(shift_s=0.5)],
        [one[0], one[1]._replace(sub="another model")],
        [one[1], one[1]],
        one[:1],
    ):
        assert not [t for t in charts.arrivals_figure(other).data if t.name == "mean head start"]


def test_queued_text_and_reads_look_different() -> None:
    one = simple()
    streaming = one.calls[1]
    assert streaming.timeline is not None
    reads = list(streaming.timeline.reads)
    reads[2] = Arrival(reads[2].t_ns, reads[2].t_ns - 150_000_000, 100)
    late = dataclasses.replace(streaming.timeline, reads=tuple(reads))
    queued = dataclasses.replace(one, calls=(one.calls[0], dataclasses.replace(streaming, timeline=late)))
    figure = charts.arrivals_figure(rows_of(queued))
    (mark,) = [t for t in marks(figure) if "queued" in t.name]
    assert list(mark.x) == [1.2]
    (bar,) = [
        t for t in figure.data if t.type == "scatter" and t.mode == "lines" and t.legendgroup == mark.name
    ]
    assert list(bar.x[:2]) == pytest.approx([1.05, 1.2])
    assert not [t for t in marks(charts.arrivals_figure(rows_of(one))) if "queued" in t.name]


def test_a_freeze_is_shaded_from_its_last_text_to_the_next() -> None:
    (bar,) = [t for t in charts.arrivals_figure(rows_of(worked())).data if t.name == "freeze"]
    assert (list(bar.base), list(bar.x)) == ([1.4], [pytest.approx(0.5)])


def test_connecting_lies_left_of_zero() -> None:
    one = worked()
    before = (("connect.start", -40_000_000), ("connect.end", -10_000_000), *WORKED.timeline.marks)
    streaming = dataclasses.replace(one.calls[1], timeline=dataclasses.replace(WORKED.timeline, marks=before))
    figure = charts.arrivals_figure(rows_of(dataclasses.replace(one, calls=(one.calls[0], streaming))))
    (bar,) = [t for t in figure.data if t.name == "connecting"]
    assert (list(bar.base), list(bar.x)) == ([-0.04], [pytest.approx(0.03)])
    assert figure.layout.xaxis.range[0] < -0.04


def test_a_click_finds_its_event() -> None:
    rows = rows_of(simple())
    for trace in marks(charts.arrivals_figure(rows)):
        for x, value in zip(trace.x, trace.customdata, strict=True):
            place, event = charts.picked(rows, {"customdata": int(value)}) or (-1, -1)
            assert rows[place].call.timeline.events[event].t_ns / 1e9 == pytest.approx(x)


@pytest.mark.parametrize(
    "value", [None, "1", -1, True, float("nan"), float("inf"), [], {}, 2**60, 5 << 26, (1 << 26) + 99]
)
def test_a_point_that_is_no_mark_finds_nothing(value: object) -> None:
    assert charts.picked(rows_of(simple()), {"customdata": value}) is None
    assert charts.picked(rows_of(simple()), {}) is None


def test_many_events_keep_both_edges_of_a_stall() -> None:
    figure = charts.arrivals_figure(many(60_000, stall_s=0.5))
    (text,) = [t for t in figure.data if t.name == "text"]
    assert sum(len(t.x) for t in figure.data if t.yaxis == "y") <= charts.MAX_POINTS
    assert text.mode == "lines"
    assert text.y[1] - text.y[0] > 0.4  # each stroke as high as the tick it is
    assert np.diff(text.x[::3]).max() == pytest.approx(0.501)


def test_a_range_is_drawn_to_the_event() -> None:
    rows = many(60_000)
    figure = charts.arrivals_figure(rows, range_s=(2.0, 4.0))
    (text,) = [t for t in figure.data if t.name == "text"]
    assert len(text.x) == 3 * 2001
    assert (text.x[0], text.x[-1]) == (2.0, 4.0)
    assert tuple(figure.layout.xaxis.range) == (2.0, 4.0)


def test_lines_run_through_a_range_from_edge_to_edge() -> None:
    rows = rows_of(simple())
    figure = charts.arrivals_figure(rows, range_s=(1.25, 1.35))
    stairs = [t for t in figure.data if t.yaxis == "y2" and t.mode == "lines" and t.fill is None]
    # Of "One two three." four characters of fourteen were there at 1.2 s.
    assert [np.interp(1.3, t.x[:-1], t.y[:-1]) > 0 for t in stairs] == [False, True]
    assert "Streaming" in told(figure)[2] + told(figure)[3]


def test_a_cut_text_is_counted_in_characters() -> None:
    one = experiment(
        call(0, "blocking", [(2.0, "content", "abcd"), (2.0, "finish", "")]),
        call(1, "streaming", [(0.5, "content", "ab")], state="failed", cut=CUT),
    )
    figure = charts.arrivals_figure(rows_of(one))
    assert any(text.startswith("Characters shown") for text in told(figure))
    assert [max(t.y) for t in figure.data if t.yaxis == "y2"] == [4, 2]


def test_without_text_only_lanes_are_drawn() -> None:
    one = experiment(call(0, "blocking", None, state="failed"), call(1, "streaming", [(0.1, "role", "")]))
    figure = charts.arrivals_figure(rows_of(one))
    assert {t.yaxis or "y" for t in figure.data} == {"y"}
    assert "No visible text was streamed, so there is no rate" in charts.arrivals_alt(rows_of(one))


def test_a_withheld_rate_says_why() -> None:
    one = simple()
    held = Delivery("buffered", "Held.", withheld=RATES, why_withheld="It would measure a buffer.")
    calls = (one.calls[0], dataclasses.replace(one.calls[1], delivery=held))
    figure = charts.arrivals_figure(rows_of(dataclasses.replace(one, calls=calls)))
    assert any("It would measure a buffer." in text.replace("<br>", " ") for text in
               [a.text.replace("<br>", " ") for a in figure.layout.annotations])  # fmt: skip


def test_aligned_by_text_all_lanes_meet_at_zero() -> None:
    rows, zero = lanes.aligned(rows_of(simple()), "text")
    figure = charts.arrivals_figure(rows, zero_s=zero)
    firsts = [min(t.x) for t in marks(figure) if t.name == "text"]
    assert firsts == [pytest.approx(0), pytest.approx(0)]
    assert figure.layout.xaxis.title.text == "seconds since the first visible text"


def rows_of_eight(count: int) -> list[lanes.Entry]:
    calls = [call(n, "streaming", [(0.2 + n / 50, "content", "ab"), (0.4 + n / 50, "content", "cd")],
                  arm=n, tokens=[1, 1]) for n in range(8)]  # fmt: skip
    eight = rows_of(experiment(*calls, models=[f"model-{n}" for n in range(8)]))
    return (eight + [row._replace(sub=f"again-{row.sub}") for row in eight])[:count]


def test_many_lines_have_no_names_on_them_but_the_colours_of_the_lanes_above() -> None:
    figure = charts.arrivals_figure(rows_of_eight(16))
    assert not [a for a in figure.layout.annotations if a.yref == "y2"]
    assert "Share of the text shown, in the colours above" in told(figure)


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["alpha", "beta"], ["alpha", "beta"]),
        (
            [f"a-very-long-name-of-a-model-{k}-of-2026" for k in ("mini", "large")],
            ["…mini…", "…large…"],
        ),
        (
            [f"{k * 'x'}-nothing-in-common-{k * 'x'}" for k in (20, 21)],
            ["1. xxxxxxxxxxxx…", "2. xxxxxxxxxxxx…"],
        ),
    ],
)
def test_names_that_are_cut_stay_different(models: list[str], names: list[str]) -> None:
    rows = [row._replace(sub=model) for row, model in zip(rows_of_eight(2), models, strict=True)]
    rows[1] = rows[1]._replace(label="Blocking")
    assert told_names(rows) == [f"{row.label} · {name}" for row, name in zip(rows, names, strict=True)]


def test_titles_that_begin_alike_stay_different() -> None:
    titles = [f"Blocking and streaming: {model} · 2026-11-28" for model in ("mini", "large")]
    rows = [row._replace(label=t, sub="") for row, t in zip(rows_of_eight(2), titles, strict=True)]
    assert told_names(rows) == ["…mini…", "…large…"]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_line_has_its_name_on_it(count: int) -> None:
    rows = rows_of_eight(count)
    figure = charts.arrivals_figure(rows)
    on_lines = [a for a in figure.layout.annotations if a.yref in ("y2", "y3")]
    assert len(on_lines) == 2 * count
    for row in rows[1:]:
        assert sum(row.sub in a.text for a in on_lines) >= 2


def test_peaks_have_lines_of_their_own() -> None:
    calls = [call(n, "streaming", [(0.2, "content", "ab"), (0.4, "content", "cd")], arm=n, tokens=[n + 1, 1])
             for n in range(8)]  # fmt: skip
    figure = charts.arrivals_figure(rows_of(experiment(*calls, models=[f"model-{n}" for n in range(8)])))
    layout = figure.layout
    high = layout.yaxis3.range[1]
    pixels = (layout.yaxis3.domain[1] - layout.yaxis3.domain[0]) * (layout.height - 108)
    tops = sorted(a.ay + pixels * (1 - a.y / high) for a in layout.annotations if a.yref == "y3" and a.ay)
    assert min(np.diff(tops)) >= 14


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = rows_of(recordings.experiment(PRESET))
    assert charts.arrivals_figure(rows).to_json() == charts.arrivals_figure(rows).to_json()
    assert charts.arrivals_figure(rows).to_json() != charts.arrivals_figure(rows, dark=True).to_json()


def test_arrays_travel_as_typed_data() -> None:
    spec = json.loads(charts.arrivals_figure(rows_of(recordings.experiment(PRESET))).to_json())
    assert all("bdata" in t["x"] for t in spec["data"])


def test_names_from_outside_bring_no_markup() -> None:
    rows = [row._replace(label="<b>x</b>", sub="<i>&lt;y") for row in rows_of(simple())]
    said = charts.arrivals_figure(rows).to_json().replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<b>x" not in said
    assert "<i>" not in said
    assert "&lt;" not in said


def test_many_lanes_are_told_in_few_words() -> None:
    calls = [
        call(n, "streaming", [(0.2 + n / 50, "content", "ab"), (0.5, "content", "cd"), (1.0, "finish", "")],
             arm=n, tokens=[1, 1, 0])
        for n in range(8)
    ]  # fmt: skip
    said = charts.arrivals_alt(rows_of(experiment(*calls, models=[f"model-{n}" for n in range(8)])))
    assert said.startswith(
        "Arrivals of 8 calls on one clock: model-0 shows text first, after 0.20 s, "
        "model-7 last, after 0.34 s."
    )
    assert "the highest and the lowest peak" in said


def test_no_rows_make_an_empty_figure_and_say_so() -> None:
    assert len(charts.arrivals_figure([]).data) == 0
    assert charts.arrivals_alt([]).startswith("No call belongs to this picture.")
