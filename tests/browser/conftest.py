"""A real browser and a real server, each started once."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import flow, provide

ROOT = Path(__file__).resolve().parents[2]
expect.set_options(timeout=20_000)  # what a page says is asked here, not how soon
NOISE = re.compile(r"_stcore/health|_stcore/host-config|404 \(Not Found\)")


@dataclass
class Server:
    """A running dashboard."""

    url: str
    process: subprocess.Popen[bytes]
    data: Path
    log: Path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each test opens its own context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=provide.path(), args=provide.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts dashboards, each on its own port and data folder unless told otherwise."""
    running: list[Server] = []

    def start(data: Path | None = None, env: dict[str, str] | None = None) -> Server:
        folder = tmp_path_factory.mktemp("server")
        server = _start(data or folder / "data", folder / "log.txt", env or {})
        running.append(server)
        return server

    yield start
    for server in running:
        server.process.terminate()
    for server in running:
        server.process.wait(20)


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Server:
    """The dashboard that most tests share."""
    return start_server()


@pytest.fixture(scope="session")
def finished(chromium: Browser, server: Server) -> str:
    """One preset run that tests only look at; its id."""
    page = chromium.new_page()
    page.set_default_timeout(30_000)
    experiment = flow.run_preset(page, server.url)
    flow.wait_until_finished(page)
    page.close()
    return experiment


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh visitor with a desktop screen."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose console must stay free of errors and of refused content."""
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    yield page
    assert [p for p in problems if not NOISE.search(p)] == []


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _start(data: Path, log: Path, env: dict[str, str]) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    environment = kept | {"STREAMGAUGE_DATA": str(data), "STREAMGAUGE_DISCOVER": "false"} | env
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://localhost:{port}"
    _wait_until_up(url, process, log)
    return Server(url, process, data, log)


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url + "/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not come up:\n{log.read_text()}")
