"""Pages in process, on a service that holds nothing when a test begins."""

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


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of the service that all tests here share: its processes take seconds to start."""
    yield tmp_path_factory.mktemp("pages") / "data"
    session.service.clear()


@pytest.fixture
def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service that the pages will find, emptied afterwards."""
    monkeypatch.setenv("STREAMGAUGE_DATA", str(folder))
    monkeypatch.setenv("STREAMGAUGE_DISCOVER", "false")
    monkeypatch.setenv("STREAMGAUGE_DOWNLOAD", "false")
    if session.service().settings.data != folder:  # of a test with another folder
        session.service.clear()
    found = session.service()
    yield found
    monkeypatch.undo()  # as it was, so that it may delete
    for entry in found.listing():
        found.delete(entry.id, withdraw=True)


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
