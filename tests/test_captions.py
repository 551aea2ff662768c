"""Captions for a room: true at their moment, one line each, and none of what did not happen."""

import dataclasses
from typing import Any

import pytest

from lib import lanes
from lib.captions import captions
from lib.experiment import CallResult, Experiment
from lib.lab.recordings import PLAYED
from lib.lab.recordings import experiment as recorded
from lib.plan import PlannedCall
from lib.recording import CallError
from tests.experiments import call, experiment

Rows = list[Any]
LOOK = "one pair is a look, not a measurement."


def answer(seconds: float, text: str = "One two.", n: int = 0, arm: int = 0) -> CallResult:
    return call(n, "blocking", [(seconds, "content", text), (seconds, "finish", "")], arm=arm)


def stream(first: float, end: float, n: int = 1, arm: int = 0, text: str = "One two.") -> CallResult:
    rows: Rows = [(first, "content", text), (end - 0.01, "content", text), (end, "finish", "")]
    return call(n, "streaming", rows, arm=arm)


def cut(n: int = 1, arm: int = 0) -> CallResult:
    error = CallError("reset", "The connection was\nreset")
    rows: Rows = [(0.1 + i / 10, "content", "a ") for i in range(5)]
    return call(n, "streaming", rows, arm=arm, state="failed", cut=error)


def told(found: Experiment, arm: int | None = 0) -> list[tuple[float, str]]:
    return [tuple(caption) for caption in captions(found, arm)]  # type: ignore[misc]


def test_the_example_is_told_in_four_captions() -> None:
    assert told(recorded("our-words-2022-10")) == [
        (
            0.0,
            "our-words-2022-10 was asked: “Explain in two short paragraphs why streaming feels faster.” "
            "At most 200 tokens. Rhythm recorded (OpenAI Cookbook, October 2022), words ours.",
        ),
        (0.16, "After 0.16 s the first words can be read."),
        (7.32, "7.32 s: the blocking answer lands, all at once."),
        (
            7.5,
            "A reader would have waited 7.32 s without streaming and 0.16 s with it; "
            f"both finished at about the same time, and {LOOK}",
        ),
    ]


@pytest.mark.parametrize("name", list(PLAYED))
def test_every_recording_has_four_on_the_heros_clock(name: str) -> None:
    found = recorded(name)
    said = captions(found)
    assert len(said) == 4
    assert [c.at_s for c in said] == sorted(c.at_s for c in said)
    assert said[-1].at_s == lanes.hero_data(found)["duration_s"]


def test_who_finished_later_is_said_without_a_cause() -> None:
    *_, last = captions(recorded("gpt-3.5-turbo-0301-2023-03-slow"))
    assert last.text == (
        "A reader would have waited 19.67 s without streaming and 1.57 s with it; "
        f"in this pair streaming finished 1.33 s later, and {LOOK}"
    )


def test_one_pair_of_many_is_named() -> None:
    found = experiment(answer(1.0), stream(0.1, 1.0))
    found = dataclasses.replace(found, spec=dataclasses.replace(found.spec, pairs=5))
    assert captions(found)[-1].text.endswith("and pair 1 of 5 is a look, not a measurement.")


def test_a_blocking_answer_that_lands_first_comes_first() -> None:
    found = experiment(answer(0.5), stream(0.8, 0.9))
    assert [c.at_s for c in captions(found)] == [0.0, 0.5, 0.8, 0.95]


def test_a_cut_stream_says_how_far_it_came_and_why() -> None:
    assert told(experiment(answer(2.3), cut())) == [
        (0.0, "a-model was asked: “Why?”"),
        (0.1, "After 0.10 s the first words can be read."),
        (2.3, "2.30 s: the blocking answer lands, all at once."),
        (
            2.5,
            "There are no two whole answers to compare. The streaming call was cut after 5 events at 0.50 s: "
            "The connection was reset. The blocking call showed nothing for 2.30 s.",
        ),
    ]


def test_a_blocking_call_that_failed_never_lands() -> None:
    refused = call(0, "blocking", [], state="failed", cut=CallError("status", "The key was refused."))
    assert [text for _, text in told(experiment(refused, stream(0.1, 1.0)))][1:] == [
        "After 0.10 s the first words can be read.",
        "There are no two whole answers to compare. Streaming showed its first text after 0.10 s. "
        "The blocking call failed: The key was refused.",
    ]


def test_of_empty_answers_no_words_are_promised() -> None:
    empty = call(1, "streaming", [(0.5, "content", " "), (0.6, "finish", "")])
    blank = call(0, "blocking", [(1.0, "finish", "")])
    assert [text for _, text in told(experiment(blank, empty))][1:] == [
        "1.00 s: the blocking answer lands, without any visible text.",
        "There are no two whole answers to compare. Streaming ended without any visible text. "
        "The blocking call came back without any visible text after 1.00 s.",
    ]


