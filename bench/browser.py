"""A server and a browser for the benchmarks, and what they cost: CPU seconds and memory from /proc."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import provide
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Running:
    """A server process. `up_s`: seconds from its start to its first healthy answer."""

    url: str
    pid: int
    up_s: float

    def cpu_s(self) -> float:
        """CPU seconds that the process has used, its children not included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory of the process, its children not included."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")


@contextlib.contextmanager
def dashboard(data: Path) -> Iterator[Running]:
    """Streamgauge itself, on a free port."""
    with server(ROOT / "app.py", {"STREAMGAUGE_DATA": str(data)}, "/healthz") as running:
        yield running


@contextlib.contextmanager
def server(script: Path, env: dict[str, str], health: str = "/_stcore/health") -> Iterator[Running]:
    """Any Streamlit script, started as users start it."""
    quiet = [
        "--server.headless",
        "true",
        "--browser.gatherUsageStats",
        "false",
        "--server.address",
        "localhost",
    ]
    command = ["streamlit", "run", str(script), *quiet, "--server.port"]
    with serving(command, script.parent, env, health) as running:
        yield running


@contextlib.contextmanager
def serving(command: list[str], folder: Path, env: dict[str, str], health: str) -> Iterator[Running]:
    """A server module with its arguments, to which a free port is added."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        cwd=folder,
        env=os.environ | env,
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://localhost:{port}"
        _until_healthy(url + health)
        yield Running(url, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=provide.path(), args=provide.ARGUMENTS)
        yield browser
        browser.close()


def _until_healthy(url: str) -> None:
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
