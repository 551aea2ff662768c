"""The recordings: the published figures, as experiments, with their token counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import recordings as making
from lib import experiment as experiments
from lib import spec
from lib.lab import catalogue, models, recordings
from lib.lab.asks import Ask
from lib.lab.recordings import ALIASES, MODELS, OURS, RECORDINGS

# first event, last event, blocking call: seconds as published
FIGURES = {
    "text-davinci-002-2022-09": (0.19, 6.95, 6.93),
    "text-davinci-002-2022-10": (0.16, 7.25, 7.32),
    "text-davinci-002-2023-03": (0.18, 2.73, 3.43),
    "gpt-3.5-turbo-0301-2023-03": (0.10, 2.97, 3.03),
    "gpt-3.5-turbo-0301-2023-03-slow": (1.57, 21.00, 19.67),
    "gpt-3.5-turbo-0613-2023-12": (0.31, 4.41, 5.27),
}
STORED = json.loads(Path(catalogue.__file__).with_name("recordings.json").read_text("utf-8"))
each = pytest.mark.parametrize("name", list(FIGURES))


def calls(name: str) -> tuple[experiments.CallResult, experiments.CallResult]:
    found = experiments.pair(recordings.experiment(name))
    assert found is not None
    return found


def test_the_six_stand_in_their_order() -> None:
    assert list(RECORDINGS) == list(FIGURES)
    assert [name for name, _ in MODELS] == [*FIGURES, OURS.id, "steady"]
    assert set(ALIASES.values()) <= set(FIGURES)


@each
def test_an_experiment_has_the_published_figures(name: str) -> None:
    blocking, streaming = (c.metrics or {} for c in calls(name))
    first, last, whole = FIGURES[name]
    assert (streaming["ttfe_s"], streaming["e2e_s"], blocking["e2e_s"]) == (first, last, whole)


@each
def test_times_are_exact_multiples_of_10_ms(name: str) -> None:
    for call in calls(name):
        assert call.timeline is not None
        assert all(e.t_ns % 10_000_000 == 0 for e in call.timeline.events)


@each
def test_events_share_a_read_just_when_their_times_are_equal(name: str) -> None:
    timeline = calls(name)[1].timeline
    assert timeline is not None
    assert {(e.t_ns, e.read) for e in timeline.events} == {(r.t_ns, i) for i, r in enumerate(timeline.reads)}
    assert len({r.t_ns for r in timeline.reads}) == len(timeline.reads)


@each
def test_both_calls_hold_the_same_text_and_their_finish(name: str) -> None:
    texts = []
    for call in calls(name):
        assert call.timeline is not None
        texts.append("".join(e.text or "" for e in call.timeline.events if e.kind == "content"))
        assert [e.sub for e in call.timeline.events if e.kind == "finish"] == [call.timeline.finish]
        assert call.timeline.complete
    assert texts[0] == texts[1] == RECORDINGS[name].blocking_text


def test_the_davinci_finish_lies_in_the_read_of_the_last_text() -> None:
    timeline = calls("text-davinci-002-2022-10")[1].timeline
    assert timeline is not None
    assert [(e.kind, e.read, e.sub) for e in timeline.events[-2:]] == [
        ("content", 176, ""),  # 177 distinct times
        ("finish", 176, "length"),
    ]


def test_usage_is_what_the_blocking_call_reported() -> None:
    blocking, streaming = calls("gpt-3.5-turbo-0613-2023-12")
    assert blocking.timeline is not None
    assert streaming.timeline is not None
    assert blocking.timeline.usage is not None
    assert (blocking.timeline.usage.prompt, blocking.timeline.usage.completion) == (36, 299)
    assert streaming.timeline.usage is None
    davinci = calls("text-davinci-002-2022-10")
    assert all(c.timeline is not None and c.timeline.usage is None for c in davinci)


@each
def test_starting_an_experiments_spec_plays_the_same_recording(name: str) -> None:
    asked = recordings.experiment(name).spec
    spec.check(asked)
    call = asked.arms[0].call
    (write,) = models.answer(Ask(call.api, call.model, call.prompt, limit=call.max_tokens)).writes
    assert write[0] == FIGURES[name][2]


def test_the_preset_is_the_cookbooks_own_experiment() -> None:
    assert recordings.experiment("text-davinci-002-2022-10").spec == experiments.preset()


def test_an_unknown_recording_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        recordings.experiment("gpt-9")


@each
def test_the_source_is_named(name: str) -> None:
    assert set(RECORDINGS[name].source) == {"work", "revision", "date", "licence", "note"}


@each
def test_what_it_shows_is_one_plain_sentence_without_a_verdict(name: str) -> None:
    recording = RECORDINGS[name]
    for text in (recording.shows, recording.shows_not):
        assert text.endswith(".")
        assert len(text) < 200
    assert not {"faster", "slower", "speed-up"} & set(recording.shows.split())


def trace(stored: dict[str, Any]) -> dict[str, Any]:
    """The trace that a stored recording was made from."""
    recording = RECORDINGS[stored["id"]]
    field = "text" if recording.api == "completions" else "content"
    deltas: list[dict[str, str]] = [{field: text} for text in stored["texts"]]
    if stored["opening"]:
        deltas = [stored["opening"], *deltas, {}]
    times = [e.t_s for e in recording.events][: len(deltas)]
    kept = {k: stored[k] for k in ("id", "title", "source", "api", "model", "snapshot", "request", "usage")}
    return kept | {
        "blocking": {"seconds": recording.blocking_s, "text": recording.blocking_text},
        "stream": {"events": [list(pair) for pair in zip(times, deltas, strict=True)]},
    }


@pytest.mark.parametrize("stored", STORED, ids=[s["id"] for s in STORED])
def test_real_tiktoken_makes_the_stored_data_again(
    stored: dict[str, Any], vocabularies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
    assert making.compact(trace(stored)) == stored


def test_the_stored_file_is_laid_out_as_it_is_made() -> None:
    assert making.TARGET.read_text("utf-8") == making.layout(STORED)


@each
def test_a_whole_answer_and_its_events_have_the_same_count(name: str) -> None:
    blocking, streaming = (c.recount for c in calls(name))
    assert blocking is not None
    assert streaming is not None
    assert sum(blocking.tokens) == sum(streaming.tokens) == len(RECORDINGS[name].texts)
    assert blocking.encoding == RECORDINGS[name].encoding


def test_a_beginning_is_counted_with_0_for_events_without_text() -> None:
    counted = recordings.recount("gpt-3.5-turbo", ["", "1", ",", " ", None, "", None])
    assert counted is not None
    assert counted.tokens == (0, 1, 1, 1, 0, 0, 0)
    assert counted.basis == "exact"


def test_joined_events_count_together() -> None:
    counted = recordings.recount("text-davinci-002", ["4,5", ",6"])
    assert counted is not None
    assert counted.tokens == (3, 2)


@pytest.mark.parametrize(
    ("model", "texts"),
    [
        ("text-davinci-002", ["5"]),
        ("text-davinci-002", ["4", ",", "6"]),
        ("text-davinci-002", ["4,5,6,7,8,9,1"]),
        ("text-davinci-002", [RECORDINGS["text-davinci-002-2022-10"].blocking_text, ","]),
        ("gpt-4", ["1"]),
        ("steady", ["A"]),
    ],
)
def test_text_of_another_answer_is_not_counted(model: str, texts: list[str]) -> None:
    assert recordings.recount(model, texts) is None
