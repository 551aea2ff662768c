"""What a link says before it is opened: the verdict of a measurement, and every model."""

import io

import pytest
from PIL import Image

from lib import teaser
from lib.experiment import Experiment
from lib.pictures.card import card
from tests import measured
from tests.experiments import call, experiment, simple


def several(count: int) -> Experiment:
    calls = [
        call(2 * arm + k, mode, [(0.1 + arm, "content", "a")], arm=arm)
        for arm in range(count)
        for k, mode in enumerate(("blocking", "streaming"))
    ]
    return experiment(*calls, models=[f"model-{arm}" for arm in range(count)])


def failed() -> Experiment:
    return experiment(call(0, "blocking", [], state="failed"), call(1, "streaming", [], state="failed"))


def test_a_measurement_tells_its_verdict_and_medians() -> None:
    found = measured.experiment(6)
    assert teaser.line(found).startswith("First visible text")
    assert "sooner" in teaser.line(found)
    assert [f.label for f in teaser.figures(found)] == [
        "First visible text, blocking",
        "First visible text, streaming",
        "Calls that came whole",
    ]


def test_of_several_models_each_is_told_and_only_streams_are_drawn() -> None:
    found = several(6)
    assert [f.label for f in teaser.figures(found)] == [f"First text, model-{i}" for i in range(3)]
    rows, left_out = teaser.tracks(found)
    assert ({row.call.planned.mode for row in rows}, len(rows), left_out) == ({"streaming"}, 4, 2)


def test_what_brought_no_answer_tells_no_number() -> None:
    assert teaser.figures(failed()) == []
    assert teaser.line(failed()) == "No answer arrived."


@pytest.mark.parametrize("found", [simple(), several(6), failed(), measured.experiment(6)])
def test_every_experiment_has_a_card(found: Experiment) -> None:
    picture = Image.open(io.BytesIO(card(found, "<b>A title</b>", "28 November 2026")))
    assert (picture.format, picture.size) == ("PNG", (1200, 630))
