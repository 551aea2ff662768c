"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
BROWSER = "tests/browser/"

# No deadline: a busy machine is not a bug. The same examples for everyone: a test that fails, fails again.
settings.register_profile("streamgauge", deadline=None, derandomize=True)
settings.load_profile("streamgauge")


class Together(LoadScopeScheduling):
    """A file's tests stay in one worker, and all that need the browser in one, too."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return BROWSER if file.startswith(BROWSER) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """How `-n` shares the tests out."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first: the kills, then the browser's."""
    items.sort(key=lambda item: (item.path.name != "test_kills.py", not item.nodeid.startswith(BROWSER)))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting or key of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("STREAMGAUGE_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def vocabularies() -> Path:
    """The folder of real tokenizer files, named as tiktoken's cache names them."""
    folder = ROOT / ".cache" / "vocabularies"
    if not (folder / ".ok").exists():
        sys.path.insert(0, str(ROOT / "tests"))
        import vocabularies as package

        package.fetch(folder)
        (folder / ".ok").touch()
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, set for this process and its children."""
    folder = tmp_path / "data"
    monkeypatch.setenv("STREAMGAUGE_DATA", str(folder))
    return folder
