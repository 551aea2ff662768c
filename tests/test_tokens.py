"""Recounts with real vocabularies, and every place those may come from."""

import hashlib
import shutil
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import tokens
from lib.lab.recordings import RECORDINGS, experiment
from lib.tokens import PINS, Choice, Vocabulary, cache_name, choose, fetch
from tests.experiments import timeline

ROWS: list[Any] = [
    (0.1, "role", ""),
    (0.2, "reasoning", "Think: short"),
    (0.3, "content", "Stream"),
    (0.4, "content", "ing shows"),
    (0.5, "reasoning", " and plain."),
    (0.6, "content", " text 🙂"),
    (0.7, "finish", ""),
]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No vocabulary of this machine is found unless a test puts it there."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(tokens, "PLACES", ())


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path) -> Vocabulary:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
    return Vocabulary(tmp_path / "cache", download=False)


def encoder(vocabulary: Vocabulary, name: str = "cl100k_base") -> tiktoken.Encoding:
    found, reason = vocabulary.encoder(name)
    assert found is not None, reason
    return found


@pytest.mark.parametrize(
    ("model", "encoding", "basis"),
    [
        ("gpt-4o", "o200k_base", "exact"),
        ("gpt-5-mini", "o200k_base", "exact"),
        ("gpt-4.1-nano", "o200k_base", "exact"),
        ("o4-mini", "o200k_base", "exact"),
        ("gpt-4", "cl100k_base", "exact"),
        ("gpt-3.5-turbo-0301", "cl100k_base", "exact"),
        ("davinci-002", "cl100k_base", "exact"),
        ("text-davinci-002", "p50k_base", "exact"),
        ("gpt2", "r50k_base", "exact"),
        ("openai/gpt-4o", "o200k_base", "exact"),
        ("openai/gpt-oss-120b", "o200k_harmony", "exact"),
        ("gpt-oss:20b", "o200k_harmony", "assumed"),
        ("gpt-6", "o200k_base", "assumed"),
        ("o5-preview", "o200k_base", "assumed"),
        ("ft:gpt-5x:org", "o200k_base", "assumed"),
        ("llama-3.3-70b", "o200k_base", "approximate"),
        ("mistralai/mistral-large", "o200k_base", "approximate"),
        ("", "o200k_base", "approximate"),
    ],
)
def test_a_models_name_chooses_its_encoding(model: str, encoding: str, basis: str) -> None:
    assert choose(model) == (encoding, basis)


def test_tokens_of_events_sum_to_the_recount_of_each_text(real: Vocabulary) -> None:
    found, reason = real.recount(timeline("streaming", ROWS), "gpt-3.5-turbo")
    assert reason is None
    assert found is not None
    assert (found.encoding, found.basis) == ("cl100k_base", "exact")
    content = [found.tokens[i] for i in (2, 3, 5)]
    assert sum(content) == len(encoder(real).encode_ordinary("Streaming shows text 🙂"))
    reasoning = found.tokens[1] + found.tokens[4]
    assert reasoning == len(encoder(real).encode_ordinary("Think: short and plain."))
    assert (found.tokens[0], found.tokens[6]) == (0, 0)


def test_a_token_counts_with_the_event_that_completes_it(real: Vocabulary) -> None:
    # "Streaming" is one token of cl100k_base... of two events the second completes it.
    assert len(encoder(real).encode_ordinary("Streaming")) == 1
    rows: list[Any] = [(0.1, "content", "Stream"), (0.2, "content", "ing")]
    found, _ = real.recount(timeline("streaming", rows), "gpt-4")
    assert found is not None
    assert found.tokens == (0, 1)


def test_special_tokens_in_the_text_are_text(real: Vocabulary) -> None:
    found, _ = real.recount(timeline("streaming", [(0.1, "content", "<|endoftext|>")]), "gpt-4")
    assert found is not None
    assert found.tokens[0] > 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(st.sampled_from("ab ,.é🙂中\n1"), min_size=1, max_size=6), max_size=20))
def test_a_recount_of_any_cut_is_that_of_the_whole(real: Vocabulary, texts: list[str]) -> None:
    rows: list[Any] = [(i / 10, "content", t) for i, t in enumerate(texts)]
    found, _ = real.recount(timeline("streaming", rows), "gpt-4")
    assert found is not None
    assert sum(found.tokens) == len(encoder(real).encode_ordinary("".join(texts)))
    assert all(n >= 0 for n in found.tokens)


@pytest.mark.parametrize("name", list(RECORDINGS))
def test_the_stored_counts_of_the_recordings_are_tiktokens(real: Vocabulary, name: str) -> None:
    stored = experiment(name)
    for call in stored.calls:
        assert call.timeline is not None
        found, _ = real.recount(call.timeline, RECORDINGS[name].model)
        assert found == call.recount


def test_an_answer_without_text_needs_no_vocabulary(tmp_path: Path) -> None:
    found, reason = Vocabulary(tmp_path, download=False).recount(timeline("streaming", ROWS[:1]), "gpt-4")
    assert (found, reason) == (tokens.Recount("cl100k_base", "exact", (0,)), None)


def test_withheld_text_is_not_recounted(real: Vocabulary) -> None:
    line = timeline("streaming", [(0.1, "content", None)])
    assert real.recount(line, "gpt-4") == (None, "Recount not available: the text was withheld.")


