"""Phases, first moments and errors as figures."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from lib import charts, lanes
from lib.delivery import RATES, Delivery
from lib.experiment import Experiment
from lib.lab import recordings
from tests.experiments import call, experiment, simple
from tests.figures import WORKED, blocking

PRESET = "text-davinci-002-2022-10"
CONNECTING = (
    ("dns.start", -30_000_000), ("dns.end", -20_000_000), ("connect.start", -20_000_000),
    ("connect.end", -12_000_000), ("tls.start", -12_000_000), ("tls.end", -1_000_000),
)  # fmt: skip
FIGURES = [charts.waterfall_figure, charts.moments_figure]


def worked() -> Experiment:
    """METRICS.md's worked example with a connection before it."""
    marks = (*CONNECTING, *WORKED.timeline.marks)
    one = experiment(
        call(0, "blocking", [(2.3, "content", "a")]), call(1, "streaming", [(1.0, "content", "a")])
    )
    lines = (blocking()[0], dataclasses.replace(WORKED.timeline, marks=marks))
    calls = tuple(dataclasses.replace(c, timeline=t) for c, t in zip(one.calls, lines, strict=True))
    return dataclasses.replace(one, calls=calls)


def bars(figure: Any, row: int) -> dict[str, tuple[float, float]]:
    """Phase → (start, end) of one call."""
    return {
        t.name: (base, base + width)
        for t in figure.data
        for base, width, y in zip(t.base, t.x, t.y, strict=True)
        if y == row
    }


def test_the_waterfall_begins_left_of_zero_and_ends_with_the_stream() -> None:
    found = bars(charts.waterfall_figure(worked()), 1)
    assert list(found) == [
        "finding the address (DNS)", "connecting", "agreeing on encryption (TLS)", "wait until the headers",
        "wait until the first event", "wait until the first text", "reasoning", "answer",
        "after the last text",
    ]  # fmt: skip
    assert found["finding the address (DNS)"] == pytest.approx((-0.03, -0.02))
    assert found["answer"] == pytest.approx((1.2, 2.2))
    assert found["after the last text"][1] == pytest.approx(2.26)


def test_all_of_a_waterfall_is_in_sight() -> None:
    low, high = charts.waterfall_figure(worked()).layout.xaxis.range
    assert low < -0.03
    assert high > 2.3


def test_no_phase_of_no_length_is_in_the_legend() -> None:
    names = [t.name for t in charts.waterfall_figure(recordings.experiment(PRESET)).data]
    # The recording has no headers and no end: the wait and the answer are all that is known.
    assert names == ["wait until the first event", "answer"]


def test_the_sentence_joins_the_parts_of_the_wait() -> None:
    assert charts.waterfall_alt(worked()).endswith(
        # 0.09 + 0.01 + 0.20 = 0.30
        "Streaming: finding the address (DNS) 10 ms, connecting 8.0 ms, agreeing on encryption (TLS) 11 ms, "
        "wait before the first token 300 ms, reasoning 900 ms, answer 1.00 s, after the last text 60 ms."
    )


@pytest.mark.parametrize("figure", FIGURES)
def test_nothing_is_called_prefill(figure: Any) -> None:
    assert "prefill" not in (figure(worked()).to_json() + charts.waterfall_alt(worked())).lower()


@pytest.mark.parametrize("figure", FIGURES)
def test_the_same_experiment_gives_the_same_figure(figure: Any) -> None:
    assert figure(worked()).to_json() == figure(worked()).to_json()
    assert figure(worked()).to_json() != figure(worked(), dark=True).to_json()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_call_of_which_nothing_is_known_breaks_no_figure(figure: Any) -> None:
    one = experiment(call(0, "blocking", None, state="dropped"), call(1, "streaming", None, state="dropped"))
    assert len(figure(one).data) == 0
    assert charts.moments_alt(one) == "Nothing is known to have come."
    assert charts.waterfall_alt(one).startswith("Of no call")


def test_a_moment_that_happened_in_no_call_has_no_row() -> None:
    rows = charts.moments_figure(worked()).layout.yaxis.ticktext
    assert list(rows) == [
        "response headers", "first byte", "first event", "role or empty event", "first reasoning",
        "first visible text",
    ]  # fmt: skip


