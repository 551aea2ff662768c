"""Figures of many pairs: forest, dots, shares, shifts, heat."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lib import charts, sample
from lib.charts import Effect
from lib.charts.amounts import log_ticks, pair_ticks
from lib.experiment import Experiment
from lib.points import apart, name, points
from tests.measured import experiment, without

EIGHT = tuple(f"<b>model {i}</b>" for i in range(8))
OF_METRIC = {
    "dots": (charts.dots_figure, charts.dots_alt, charts.dots_table),
    "shares": (charts.shares_figure, charts.shares_alt, charts.shares_table),
    "shifts": (charts.shifts_figure, charts.shifts_alt, charts.shifts_table),
    "heat": (charts.heat_figure, charts.heat_alt, charts.dots_table),
}


def effects(found: Experiment, metric: str = "ttfo_s") -> list[Effect]:
    return [Effect(name(found, i), one) for i, one in enumerate(sample.modes(found, metric))]


def traces(figure: Any) -> dict[str, Any]:
    return {t.name: t for t in figure.data}


def spec(figure: Any) -> str:
    return json.dumps(figure.to_plotly_json(), default=str)


@pytest.mark.parametrize("figure", [f for f, _, _ in OF_METRIC.values()])
def test_the_same_experiment_gives_the_same_bytes_in_each_scheme(figure: Callable[..., Any]) -> None:
    one = experiment(12, failed={3: "failed"}, cut=[6])
    assert figure(one, "ttfo_s").to_json() == figure(one, "ttfo_s").to_json()
    assert figure(one, "ttfo_s").to_json() != figure(one, "ttfo_s", dark=True).to_json()


@pytest.mark.parametrize("kind", OF_METRIC)
def test_nothing_measured_breaks_no_figure(kind: str) -> None:
    empty = without(experiment(2), 0, 1, 2, 3)
    figure, alt, table = OF_METRIC[kind]
    assert figure(empty, "ttfo_s") is not None
    assert alt(empty, "ttfo_s").endswith(".")
    assert table(empty, "ttfo_s").rows == []


@pytest.mark.parametrize("kind", OF_METRIC)
@pytest.mark.parametrize("metric", ["ttfo_s", "e2e_s", "speed_index_s", "answer_tps"])
def test_every_primary_metric_can_be_drawn_of_eight_arms(kind: str, metric: str) -> None:
    one = experiment(8, EIGHT, failed={3: "failed"}, cut=[6])
    figure, alt, table = OF_METRIC[kind]
    assert "<b>model" not in spec(figure(one, metric))
    assert alt(one, metric)
    assert table(one, metric).header


def test_two_hundred_pairs_of_eight_arms_are_all_drawn() -> None:
    one = experiment(200, EIGHT, failed=dict.fromkeys(range(0, 3200, 97), "failed"))
    figure = charts.dots_figure(one, "ttfo_s")
    dots = [t for t in figure.data if t.mode == "markers" and t.name != "far from the others"]
    assert sum(len(t.x) for t in dots) == 3200
    assert {t.type for t in figure.data} == {"scatter"}  # WebGL needs eval, which the page forbids


def test_a_failed_call_stands_at_the_edge_and_a_warm_up_is_hollow() -> None:
    one = experiment(6, failed={5: "failed"}, cut=[8], warmups=1)
    found = traces(charts.dots_figure(one, "e2e_s"))
    lost = found[next(n for n in found if n.endswith("failed"))]
    cut = found[next(n for n in found if n.endswith("cut short"))]
    known = np.concatenate([found["blocking"].y, found["streaming"].y])
    assert lost.y[0] == cut.y[0] > known.max()
    assert "failed" in lost.customdata[0]
    assert found["blocking, warm-up"].marker.symbol == "square-open"
    assert found["blocking, warm-up"].x[0] < 1


def test_a_lost_call_stands_at_the_low_edge_of_a_rate() -> None:
    one = experiment(6, failed=dict.fromkeys(range(2), "failed"))
    found = traces(charts.dots_figure(one, "answer_tps"))
    assert found["streaming, failed"].y[0] < found["streaming"].y.min()


def test_an_outlier_is_ringed_and_counted() -> None:
    one = experiment(30, odd={21: 6.0})
    assert [p.n for p in points(one, "ttfo_s") if p.out] == [21]
    figure = traces(charts.dots_figure(one, "ttfo_s"))
    assert len(figure["far from the others"].x) == 1
    assert len(figure["blocking"].x) + len(figure["streaming"].x) == 60
    assert "1 far from the others, ringed and counted" in charts.dots_alt(one, "ttfo_s")


def test_values_that_lie_closely_have_no_outlier() -> None:
    assert not [p for p in points(experiment(30, spread=1e-6), "ttfo_s") if p.out]


def test_the_earlier_call_of_a_pair_stands_left() -> None:
    one = experiment(6)
    x = {p.n: p.first for p in points(one, "ttfo_s")}
    assert [x[n] for n in range(4)] == [True, False, True, False]


def test_a_call_cut_before_its_text_is_a_failed_one() -> None:
    one = experiment(2, failed={0: "failed"}, cut=[1])
    assert [p.what for p in points(one, "e2e_s")][:2] == ["failed", "cut"]
    assert next(p.what for p in points(experiment(2, failed={0: "unknown"}), "e2e_s")) == "unknown"


def test_the_table_has_every_call() -> None:
    found = charts.dots_table(experiment(3, ("=HYPERLINK(1)",), failed={0: "failed"}), "e2e_s")
    assert len(found.rows) == 6
    assert found.rows[0][-3:] == (None, "failed", False)
    assert ",'=HYPERLINK(1)," in charts.csv_text(found)


def test_the_forest_marks_verdicts_by_shape() -> None:
    shown, none, few = (
        effects(experiment(30), "ttfo_s"),
        effects(experiment(30, spread=0.3), "e2e_s"),
        effects(experiment(3), "ttfo_s"),
    )
    symbols = {
        t.marker.symbol
        for e in (shown, none, few)
        for t in charts.forest_figure(e).data
        if t.showlegend is not False
    }
    assert symbols == {"diamond", "circle-open", "circle-open-dot"}


def test_an_interval_without_an_end_has_an_arrow() -> None:
    one = experiment(6, failed=dict.fromkeys((1, 3), "failed"))
    found = effects(one, "e2e_s")
    assert "arrow-right" in spec(charts.forest_figure(found)) or "arrow-left" in spec(
        charts.forest_figure(found)
    )
    assert "unbounded" in charts.forest_alt(found)


def test_the_margin_is_a_band_around_the_line() -> None:
    figure = charts.forest_figure(effects(experiment(30, margin=0.05)), margin=0.05)
    assert [(s.x0, s.x1) for s in figure.layout.shapes] == [(0.95, 1.05), (1, 1)]


def test_the_line_leaves_the_words_of_each_row_alone() -> None:
    figure = charts.forest_figure(effects(experiment(6, EIGHT)))
    spans = [(s.y0, s.y1) for s in figure.layout.shapes]
    names = [a.y for a in figure.layout.annotations if a.yref == "y"]
    assert len(spans) == len(names) == 8
    assert not any(low <= y <= high for low, high in spans for y in names)


def test_too_few_pairs_are_told_once() -> None:
    assert charts.forest_alt(effects(experiment(4))).endswith("left of it less. 4 pairs, too few.")


def test_too_few_pairs_are_drawn_as_themselves() -> None:
    figure = charts.forest_figure(effects(experiment(4)))
    assert [len(t.x) for t in figure.data] == [4]


def test_the_forests_table_leaves_unknown_ends_empty() -> None:
    found = charts.forest_table(effects(experiment(6, failed={1: "failed"}), "e2e_s"))
    assert found.header == ("of", "pairs", "verdict", "ratio", "low", "high", "p", "p_holm")
    assert None in found.rows[0][4:6]


def test_a_failed_call_counts_in_every_share() -> None:
    one = experiment(10, failed=dict.fromkeys(range(4), "failed"))
    lines = [t for t in charts.shares_figure(one, "e2e_s").data if t.mode == "lines"]
    assert [max(t.y) for t in lines] == [80.0, 80.0]  # 2 of 10 of each mode failed


def test_of_rates_the_failed_calls_are_the_slowest() -> None:
    one = experiment(10, failed=dict.fromkeys(range(4), "failed"))
    (line,) = [t for t in charts.shares_figure(one, "answer_tps").data if t.mode == "lines"]
    assert (line.y[0], max(line.y)) == (20.0, 100.0)


def test_p95_is_withheld_of_few_calls() -> None:
    assert "for 95 % it takes 20 calls" in charts.shares_alt(experiment(10), "e2e_s")
    assert "95 % within" in charts.shares_alt(experiment(20), "e2e_s")
    assert "unbounded" in charts.shares_alt(experiment(20), "e2e_s")


def test_shifts_are_streaming_minus_blocking() -> None:
    figure = charts.shifts_figure(experiment(100), "ttfo_s")
    marks = figure.data[1]
    assert len(marks.x) == 9
    assert max(marks.y) < 0
    assert set(marks.marker.symbol) == {"diamond"}


def test_a_missing_cell_is_hatched_and_one_to_come_is_empty() -> None:
    one = without(experiment(10, failed={4: "failed", 5: "failed"}), 18, 19)
    heat, hatched = charts.heat_figure(one, "e2e_s").data
    assert np.isnan(heat.z).sum() == 4
    assert len(hatched.x) == 2
    assert hatched.marker.pattern.shape == "/"


def test_neighbours_without_a_number_share_a_bar() -> None:
    one = experiment(200, failed=dict.fromkeys(range(100, 300), "failed"))
    assert len(charts.heat_figure(one, "e2e_s").data[1].x) == 2


def test_round_ticks() -> None:
    assert pair_ticks(6) == [1, 2, 3, 4, 5, 6]
    assert pair_ticks(30) == [1, 5, 10, 15, 20, 25, 30]
    assert pair_ticks(200) == [1, 50, 100, 150, 200]
    assert pair_ticks(1) == [1]
    assert log_ticks(0.1, 30, "e2e_s", 3)["ticktext"] == ["100 ms", "1 s", "10 s"]


def test_names_keep_what_tells_them_apart() -> None:
    assert apart(["steady:first=0.02,rate=1", "steady:first=0.03,rate=1"]) == ["…0.02,rate=1", "…0.03,rate=1"]
    assert apart([f"steady:first=0.0{i},rate=9,tokens=16" for i in (2, 3)]) == ["…0.02…", "…0.03…"]
    assert apart(["gpt-4o", "gpt-4o-mini"]) == ["gpt-4o", "gpt-4o-mini"]
    assert apart(["one-long-name"]) == ["one-long-name"]


def test_of_many_rows_the_sentence_names_the_ends() -> None:
    said = charts.forest_alt(effects(experiment(12, tuple("abcdefgh"))))
    assert "Difference shown: 8 of 8. The lowest and the highest: " in said


def test_the_dots_sentence_names_medians_where_there_are_some() -> None:
    assert ". Medians: blocking 1.83 s, streaming 209 ms." in charts.dots_alt(experiment(6), "ttfo_s")
    lost = experiment(1, ("one", "two"), failed={0: "failed", 1: "failed"})
    assert charts.dots_alt(without(lost, 2, 3), "ttfo_s").startswith(
        "First visible text of 1 pair in run order. 2 failed or cut"
    )
