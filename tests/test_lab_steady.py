"""`steady`: its pace, its prose, and that it counts what it says."""

import re

import pytest

from lib.lab import steady
from lib.lab.asks import Ask, Refused


def ask(model: str, limit: int | None = None) -> Ask:
    return Ask("chat.completions", model, "how high is the river", limit=limit)


def test_tokens_are_words_with_the_white_space_before_them() -> None:
    assert "".join(steady.WORDS) == steady.PROSE
    assert all(re.fullmatch(r"\s*\S+", word) for word in steady.WORDS)


def test_an_event_leaves_at_first_plus_its_place_over_the_rate() -> None:
    made = steady.answer(ask("steady:first=0.2,rate=100,tokens=5"))
    assert [t for t, _ in made.pieces] == pytest.approx([0.20, 0.21, 0.22, 0.23, 0.24])
    assert made.blocking_s == pytest.approx(0.2 + 4 / 100)
    assert made.finish_s == made.pieces[-1][0]


def test_events_of_several_tokens_keep_the_rate_of_tokens() -> None:
    made = steady.answer(ask("steady:first=1,rate=10,tokens=9,per_event=4"))
    # events hold tokens 0-3, 4-7, 8; their first ones are due at 1 + 0/10, 1 + 4/10, 1 + 8/10
    assert [t for t, _ in made.pieces] == pytest.approx([1.0, 1.4, 1.8])


def test_defaults_are_a_first_token_after_0_3_s_and_50_a_second() -> None:
    made = steady.answer(ask("steady"))
    assert made.pieces[0][0] == 0.3
    assert made.pieces[1][0] == pytest.approx(0.32)
    assert made.usage == {"prompt_tokens": 5, "completion_tokens": 120, "total_tokens": 125}


@pytest.mark.parametrize(("limit", "count", "finish"), [(3, 3, "length"), (8, 8, "stop"), (9, 8, "stop")])
def test_a_limit_counts_tokens(limit: int, count: int, finish: str) -> None:
    made = steady.answer(ask("steady:tokens=8,per_event=2", limit))
    assert made.finish == finish
    assert made.usage is not None
    assert made.usage["completion_tokens"] == count
    assert made.text == "".join(steady.WORDS[:count])


def test_long_answers_begin_again_with_a_new_paragraph() -> None:
    words = steady.spoken(len(steady.WORDS) * 2 + 1)
    assert "".join(words) == f"{steady.PROSE}\n\n{steady.PROSE}\n\nA"


@pytest.mark.parametrize(
    "model",
    [
        "steady:rate=0",
        "steady:rate=inf",
        "steady:tokens=0",
        "steady:first=-1",
        "steady:per_event",
        "steady:x=1",
    ],
)
def test_a_pace_out_of_bounds_is_refused(model: str) -> None:
    with pytest.raises(Refused) as caught:
        steady.answer(ask(model))
    assert caught.value.status == 400