def test_moments_stand_at_their_times() -> None:
    streaming = charts.moments_figure(worked()).data[1]
    assert list(streaming.x) == pytest.approx([0.09, 0.1, 0.1, 0.1, 0.3, 1.2])
    assert list(streaming.text) == ["90 ms", "100 ms", "100 ms", "100 ms", "300 ms", "1.20 s"]


def test_names_from_outside_bring_no_markup() -> None:
    calls = [call(n, m, [(1.0, "content", "a")], arm=n) for n, m in enumerate(("streaming", "streaming"))]
    one = experiment(*calls, models=("<b>x</b>", "y"))
    for figure in FIGURES:
        assert "<b>" not in figure(one).to_json().replace("\\u003c", "<")


def test_errors_are_drawn_in_milliseconds() -> None:
    figure = charts.errors_figure([(0.1, 0.0002), (0.2, -0.0001)])
    assert list(figure.data[0].x) == [0.1, 0.2]
    assert list(figure.data[0].y) == pytest.approx([0.2, -0.1])
    assert charts.errors_alt([(0.1, 0.0002), (0.2, -0.0001)]) == (
        "Of 2 events, the stamp that was furthest off was off by 0.2 ms, 0.10 s after the request."
    )


def test_many_errors_keep_their_worst() -> None:
    rows = [(i / 1000, 0.00001) for i in range(50_000)]
    rows[31_234] = (31.234, 0.2)
    figure = charts.errors_figure(rows)
    assert len(figure.data[0].x) <= 1_000
    assert max(figure.data[0].y) == pytest.approx(200)


def test_the_spread_rises_to_all_events() -> None:
    rows = [(i / 100, e) for i, e in enumerate((0.0001, 0.0003, -0.0004, 0.0))]
    line = charts.spread_figure(rows).data[0]
    assert list(line.x) == pytest.approx([0.001, 0.1, 0.3, 0.4])  # 0 is drawn at the clock's 0.001 ms
    assert list(line.y) == [25, 50, 75, 100]
    # median of 0, 0.1, 0.3, 0.4 is 0.2; the 95 % quantile lies at 2.85: 0.385
    assert charts.spread_alt(rows) == "Half of the stamps are right to 0.2 ms, 95 % to 0.4 ms, all to 0.4 ms."


def test_no_errors_make_an_empty_figure_and_say_so() -> None:
    assert np.size(charts.errors_figure([]).data[0].x) == 0
    assert np.size(charts.spread_figure([]).data[0].x) == 0
    assert charts.errors_alt([]) == charts.spread_alt([])


def test_a_withheld_rate_is_not_drawn() -> None:
    one = simple()
    held = Delivery("buffered", "Held.", withheld=RATES, why_withheld="It would measure a buffer.")
    calls = (one.calls[0], dataclasses.replace(one.calls[1], delivery=held))
    withheld = dataclasses.replace(one, calls=calls)
    rows = lanes.entries(withheld)
    curves = [t for t in charts.arrivals_figure(rows).data if t.yaxis == "y3"]
    assert [np.isnan(t.y).all() for t in curves] == [True]
    assert ". No rate is shown. It would measure a buffer" in charts.arrivals_alt(rows)


def test_a_gap_in_which_this_program_stood_still_is_drawn_hollow() -> None:
    one = simple()
    streaming = one.calls[1]
    assert streaming.timeline is not None
    # Visible text at 1.2, 1.4 and 1.6 s; 0.05 s of the second gap is a quarter of it.
    stopped = dataclasses.replace(streaming.timeline, pauses=((1_450_000_000, 1_500_000_000),))
    suspect = dataclasses.replace(one, calls=(one.calls[0], dataclasses.replace(streaming, timeline=stopped)))
    (bar,) = [t for t in charts.arrivals_figure(lanes.entries(suspect)).data if t.name == "suspect gap"]
    assert (list(bar.base), list(bar.x), round(bar.y[0])) == ([1.4], [pytest.approx(0.2)], 1)
    assert not [t for t in charts.arrivals_figure(lanes.entries(one)).data if t.name == "suspect gap"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 ms"), (0.00004, "0.04 ms"), (0.0003, "0.3 ms"), (0.16, "160 ms"), (7.09, "7.09 s")],
)
def test_durations_have_the_digits_that_matter(seconds: float, said: str) -> None:
    assert charts.duration(seconds) == said