@pytest.mark.parametrize("text", [" " * 1_000_000, "\n" * 200_000, "a" * (tokens.MAX_CHARS + 1)])
def test_a_text_that_would_break_the_tokenizer_is_refused(real: Vocabulary, text: str) -> None:
    found, reason = real.recount(timeline("streaming", [(0.1, "content", text)]), "gpt-4o")
    assert found is None
    assert reason is not None
    assert reason.startswith("Recount not available: the answer ")


@pytest.mark.parametrize("name", ["r50k_base", "p50k_base", "cl100k_base", "o200k_base", "o200k_harmony"])
def test_packages_on_this_machine_give_their_vocabularies_without_being_imported(
    monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path, name: str
) -> None:
    inside = tmp_path / "site" / "carrier" / "data"
    inside.mkdir(parents=True)
    (inside.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    for file in ("p50k_base", "cl100k_base", "o200k_base"):
        shutil.copy(vocabularies / cache_name(file), inside)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(tokens, "PLACES", (("not_there_at_all", "x"), ("carrier", "data")))
    cache = tmp_path / "cache"
    # r50k_base is carried by nobody; it is the part of p50k_base below rank 50256.
    found = encoder(Vocabulary(cache, download=False), name)
    assert found.encode_ordinary("hello")
    assert "carrier" not in sys.modules
    (kept,) = cache.iterdir()
    assert hashlib.sha256(kept.read_bytes()).hexdigest() in PINS.values()


def test_a_damaged_file_is_not_used(
    monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path
) -> None:
    bad = tmp_path / cache_name("cl100k_base")
    bad.write_bytes((vocabularies / bad.name).read_bytes()[:-10])
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    found, reason = Vocabulary(tmp_path, download=False).encoder("cl100k_base")
    assert (found, reason) == (
        None,
        "Recount not available: the vocabulary cl100k_base is not on this computer, "
        "and fetching it is switched off.",
    )


def test_what_was_fetched_is_kept_and_found_again(
    monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path
) -> None:
    asked = []

    def publisher(name: str) -> bytes:
        asked.append(name)
        return (vocabularies / cache_name(name)).read_bytes()

    monkeypatch.setattr(tokens, "fetch", publisher)
    for _ in range(2):
        encoder(Vocabulary(tmp_path / "cache", download=True))
    assert asked == ["cl100k_base"]


def test_a_failed_fetch_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    monkeypatch.setattr(tokens, "fetch", asked.append)
    vocabulary = Vocabulary(tmp_path, download=True)
    line = timeline("streaming", ROWS)
    reasons = {vocabulary.recount(line, "gpt-4")[1] for _ in range(3)}
    assert asked == ["cl100k_base"]
    assert reasons == {
        "Recount not available: the vocabulary cl100k_base is not on this computer, "
        "and it could not be fetched."
    }


def test_a_vocabulary_is_loaded_once_for_many_threads(
    monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
    located = []
    vocabulary = Vocabulary(tmp_path, download=False)
    monkeypatch.setattr(vocabulary, "_locate", lambda name: (located.append(name), (vocabularies, ""))[1])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: encoder(vocabulary), range(16)))
    assert len(set(map(id, found))) == 1
    assert located == ["cl100k_base"]


def test_a_folder_that_cannot_be_written_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, vocabularies: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tokens, "fetch", lambda name: (vocabularies / cache_name(name)).read_bytes())
    found, reason = Vocabulary(tmp_path / "file", download=True).encoder("cl100k_base")
    assert found is None
    assert reason is not None
    assert "it cannot be kept in" in reason


def test_an_unknown_vocabulary_is_a_reason(tmp_path: Path) -> None:
    found, reason = Vocabulary(tmp_path, download=False).encoder("new_base")
    assert (found, reason) == (None, "Recount not available: the vocabulary new_base is not known here.")


def test_loading_leaves_the_environment_as_it_was(real: Vocabulary, vocabularies: Path) -> None:
    import os

    encoder(real)
    assert os.environ["TIKTOKEN_CACHE_DIR"] == str(vocabularies)


def test_a_fetch_is_a_process_that_knows_no_key_and_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(command: list[str], **how: Any) -> Any:
        seen.update(how, command=command)
        return types.SimpleNamespace(stdout=b"not the file")

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(subprocess, "run", run)
    assert fetch("cl100k_base") is None
    assert seen["timeout"] == 10
    assert "OPENAI_API_KEY" not in seen["env"]
    assert "sk-secret" not in str(seen)


def test_a_fetch_that_fails_or_hangs_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "SOURCE", "http://127.0.0.1:9/{}")
    assert fetch("cl100k_base") is None

    def hang(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("fetch", 10)

    monkeypatch.setattr(subprocess, "run", hang)
    assert fetch("cl100k_base") is None


def test_a_package_without_a_folder_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tokens, "PLACES", (("single_file", "x"),))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: ModuleSpec("single_file", None))
    assert Vocabulary(tmp_path, download=False).encoder("cl100k_base")[0] is None


def test_counts_are_linear_in_the_text(real: Vocabulary) -> None:
    # Recounting the whole text at each of 20,000 events would take minutes and run into the timeout.
    rows: list[Any] = [(i / 100, "content", " word,") for i in range(20_000)]
    found = tokens.recount(timeline("streaming", rows), encoder(real), Choice("cl100k_base", "exact"))
    assert sum(found.tokens) == 40_000
