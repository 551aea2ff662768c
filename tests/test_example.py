"""The lab's own example: words of ours at a recording's times, and that it says so wherever it is shown."""

import itertools
from pathlib import Path

import pytest
import tiktoken

from lib import example, experiment, exports, spec, summary
from lib.experiment import CallResult
from lib.lab import models, recordings
from lib.lab.asks import Ask
from lib.lab.recordings import MODELS, OURS, PLAYED, RECORDINGS
from lib.spec import LAB, Arm, CallSpec, Endpoint

RHYTHM = RECORDINGS[example.RHYTHM]


def calls() -> tuple[CallResult, CallResult]:
    found = experiment.pair(recordings.experiment(OURS.id))
    assert found is not None
    return found


def test_it_is_not_one_of_the_six_recordings() -> None:
    assert OURS.id not in RECORDINGS
    assert RECORDINGS | {OURS.id: OURS} == PLAYED
    assert (OURS.id, "completions") in MODELS


def test_its_times_are_exactly_those_of_the_recording() -> None:
    assert [e.t_s for e in OURS.events] == [e.t_s for e in RHYTHM.events]
    assert OURS.blocking_s == RHYTHM.blocking_s
    blocking, streaming = (call.metrics or {} for call in calls())
    assert (streaming["ttfo_s"], streaming["e2e_s"], blocking["e2e_s"]) == (0.16, 7.25, 7.32)
    assert streaming["text_events"] == 193


def test_its_words_are_ours_and_end_whole_at_the_last_event() -> None:
    assert "".join(OURS.texts) == OURS.blocking_text == example.TEXT
    assert OURS.texts[-1] == "."
    assert OURS.finish == "stop"
    assert not set(OURS.texts) & {str(n) for n in range(101)}


def test_a_whole_sentence_can_be_read_early_and_the_sentence_on_it_is_true() -> None:
    numbers = calls()[1].metrics or {}
    assert numbers["ttfs_s"] == 0.51
    assert OURS.shows == (
        "When words can be read: the first after 0.16 s, the first whole sentence after 0.51 s."
    )


def test_each_event_is_one_token_of_the_real_tokenizer(
    vocabularies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
    encoding = tiktoken.get_encoding(OURS.encoding)
    assert tuple(encoding.decode([t]) for t in encoding.encode_ordinary(example.TEXT)) == OURS.texts
    sums = [len(encoding.encode_ordinary("".join(OURS.texts[:n]))) for n in range(len(OURS.texts) + 1)]
    assert tuple(b - a for a, b in itertools.pairwise(sums)) == OURS.tokens[:-1]


def test_the_lab_plays_it_whole_and_its_tokens_are_known() -> None:
    asked = recordings.experiment(OURS.id).spec
    spec.check(asked)
    call = asked.arms[0].call
    script = models.answer(Ask(call.api, call.model, call.prompt, streaming=True, limit=call.max_tokens))
    assert [t_s for t_s, _ in script.writes] == list(dict.fromkeys(e.t_s for e in RHYTHM.events))
    counted = recordings.recount(call.model, OURS.texts)
    assert counted is not None
    assert (counted.encoding, sum(counted.tokens)) == ("p50k_base", 193)


def test_where_it_comes_from_is_what_the_recording_says() -> None:
    assert RHYTHM.source["work"].startswith("OpenAI Cookbook")
    assert RHYTHM.source["date"].startswith("2022-10")
    assert example.ORIGIN == "Rhythm recorded (OpenAI Cookbook, October 2022), words ours."


def test_the_caveat_and_the_file_say_whose_words_they_are() -> None:
    found = recordings.experiment(OURS.id)
    assert summary.caveat(found) == (
        "Rhythm recorded (OpenAI Cookbook, October 2022), words ours. One pair: a look, not a measurement. "
        "Recorded October 2022, rounded to 10 ms, client's own lateness unknown."
    )
    html = exports.html_file(found, link=None)
    assert html.count(example.ORIGIN) == 2  # under the numbers, and where times are explained
    assert example.ORIGIN not in exports.html_file(recordings.experiment(RHYTHM.id), link=None)


def test_the_labs_list_of_models_says_it() -> None:
    (listed,) = (m for m in models.listing() if m["id"] == OURS.id)
    assert (listed["owned_by"], listed["description"]) == ("streamgauge", example.ORIGIN)


def test_a_model_of_that_name_elsewhere_is_not_it() -> None:
    call = CallSpec("completions", OURS.id)
    assert example.plays(Arm(Endpoint(LAB), call))
    assert not example.plays(Arm(Endpoint("https://api.example.com/v1"), call))
    assert not example.plays(Arm(Endpoint(LAB), CallSpec("completions", RHYTHM.id)))