def test_nothing_that_arrived_is_two_captions() -> None:
    found = experiment(call(0, "blocking", None, state="failed"), call(1, "streaming", None, state="unknown"))
    assert told(found)[1:] == [
        (
            1.0,
            "There are no two whole answers to compare. The streaming call failed: Nothing was kept of it. "
            "The blocking call failed: Nothing was kept of it.",
        )
    ]


def test_a_call_that_is_missing_is_said_to_be() -> None:
    assert captions(experiment(stream(0.1, 1.0)))[-1].text == (
        "There are no two whole answers to compare. Streaming showed its first text after 0.10 s. "
        "This pair has no blocking call."
    )
    assert captions(experiment(answer(1.0)))[-1].text.startswith(
        "There are no two whole answers to compare. This pair has no streaming call. The blocking call"
    )
    assert captions(experiment(answer(1.0)), arm=3) == captions(experiment(answer(1.0)), pair=7) == []
    assert captions(experiment(models=("a", "b")), None) == []


def test_while_calls_are_under_way_nothing_is_concluded() -> None:
    begun = call(1, "streaming", [(0.16, "content", "One")], state="sent")
    assert [at_s for at_s, _ in told(experiment(call(0, "blocking", None, state="sent"), begun))] == [
        0.0,
        0.16,
    ]


def models(*calls: CallResult, names: tuple[str, ...] = ("ant", "bee", "cat")) -> Experiment:
    return experiment(*calls, models=names)


def test_streams_of_several_arms_say_who_showed_text_first_and_when() -> None:
    found = models(stream(0.5, 2.0, 0, 0), stream(0.2, 3.0, 1, 1), stream(1.5, 1.9, 2, 2))
    assert told(found, None) == [
        (0.0, "3 models were asked: “Why?”"),
        (0.2, "After 0.20 s bee shows words first."),
        (1.5, "After 1.50 s cat shows words too, last of all."),
        (
            3.5,
            "bee could be read after 0.20 s, cat only after 1.50 s. "
            "One call each is a look, not a measurement.",
        ),
    ]


def test_times_that_read_alike_have_no_winner() -> None:
    found = models(stream(0.201, 1.0, 0, 0), stream(0.203, 1.0, 1, 1), stream(0.199, 1.0, 2, 2))
    assert [text for _, text in told(found, None)][1:] == [
        "After 0.20 s cat, ant and bee show words first.",
        "cat, ant and bee could be read after 0.20 s. One call each is a look, not a measurement.",
    ]


def test_streams_that_are_silent_or_cut_are_named() -> None:
    refused = call(2, "streaming", None, arm=2, state="failed")
    last = told(models(stream(0.2, 1.0, 0, 0), cut(1, 1), refused), None)[-1][1]
    assert last == (
        "bee could be read after 0.10 s, ant only after 0.20 s. No text came from cat. Not whole: bee. "
        "One call each is a look, not a measurement."
    )
    assert told(models(refused), None)[-1] == (1.0, "No model showed any text.")


def test_more_than_three_names_are_counted() -> None:
    names = tuple("abcdef")
    found = models(*(stream(0.2, 1.0, n, n) for n in range(6)), names=names)
    assert told(found, None)[1][1] == "After 0.20 s a, b and 4 more show words first."


def test_one_arm_alone_is_told_as_a_pair_even_when_all_are_asked_for() -> None:
    found = recorded("our-words-2022-10")
    assert captions(found, None) == captions(found)


def test_the_arm_that_is_chosen_is_told() -> None:
    found = models(answer(2.0, n=0, arm=1), stream(0.4, 1.9, 1, 1), stream(0.1, 1.0, 2, 0))
    said = told(found, 1)
    assert said[0][1].startswith("bee was asked")
    assert said[1] == (0.4, "After 0.40 s the first words can be read.")


def test_strangers_text_is_one_line_of_limited_length() -> None:
    error = CallError("error_event", "<b>no</b>\n" * 200)
    failed = call(0, "blocking", [], state="failed", cut=error)
    found = experiment(failed, cut(), models=("<i>m</i>\n" * 50,), prompt="![x](y)\n" * 500)
    for caption in captions(found):
        assert len(caption.text) <= lanes.MAX_NOTE
        assert "\n" not in caption.text


def test_another_pair_has_its_own_captions() -> None:
    second = dataclasses.replace(stream(0.3, 1.0), planned=PlannedCall(3, 0, "streaming", pair=1, group=3))
    found = experiment(answer(1.0), stream(0.1, 1.0), second)
    assert captions(found, pair=1)[1].at_s == 0.3


def test_what_was_not_asked_of_all_is_not_quoted() -> None:
    found = models(stream(0.2, 1.0, 0, 0), stream(0.3, 1.0, 1, 1), names=("ant", "bee"))
    one, other = found.spec.arms
    other = dataclasses.replace(other, call=dataclasses.replace(other.call, prompt="How?", max_tokens=9))
    found = dataclasses.replace(found, spec=dataclasses.replace(found.spec, arms=(one, other)))
    assert captions(found, None)[0].text == "2 models were asked different things."
