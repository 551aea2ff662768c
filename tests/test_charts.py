import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import charts
from lib.lab import recordings
from lib.recording import CallError
from tests.experiments import call, experiment, simple

PRESET = "text-davinci-002-2022-10"


def _traces(figure, name):
    return [t for t in figure.data if t.name == name]


def _marks(figure):
    return [t for t in figure.data if t.customdata is not None]


def test_every_event_is_a_mark():
    figure = charts.timeline_figure(simple())
    # blocking: content, finish; streaming: role, reasoning, 4 content, finish, usage, done
    assert sum(len(t.x) for t in _marks(figure)) == 2 + 9


def test_kinds_are_told_apart_by_shape_size_or_strength():
    looks = {
        (t.marker.symbol, t.marker.size, t.opacity, t.marker.line.width)
        for t in _marks(charts.timeline_figure(simple()))
        if t.y[0] > 0.5
    }
    assert len(looks) == 6


def test_each_kind_is_named_once_in_the_legend():
    shown = [t.name for t in charts.timeline_figure(simple()).data if t.showlegend is not False]
    assert len(shown) == len(set(shown))
    assert shown == ["other event", "reasoning", "text", "read"]


def test_the_waiting_bar_ends_at_the_first_text():
    (bar,) = _traces(charts.timeline_figure(simple()), "nothing to read")
    ends = {}
    for lane, start, length in zip(bar.y, bar.base, bar.x, strict=True):
        ends[round(lane)] = start + length
    assert ends == {0: pytest.approx(2.3), 1: pytest.approx(0.3)}


def _told(figure):
    return [re.sub("<[^>]*>", "", a.text) for a in figure.layout.annotations]


def test_each_lane_has_its_name_and_its_times_over_it():
    figure = charts.timeline_figure(simple())
    assert _told(figure) == ["Blocking  all at 2.30 s", "Streaming  text 1.20 to 1.60 s"]
    assert [a.y for a in figure.layout.annotations] == [-0.5, 0.5]


def test_the_axis_says_what_it_counts():
    assert charts.timeline_figure(simple()).layout.xaxis.title.text == "seconds since the request was sent"


@pytest.mark.parametrize("figure", [charts.timeline_figure, charts.throughput_figure])
def test_figures_are_deterministic(figure):
    assert figure(simple()).to_json() == figure(simple()).to_json()


@pytest.mark.parametrize("figure", [charts.timeline_figure, charts.throughput_figure])
def test_figures_have_no_background_of_their_own(figure):
    layout = figure(simple()).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"


@pytest.mark.parametrize("figure", [charts.timeline_figure, charts.throughput_figure])
def test_the_two_schemes_differ(figure):
    assert figure(simple(), dark=True).to_json() != figure(simple()).to_json()
    assert "#5B9BFF" in figure(simple(), dark=True).to_json()
    assert "#0B5FFF" in figure(simple()).to_json()


def test_arrays_travel_as_typed_data():
    spec = json.loads(charts.timeline_figure(recordings.experiment(PRESET)).to_json())
    assert all("bdata" in t["x"] for t in spec["data"])


def test_many_points_are_drawn_by_webgl():
    rows = [(1 + i / 1000, "content", "x") for i in range(1200)]
    types = {t.type for t in charts.timeline_figure(experiment(call(0, "streaming", rows))).data}
    assert types == {"bar", "scattergl"}
    assert {t.type for t in charts.timeline_figure(simple()).data} == {"bar", "scatter"}


def test_decimation_keeps_the_stall_and_the_ends():
    early = [(i / 20_000, "content", "x") for i in range(20_000)]
    late = [(3 + i / 20_000, "content", "x") for i in range(20_000)]
    figure = charts.timeline_figure(experiment(call(0, "streaming", [*early, *late])))
    x = _traces(figure, "text")[0].x
    assert len(x) <= charts.MAX_POINTS
    assert (x[0], x[-1]) == (0, pytest.approx(3.99995))
    assert np.diff(x).max() == pytest.approx(3 - 19_999 / 20_000)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=400), st.integers(4, 60))
def test_spread_keeps_no_more_than_asked_and_both_ends(values, most):
    times = np.sort(np.array(values))
    kept = charts.spread(times, most)
    assert len(kept) <= most
    assert times[kept[0]] == times[0]
    assert times[kept[-1]] == times[-1]


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=400), st.integers(4, 60))
def test_extremes_keep_the_highest_and_lowest_value(values, most):
    numbers = np.array(values)
    kept = numbers[charts.extremes(numbers, most)]
    assert len(kept) <= most
    assert (kept.min(), kept.max()) == (numbers.min(), numbers.max())


