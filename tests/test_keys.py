import logging
from pathlib import Path

import pytest

from lib.errors import InvalidSpec, KeyRefused
from lib.keys import Keys

SECRET = "sk-canary-0123456789"
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "secrets.toml")


def test_a_typed_key_goes_to_its_own_address_only(keys: Keys) -> None:
    ref = keys.typed(f" {SECRET}\n", "https://one.example/v1")
    key = keys.resolve(ref, "https://one.example:443/other")
    assert (key.secret, key.origin) == (SECRET, "https://one.example:443")
    for elsewhere in ("https://two.example/v1", "http://one.example/v1", "https://one.example:8443/v1"):
        with pytest.raises(KeyRefused):
            keys.resolve(ref, elsewhere)


def test_the_same_key_typed_twice_has_one_reference(keys: Keys) -> None:
    assert keys.typed(SECRET, OPENAI) == keys.typed(SECRET, OPENAI)
    assert keys.typed(SECRET, OPENAI) != keys.typed(SECRET, "https://other.example")


@pytest.mark.parametrize("secret", ["", "  ", "two words", "line\nbreak", "clé", "x" * 5000])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(keys: Keys, secret: str) -> None:
    with pytest.raises(InvalidSpec) as error:
        keys.typed(secret, OPENAI)
    assert not secret.strip() or secret not in str(error.value)


def test_a_key_in_the_environment_goes_to_its_provider(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert keys.found("OPENAI_API_KEY") == "env:OPENAI_API_KEY"
    assert keys.resolve("env:OPENAI_API_KEY", OPENAI).secret == SECRET


@pytest.mark.parametrize(
    "address", ["https://evil.example/v1", "http://localhost:8000/v1", "http://127.0.0.1:1/"]
)
def test_a_found_key_goes_nowhere_else(keys: Keys, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with pytest.raises(KeyRefused) as error:
        keys.resolve("env:OPENAI_API_KEY", address)
    assert SECRET not in str(error.value)


def test_a_local_servers_own_variable_may_go_there(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", SECRET)
    assert keys.resolve("env:VLLM_API_KEY", "http://localhost:8000/v1").secret == SECRET


def test_a_found_key_goes_where_the_user_allows_it(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    keys.allow("env:MY_KEY", "https://mine.example/v1")
    assert keys.resolve("env:MY_KEY", "https://mine.example/v1").secret == SECRET
    with pytest.raises(KeyRefused):
        keys.resolve("env:MY_KEY", "https://other.example/v1")


def test_secrets_toml_is_read_when_the_environment_has_none(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text(f'GROQ_API_KEY = "{SECRET}"\n[section]\nX = 1\n')
    assert keys.found("GROQ_API_KEY") == "secret:GROQ_API_KEY"
    assert keys.resolve("secret:GROQ_API_KEY", "https://api.groq.com/openai/v1").secret == SECRET
    assert keys.found("section") is None
    assert keys.found("") is None


def test_a_malformed_secrets_file_is_logged_without_its_content(
    keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secrets.toml").write_text(f"GROQ_API_KEY = {SECRET}")
    with caplog.at_level(logging.WARNING):
        assert keys.found("GROQ_API_KEY") is None
    assert "cannot be read" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("ref", ["typed:gone", "env:UNSET_API_KEY", "secret:NONE"])
def test_a_forgotten_key_says_what_to_do(keys: Keys, ref: str) -> None:
    with pytest.raises(KeyRefused, match="ype"):
        keys.resolve(ref, OPENAI)


def test_nothing_shows_a_key(keys: Keys) -> None:
    ref = keys.typed(SECRET, OPENAI)
    assert SECRET not in repr(keys) + str(keys) + ref + repr(keys.resolve(ref, OPENAI))
