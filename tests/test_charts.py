import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import charts, lanes
from lib.lab import recordings
from lib.recording import CallError
from tests.experiments import call, experiment, simple

CONFIG = Path(__file__).parent.parent / ".streamlit" / "config.toml"
PRESET = "text-davinci-002-2022-10"


def arrivals(one, **options):
    return charts.arrivals_figure(lanes.entries(one), **options)


def alt(one):
    return charts.arrivals_alt(lanes.entries(one))


def _rates(figure):
    """The row of rates: (its lines, the labels on them, its title). It is the last of three."""
    labels = [a for a in figure.layout.annotations if a.yref == "y3"]
    (title,) = [a.text for a in figure.layout.annotations if a.yref == "y3 domain" and a.y == 1]
    return [t for t in figure.data if t.yaxis == "y3"], [a.text for a in labels], title


def _traces(figure, name):
    return [t for t in figure.data if t.name == name]


def _marks(figure):
    return [t for t in figure.data if t.customdata is not None]


def test_every_event_is_a_mark():
    figure = arrivals(simple())
    # blocking: content, finish; streaming: role, reasoning, 4 content, finish, usage, done
    assert sum(len(t.x) for t in _marks(figure)) == 2 + 9


def test_kinds_are_told_apart_by_shape_size_or_strength():
    looks = {
        (t.marker.symbol, t.marker.size, t.opacity, t.marker.line.width)
        for t in _marks(arrivals(simple()))
        if t.y[0] > 0.5
    }
    assert len(looks) == 6


def test_each_kind_is_named_once_in_the_legend():
    shown = [t.name for t in arrivals(simple()).data if t.showlegend is not False]
    assert len(shown) == len(set(shown))
    assert shown == ["other event", "reasoning", "text", "read"]


def test_the_waiting_bar_ends_at_the_first_text():
    (bar,) = _traces(arrivals(simple()), "nothing to read")
    ends = {}
    for lane, start, length in zip(bar.y, bar.base, bar.x, strict=True):
        ends[round(lane)] = start + length
    assert ends == {0: pytest.approx(2.3), 1: pytest.approx(0.3)}


def _lanes(figure):
    """The labels of the lanes' row."""
    return [a for a in figure.layout.annotations if a.yref == "y"]


def _told(figure):
    return [re.sub("<[^>]*>", "", a.text) for a in _lanes(figure)]


def test_each_lane_has_its_name_and_its_times_over_it():
    figure = arrivals(simple())
    assert _told(figure) == ["Blocking  all at 2.30 s", "Streaming  text 1.20 to 1.60 s"]
    assert [a.y for a in _lanes(figure)] == [-0.5, 0.5]


def test_the_axis_says_what_it_counts():
    assert arrivals(simple()).layout.xaxis.title.text == "seconds since the request was sent"


def test_figures_are_deterministic():
    assert arrivals(simple()).to_json() == arrivals(simple()).to_json()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_picture_brings_the_pages_ground_along(scheme):
    layout = arrivals(simple(), dark=scheme == "dark").layout
    page = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"][scheme]["backgroundColor"]
    assert (layout.paper_bgcolor, layout.plot_bgcolor) == (page, "rgba(0,0,0,0)")


def test_the_two_schemes_differ():
    assert arrivals(simple(), dark=True).to_json() != arrivals(simple()).to_json()
    for row in ("y", "y2", "y3"):
        light, dark = (
            [t.to_plotly_json() for t in figure.data if (t.yaxis or "y") == row]
            for figure in (arrivals(simple()), arrivals(simple(), dark=True))
        )
        assert "#5B9BFF" in str(dark)
        assert "#0B5FFF" in str(light)


def test_arrays_travel_as_typed_data():
    spec = json.loads(arrivals(recordings.experiment(PRESET)).to_json())
    assert all("bdata" in t["x"] for t in spec["data"])


def test_many_marks_are_one_line_since_webgl_would_need_eval():
    rows = [(1 + i / 1000, "content", "x") for i in range(1200)]
    (text,) = [t for t in arrivals(experiment(call(0, "streaming", rows))).data if t.name == "text"]
    assert (text.type, text.mode, len(text.x)) == ("scatter", "lines", 3 * 1200)
    assert {t.type for t in arrivals(simple()).data} == {"bar", "scatter"}