def test_a_cut_lane_says_so_beside_its_name():
    cut = CallError("cut", "<b>bad</b>")
    one = experiment(call(0, "streaming", [(0.5, "content", "a")], state="failed", cut=cut))
    figure = charts.timeline_figure(one)
    assert _told(figure) == ["Streaming  text from 0.50 s, cut at 0.50 s"]
    assert "where it was cut" in charts.timeline_alt(one)


def test_a_call_of_which_nothing_is_known_keeps_its_lane():
    one = experiment(call(0, "blocking", None, state="failed"), call(1, "streaming", None, state="planned"))
    assert _told(charts.timeline_figure(one)) == [
        "Blocking  failed", "Streaming"]  # fmt: skip
    assert charts.timeline_alt(one) == (
        "Arrivals on one clock: Blocking has no events (failed); Streaming has no events."
    )


def test_text_from_outside_brings_no_markup_into_a_figure():
    evil = "<img src=x onerror=alert(1)>\n&lt;b&gt;" + "y" * 500
    calls = [call(a, "streaming", [(0.2, "content", "x"), (0.4, "content", "y")], arm=a) for a in range(2)]
    one = experiment(*calls, models=(evil, "fine"))
    for figure in (charts.timeline_figure(one), charts.throughput_figure(one)):
        told = figure.to_json()
        assert "<img" not in told
        assert "&lt;" not in told
        assert "y" * 50 not in told


def test_the_rate_is_tokens_in_a_sliding_window():
    figure = charts.throughput_figure(simple(), window_s=0.5)
    curve = figure.data[0]
    # content tokens 1, 1, 1, 1 at 1.2, 1.4, 1.4, 1.6: four in the 0.5 s up to 1.6
    assert max(curve.y) == pytest.approx(4 / 0.5)
    assert figure.layout.yaxis.title.text == "tokens/s, window of 0.5 s"
    assert [a.text for a in figure.layout.annotations] == ["peak 8.0"]


def test_without_a_recount_characters_stand_in_and_are_named():
    one = experiment(call(0, "streaming", [(0.2, "content", "abcd"), (0.4, "content", "ef")]))
    figure = charts.throughput_figure(one)
    assert max(figure.data[0].y) == 6
    assert figure.layout.yaxis.title.text == "characters/s, window of 1 s"
    assert "6.0 characters per second" in charts.throughput_alt(one)


def test_units_are_never_mixed_in_one_chart():
    calls = [
        call(0, "streaming", [(0.2, "content", "abcd")], arm=0, tokens=[2]),
        call(1, "streaming", [(0.2, "content", "abcd")], arm=1),
    ]
    figure = charts.throughput_figure(experiment(*calls, models=("a", "b")))
    assert [max(t.y) for t in figure.data] == [4, 4]


def test_reasoning_never_enters_the_visible_rate():
    one = experiment(call(0, "streaming", [(0.1, "reasoning", "aaa"), (0.2, "content", "b")], tokens=[9, 1]))
    assert max(charts.throughput_figure(one).data[0].y) == 1


def test_without_streamed_text_the_chart_says_why_it_is_empty():
    one = experiment(call(0, "blocking", [(1.0, "content", "a")]))
    figure = charts.throughput_figure(one)
    assert len(figure.data) == 0
    said = figure.layout.annotations[0].text.replace("<br>", " ")
    assert said == "No visible text was streamed, so there is no rate."
    assert charts.throughput_alt(one).startswith("No visible text was streamed")


def test_the_sentences_hold_the_presets_numbers():
    one = recordings.experiment(PRESET)
    assert charts.timeline_alt(one) == (
        "Arrivals on one clock: Blocking shows everything at once after 7.32 s;"
        " Streaming has 194 events, first text after 0.16 s, the last at 7.25 s."
    )
    said = charts.throughput_alt(one)
    assert "Streaming reaches 40 tokens per second at 6.75 s" in said
    assert "a blocking call has no curve" in said


@pytest.mark.parametrize("name", list(recordings.PLAYED))
def test_every_recording_is_drawn_in_tokens(name):
    figure = charts.throughput_figure(recordings.experiment(name))
    assert figure.layout.yaxis.title.text.startswith("tokens/s")
