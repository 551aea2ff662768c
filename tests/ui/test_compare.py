"""The page that lays saved experiments over each other, and the ways that lead to it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from lib.experiment import Experiment
from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec
from tests.ui.conftest import wait_for

Open = Callable[..., AppTest]
HOSTILE = "![x](http://127.0.0.1:9/x.png) <img src=//127.0.0.1:9/y> *steady*"


@pytest.fixture
def other(service: Service) -> Experiment:
    """A second experiment, slower to begin, with a name that wants to be markup."""
    call = CallSpec("chat.completions", "steady:first=0.2,rate=400,tokens=20", "Count.", max_tokens=60)
    id = service.start(
        ExperimentSpec((Arm(Endpoint(LAB), call),), together=True, cache="as_is"), title=HOSTILE
    )
    return wait_for(service, id)


def hero(at: AppTest) -> dict[str, object]:
    found = [c for c in at.get("bidi_component") if c.proto.component_name == "streamgauge_hero"]
    assert len(found) == 1
    data = json.loads(found[0].proto.json)
    assert isinstance(data, dict)
    return data


def sentence(at: AppTest) -> str:
    component = next(c for c in at.get("bidi_component") if c.proto.component_name == "streamgauge_sentence")
    return "".join(text for text, _ in json.loads(component.proto.json)["runs"])


def test_two_experiments_are_one_race_with_a_lane_each(
    open_page: Open, finished: Experiment, other: Experiment
) -> None:
    at = open_page("compare", ids=f"{finished.id},{other.id}")
    assert not at.exception
    assert [lane["label"] for lane in hero(at)["lanes"]] == ["A", "B"]
    assert sentence(at).startswith("A (steady:first=0.02")
    assert "the baseline" not in sentence(at)


def test_only_the_parameters_that_differ_are_shown(
    open_page: Open, finished: Experiment, other: Experiment
) -> None:
    at = open_page("compare", ids=f"{finished.id},{other.id}")
    tables = [list(frame.value.iloc[:, 0]) for frame in at.dataframe]
    assert ["model", "max_tokens"] in tables


def test_the_baseline_can_be_swapped_and_the_lanes_met_at_their_first_text(
    open_page: Open, finished: Experiment, other: Experiment
) -> None:
    at = open_page("compare", ids=f"{finished.id},{other.id}")
    at.selectbox(key="baseline").set_value(1).run()
    assert "the baseline, B" in sentence(at)
    at.segmented_control(key="align").set_value("First text").run()
    assert not at.exception
    data = hero(at)
    assert data["zero_s"] > 0.15
    assert len({lane["first_s"] for lane in data["lanes"]}) == 1


def test_a_link_that_names_nothing_here_says_so_and_leads_on(open_page: Open) -> None:
    for ids in ("", "nonsense", "A" * 22, ",,,", "A" * 22 + "," + "../../etc"):
        at = open_page("compare", ids=ids)
        assert not at.exception
        assert any("Choose two or more" in m.value for m in at.markdown)


def test_names_that_want_to_be_markup_stay_text(
    open_page: Open, finished: Experiment, other: Experiment
) -> None:
    at = open_page("compare", ids=f"{finished.id},{other.id}")
    shown = [e.value for kind in ("markdown", "caption", "title", "subheader") for e in at.get(kind)]
    assert not any(HOSTILE in str(value) for value in shown)


def test_experiments_ticked_on_the_saved_page_go_to_one_comparison(
    open_page: Open, finished: Experiment, other: Experiment
) -> None:
    at = open_page("saved")
    at.checkbox(key=f"tick_{finished.id}").check().run()
    at.checkbox(key=f"tick_{other.id}").check().run()
    assert not at.exception
    links = [link.proto.query_string for link in at.get("page_link") if link.proto.label == "Compare them"]
    assert links == [f"ids={finished.id}%2C{other.id}"] or links == [f"ids={finished.id},{other.id}"]
