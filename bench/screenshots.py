"""Make the README's pictures: `make screenshots`, with REAL=http://127.0.0.1:8101/v1 the real server's too.

The start page and a result come from a fresh data folder; the real server's picture needs a running one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from bench.browser import ROOT, Running, chromium, dashboard
from tests.browser import flow

INTO = ROOT / "docs" / "images"
SIZE = {"width": 1200, "height": 860}


def main() -> int:
    """Write start.png, result.png and, when REAL names a server, real.png."""
    INTO.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as running, chromium() as browser:
        page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
        page.set_default_timeout(60_000)
        page.goto(running.url)
        page.locator(".play").first.wait_for()
        _take(page, "start")
        flow.run_preset(page, running.url)
        flow.wait_until_finished(page)
        _take(page, "result")
        if real := os.environ.get("REAL"):
            _real(page, running, real, folder)
    return 0


def _real(page: Page, running: Running, base_url: str, folder: str) -> None:
    """One pair against a real server, started as the README says."""
    asked = ["--model", os.environ.get("MODEL", "random-tiny"), "--prompt", "Tell me about rivers."]
    command = [sys.executable, "-m", "lib", "run", "--base-url", base_url, *asked, "--max-tokens", "200"]
    environment = os.environ | {"STREAMGAUGE_DATA": folder}
    done = subprocess.run(
        [*command, "--json", "-"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    experiment = done.stdout.split('"id": "', 1)[1].split('"')[0]
    page.goto(f"{running.url}/experiment?id={experiment}")
    flow.wait_until_finished(page)
    _take(page, "real")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # fonts and the last frame
    page.screenshot(path=INTO / f"{name}.png")
    print(INTO / f"{name}.png")


if __name__ == "__main__":
    raise SystemExit(main())
