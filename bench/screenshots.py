"""Make the README's pictures: `make screenshots`, with REAL=http://127.0.0.1:8101/v1 the real server's too.

The pages come from a fresh data folder; the race is the start page's example as the file that
“Take a picture” gives. The real server's picture needs a running one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from bench.browser import ROOT, Running, chromium, dashboard
from lib import lanes
from lib.lab import recordings
from lib.lab.recordings import OURS
from lib.pictures.race import race_svg
from tests.browser import flow

INTO = ROOT / "docs" / "images"
SIZE = {"width": 1200, "height": 860}


def main() -> int:
    """Write race.svg, start.png, result.png, present.png, compare.png and, where REAL is set, real.png."""
    INTO.mkdir(parents=True, exist_ok=True)
    _race()
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as running, chromium() as browser:
        page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
        page.set_default_timeout(60_000)
        page.goto(running.url)
        page.locator(".play").first.wait_for()
        _take(page, "start")
        first = flow.run_preset(page, running.url)
        flow.wait_until_finished(page)
        _take(page, "result")
        _present(page)
        _compare(page, running, first, folder)
        if real := os.environ.get("REAL"):
            _real(page, running, real, folder)
    return 0


def _race() -> None:
    """The example as one animated SVG."""
    shown = recordings.experiment(OURS.id)
    title = "First words after 0.16 s streaming, 7.32 s blocking"
    drawn = race_svg(lanes.entries(shown), title=title, subtitle="Rhythm recorded, words ours")
    (INTO / "race.svg").write_text(drawn, encoding="utf-8")
    print(INTO / "race.svg")


def _present(page: Page) -> None:
    """The race on the whole screen, at the caption of the first text."""
    page.locator(".range").focus()
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    _take(page, "present")
    page.keyboard.press("Escape")


def _compare(page: Page, running: Running, first: str, folder: str) -> None:
    """The example beside two streams of the lab, met at their first text."""
    models = ("steady:first=0.4,rate=60,tokens=160", "steady:first=1.1,rate=120,tokens=160")
    ids = [first, *(_run(folder, "lab", model) for model in models)]
    page.goto(f"{running.url}/compare?ids={','.join(ids)}&align=First+text")
    page.locator(".pane").nth(2).wait_for()
    _take(page, "compare")


def _run(folder: str, base_url: str, model: str) -> str:
    """One pair from the command line, as the README says; its id."""
    asked = ["--model", model, "--prompt", "Tell me about rivers.", "--max-tokens", "200"]
    command = [sys.executable, "-m", "lib", "run", "--base-url", base_url, *asked, "--json", "-"]
    environment = os.environ | {"STREAMGAUGE_DATA": folder}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout.split('"id": "', 1)[1].split('"')[0]


def _real(page: Page, running: Running, base_url: str, folder: str) -> None:
    """One pair against a real server."""
    experiment = _run(folder, base_url, os.environ.get("MODEL", "random-tiny"))
    page.goto(f"{running.url}/experiment?id={experiment}")
    flow.wait_until_finished(page)
    _take(page, "real")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # fonts and the last frame
    page.screenshot(path=INTO / f"{name}.png")
    print(INTO / f"{name}.png")


if __name__ == "__main__":
    raise SystemExit(main())
