"""Settings: what a variable means, and what a wrong one says."""

import pytest

from lib.errors import KeyRefused, SettingsError
from lib.keys import Keys
from lib.settings import check_bind, read

ADDRESS = "https://api.openai.com/v1"


def test_by_default_calls_go_anywhere_and_no_mode_is_said() -> None:
    assert read().mode is None
    assert read().probe_arguments() == ("--policy", "local", "--ports", "443")


def test_hosted_mode_looks_for_nothing_whatever_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_MODE", "hosted")
    monkeypatch.setenv("STREAMGAUGE_DISCOVER", "true")
    settings = read()
    assert settings.hosted
    assert not settings.discover
    assert settings.probe_arguments()[:2] == ("--policy", "hosted")
    check_bind("0.0.0.0", settings.mode)


def test_a_hosted_server_uses_no_key_of_its_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789abcdef")
    assert Keys().found("OPENAI_API_KEY") == "env:OPENAI_API_KEY"
    keys = Keys(found=False)
    assert keys.found("OPENAI_API_KEY") is None
    for ref in ("env:OPENAI_API_KEY", "secret:OPENAI_API_KEY"):
        keys.allow(ref, ADDRESS)
        with pytest.raises(KeyRefused, match="no keys of its own"):
            keys.resolve(ref, ADDRESS)
    assert keys.resolve(keys.typed("sk-typed-0123456789", ADDRESS), ADDRESS).secret == "sk-typed-0123456789"


def test_ports_and_priority_reach_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_PORTS", "443, 8443")
    monkeypatch.setenv("STREAMGAUGE_PRIORITY", "true")
    assert read().probe_arguments() == ("--policy", "local", "--ports", "443", "8443", "--priority")


@pytest.mark.parametrize("value", ["", "0", "65536", "https", "443,"])
def test_a_wrong_port_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STREAMGAUGE_PORTS", value)
    with pytest.raises(SettingsError, match=r"^STREAMGAUGE_PORTS cannot be used: [^V]"):
        read()


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_MODE", "public")
    with pytest.raises(SettingsError, match="STREAMGAUGE_MODE"):
        read()