def test_decimation_keeps_the_stall_and_the_ends():
    early = [(i / 20_000, "content", "x") for i in range(20_000)]
    late = [(3 + i / 20_000, "content", "x") for i in range(20_000)]
    figure = arrivals(experiment(call(0, "streaming", [*early, *late])))
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
    figure = arrivals(one)
    assert _told(figure) == ["Streaming  text from 0.50 s, cut at 0.50 s"]
    assert "where it was cut" in alt(one)


def test_a_call_of_which_nothing_is_known_keeps_its_lane():
    one = experiment(call(0, "blocking", None, state="failed"), call(1, "streaming", None, state="planned"))
    assert _told(arrivals(one)) == [
        "Blocking  failed", "Streaming"]  # fmt: skip
    assert alt(one).startswith(
        "Arrivals on one clock: Blocking has no events (failed); Streaming has no events. "
    )


def test_text_from_outside_brings_no_markup_into_a_figure():
    evil = "<img src=x onerror=alert(1)>\n&lt;b&gt;" + "y" * 500
    calls = [call(a, "streaming", [(0.2, "content", "x"), (0.4, "content", "y")], arm=a) for a in range(2)]
    one = experiment(*calls, models=(evil, "fine"))
    told = arrivals(one).to_json().replace("\\u003c", "<")
    assert "<img" not in told
    assert "&lt;" not in told
    assert "y" * 50 not in told


def test_the_rate_is_tokens_in_a_sliding_window():
    (curve,), labels, title = _rates(arrivals(simple(), window_s=0.5))
    # content tokens 1, 1, 1, 1 at 1.2, 1.4, 1.4, 1.6: four in the 0.5 s up to 1.6
    assert max(curve.y) == pytest.approx(4 / 0.5)
    assert title == "Tokens per second, window of 0.5 s"
    assert labels == ["peak 8.0"]


def test_without_a_recount_characters_stand_in_and_are_named():
    one = experiment(call(0, "streaming", [(0.2, "content", "abcd"), (0.4, "content", "ef")]))
    (curve,), _, title = _rates(arrivals(one))
    assert max(curve.y) == 6
    assert title == "Characters per second, window of 1 s"
    assert "6.0 characters per second" in alt(one)


def test_units_are_never_mixed_in_one_chart():
    calls = [
        call(0, "streaming", [(0.2, "content", "abcd")], arm=0, tokens=[2]),
        call(1, "streaming", [(0.2, "content", "abcd")], arm=1),
    ]
    curves, _, _ = _rates(arrivals(experiment(*calls, models=("a", "b"))))
    assert [max(t.y) for t in curves] == [4, 4]


def test_reasoning_never_enters_the_visible_rate():
    one = experiment(call(0, "streaming", [(0.1, "reasoning", "aaa"), (0.2, "content", "b")], tokens=[9, 1]))
    (curve,), _, _ = _rates(arrivals(one))
    assert max(curve.y) == 1


def test_without_streamed_text_the_chart_says_why_it_is_empty():
    one = experiment(call(0, "blocking", [(1.0, "content", "a")]))
    figure = arrivals(one)
    curves, _, _ = _rates(figure)
    # The one trace is without a value: it holds the row's axis.
    assert [np.isnan(t.y).all() for t in curves] == [True]
    (said,) = [a.text.replace("<br>", " ") for a in figure.layout.annotations
               if a.yref == "y3 domain" and a.y != 1]  # fmt: skip
    assert said == "No visible text was streamed, so there is no rate."
    assert "after 1.00 s. No visible text was streamed, so there is no rate;" in alt(one)


def test_the_sentences_hold_the_presets_numbers():
    one = recordings.experiment(PRESET)
    said = alt(one)
    assert said.startswith(
        "Arrivals on one clock: Blocking shows everything at once after 7.32 s;"
        " Streaming has 194 events, first text after 0.16 s, the last at 7.25 s. "
    )
    assert "Streaming reaches 40 tokens per second at 6.75 s" in said
    assert "a blocking call has no curve" in said


@pytest.mark.parametrize("name", list(recordings.PLAYED))
def test_every_recording_is_drawn_in_tokens(name):
    curves, _, title = _rates(arrivals(recordings.experiment(name)))
    assert curves
    assert title.startswith("Tokens per second")
