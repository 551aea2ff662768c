import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.children import Child, Lab, Probe, environment
from lib.errors import ChildError
from lib.messages import Close, Part, Start
from lib.recording import Request
from lib.spec import Limits


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    made = Probe(tmp_path, "here", lambda message, line: None, lambda session: None)
    yield made
    made.close()


def test_a_child_knows_no_key_and_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    found = environment()
    assert "PATH" in found
    assert not {"OPENAI_API_KEY", "HTTPS_PROXY"} & found.keys()


def test_the_probe_says_hello_with_its_region(probe: Probe) -> None:
    session = probe.ready()
    assert session.hello.instrument.region == "here"
    assert probe.ready() is session
    assert abs(session.now_ns() - time.perf_counter_ns()) < 60_000_000_000


def test_a_probe_that_died_is_replaced(probe: Probe) -> None:
    first = probe.ready()
    first.child.kill()
    second = probe.ready()
    assert second.hello.instrument.probe != first.hello.instrument.probe
    with pytest.raises(ChildError, match="ended unexpectedly"):
        first.send(Start("x/0", _request()))


def test_the_loss_of_a_probe_is_told_after_its_last_line(tmp_path: Path) -> None:
    lost = threading.Event()
    probe = Probe(tmp_path, "here", lambda message, line: None, lambda session: lost.set())
    probe.ready().child.kill()
    assert lost.wait(60)
    probe.close()


def test_messages_arrive_with_their_lines(tmp_path: Path) -> None:
    heard: list[Part | Close] = []
    over = threading.Event()

    def hear(message: Part | Close, line: str) -> None:
        heard.append(message)
        if isinstance(message, Close):
            over.set()

    probe = Probe(tmp_path, "here", hear, lambda session: None)
    probe.ready().send(Start("x/0", _request()))
    assert over.wait(60)
    assert heard[-1].call == "x/0"
    probe.close()


def test_a_closed_probe_starts_no_more(probe: Probe) -> None:
    probe.close()
    with pytest.raises(ChildError, match="shutting down"):
        probe.ready()


def test_a_child_that_fails_says_its_last_words() -> None:
    child = Child("lib.not_there")
    assert list(child.lines(threading.Event())) == []
    child.kill()
    deadline = time.monotonic() + 60
    while "No module named" not in child.gone() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "No module named" in child.gone()


def test_a_probe_that_does_not_start_is_an_error_not_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.children.PROBE", "lib.not_there")
    probe = Probe(tmp_path, "here", lambda message, line: None, lambda session: None)
    with pytest.raises(ChildError, match="Nothing was sent"):
        probe.ready()
    probe.close()


def test_the_lab_is_started_once() -> None:
    lab = Lab()
    address = lab.base_url()
    assert address.startswith("http://127.0.0.1:")
    assert lab.base_url() == address
    lab.close()


def _request() -> Request:
    limits = Limits(connect_s=1.0, silence_s=1.0, total_s=2.0)
    return Request("models", "blocking", "http://127.0.0.1:9/v1", "", "{}", "new", "identity", limits)
