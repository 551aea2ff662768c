"""Pages in process, on an empty data folder and a service of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.experiment import Experiment
from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec
from lib.ui import session

SHELL = str(Path(__file__).resolve().parents[2] / "pages" / "_shell.py")


@pytest.fixture
def service(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service that the pages will find, closed afterwards."""
    monkeypatch.setenv("STREAMGAUGE_DISCOVER", "false")
    monkeypatch.setenv("STREAMGAUGE_DOWNLOAD", "false")
    session.service.clear()
    yield session.service()
    session.service.clear()


@pytest.fixture
def open_page(service: Service) -> Callable[..., AppTest]:
    """Open a page by its file's name, with query parameters, as a first visit."""

    def opener(page: str = "run", **query: str) -> AppTest:
        at = AppTest.from_file(SHELL, default_timeout=30)
        at.query_params.update(query)
        at.session_state[session.DRAWN] = {
            query.get("id", ""),
            query.get("e", ""),
        }  # no browser paints the hero here
        if page != "run":
            at.run()
            at.switch_page(f"{page}.py")
            at.query_params.update(query)
        return at.run()

    return opener


@pytest.fixture
def finished(service: Service) -> Experiment:
    """A lab experiment of a tenth of a second that has ended and is stored."""
    call = CallSpec("chat.completions", "steady:first=0.02,rate=400,tokens=20", "Count.", max_tokens=50)
    id = service.start(ExperimentSpec((Arm(Endpoint(LAB), call),), together=True, cache="as_is"))
    return wait_for(service, id)


def wait_for(service: Service, id: str, seconds: float = 60) -> Experiment:
    """The experiment once it is over."""
    until = time.monotonic() + seconds
    while (found := service.experiment(id)).state == "running":
        assert time.monotonic() < until, "the experiment did not end"
        time.sleep(0.05)
    return found
