"""The replay of 8 lanes of 2,000 events at true speed: frames a second and CPU. `python -m bench replay`

The HTML file in headless Chromium, without a GPU. CPU is that of all the browser's processes together,
drawing included; measured three times, since a busy machine can only make it look worse.
"""

import contextlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from bench.browser import chromium
from bench.table import show, verdict
from lib import exports
from lib.experiment import Experiment
from tests.experiments import Row, call, experiment

LANES, EVENTS, SECONDS, ROUNDS = 8, 2_000, 8.0, 3
FRAMES, CORE = 50.0, 0.40
WORDS = ("the ", "stream ", "shows ", "each ", "word ", "when ", "it ", "arrives, ", "not ", "later. ")
COUNT = """() => {
  if (window.frames_) return
  window.frames_ = 0
  const count = () => { window.frames_ += 1; requestAnimationFrame(count) }
  requestAnimationFrame(count)
}"""


def main() -> int:
    """Print frames a second and the browser's share of a core; returns 1 when a target was missed."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        address = written(Path(folder))
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(address)
        found = [watch(page) for _ in range(ROUNDS)]
    frames, core = max(f for f, _ in found), min(c for _, c in found)
    rows = [
        (
            "frames a second",
            f"{frames:.1f}",
            " ".join(f"{f:.1f}" for f, _ in found),
            ">= 50",
            verdict(frames >= FRAMES),
        ),
        (
            "browser, share of a core",
            f"{core:.0%}",
            " ".join(f"{c:.0%}" for _, c in found),
            "<= 40 %",
            verdict(core <= CORE),
        ),
    ]
    show(f"replay of {LANES} lanes of {EVENTS:,} events", ("what", "best", "each", "target", ""), rows)
    return int(any(row[-1] != verdict(True) for row in rows))


def written(folder: Path) -> str:
    """The address of an HTML file with eight streaming lanes, each a little slower than the one before."""
    target = folder / "replay.html"
    target.write_text(exports.html_file(streams(), link=None, pictures=False), encoding="utf-8")
    return target.as_uri()


def streams() -> Experiment:
    """Eight models of 2,000 events each, 80 to 115 a second, at random distances."""
    draw = random.Random(4)
    calls = []
    for lane in range(LANES):
        t, rows = 0.2 + 0.05 * lane, list[Row]()
        for i in range(EVENTS):
            rows.append((round(t, 4), "content", WORDS[(i * 7 + lane) % len(WORDS)]))
            t += draw.expovariate(115 - 5 * lane)
        calls.append(call(lane, "streaming", rows, arm=lane))
    return experiment(*calls, models=[f"model-{lane}" for lane in range(LANES)])


def watch(page: Page) -> tuple[float, float]:
    """(frames a second, share of a core) while it plays from the start at 1×."""
    page.get_by_role("combobox", name="Speed").select_option("1")
    page.get_by_role("slider", name="Time").press("Home")
    page.get_by_role("button", name="Play", exact=True).click()
    page.evaluate(COUNT)
    page.wait_for_timeout(1000)
    began, used, frames = time.monotonic(), cpu_s(), page.evaluate("window.frames_")
    page.wait_for_timeout(SECONDS * 1000)
    passed = time.monotonic() - began
    core = (cpu_s() - used) / passed
    shown = (page.evaluate("window.frames_") - frames) / passed
    page.get_by_role("button", name="Pause").click()
    return shown, core


def cpu_s() -> float:
    """CPU seconds used so far by every process of the browser that this one started."""
    return sum(_ticks(pid) for pid in _descendants(os.getpid())) / os.sysconf("SC_CLK_TCK")


def _descendants(root: int) -> set[int]:
    parents = dict(_parents())
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid for pid in found - {root} if _name(pid) != "node"}


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), int(_stat(int(folder.name))[1])


def _ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = _stat(pid)
        return int(fields[11]) + int(fields[12])
    return 0


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _stat(pid: int) -> list[str]:
    """The process's fields from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
