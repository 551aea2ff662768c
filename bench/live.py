"""The live page at 400 events a second over four streaming lanes. `python -m bench live`

The lab streams four times 100 events a second through the real probe; a script in the page notes when
each lane's text changed on screen. Event to pixel is that moment minus the event's kernel stamp.
"""

import contextlib
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bench.browser import ROOT, Running, chromium, serving
from bench.table import show, verdict

SECONDS = 10.0
TARGETS = {"updates": 15.0, "pixel_ms": 100.0, "core": 0.10}
PANES = """
  const roots = [document, ...[...document.querySelectorAll('*')].map((e) => e.shadowRoot).filter(Boolean)]
  const panes = roots.flatMap((root) => [...root.querySelectorAll('.answer')])
"""
TEXT = "() => {" + PANES + "return panes.some((pane) => pane.textContent.length > 0) }"
WATCH = (
    "() => {"
    + PANES
    + """
  window.seen = []
  const lengths = panes.map(() => 0)
  const look = () => {
    const now = performance.timeOrigin + performance.now()
    panes.forEach((pane, lane) => {
      const length = pane.textContent.length
      if (length !== lengths[lane]) window.seen.push([lane, now, length])
      lengths[lane] = length
    })
    requestAnimationFrame(look)
  }
  look()
  return panes.length
}"""
)


def main() -> int:
    """Print updates a second, event to pixel and CPU; returns 1 when a target was missed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        live_dashboard(Path(folder)) as running,
        chromium() as browser,
    ):
        page = browser.new_page()
        started = begin(page, running, Path(folder))
        used, seen = watch(page, running)
        document = finished(running, started)
    rows = figures(document, seen, used / SECONDS)
    show("live page, four lanes at 100 events a second each", ("what", "measured", "target", ""), rows)
    return int(any(row[-1] != verdict(True) for row in rows))


def figures(document: dict[str, Any], seen: list[list[float]], core: float) -> list[tuple[str, ...]]:
    """The three rows of the table; panes and calls are both arm by arm, blocking first."""
    calls = sorted(document["calls"], key=lambda call: (call["arm"], call["mode"]))
    panes = {i: [(at, length) for pane, at, length in seen if pane == i] for i in range(len(calls))}
    streams = [(call, panes[i]) for i, call in enumerate(calls) if call["mode"] == "streaming" and panes[i]]
    delays = sorted(d for call, changes in streams for d in event_to_pixel(call, changes))
    updates = min(len(changes) for _, changes in streams) / SECONDS
    pixel, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
    return [
        ("updates a second, slowest lane", f"{updates:.1f}", ">= 15", verdict(updates >= TARGETS["updates"])),
        (
            "event to pixel, median (p95)",
            f"{pixel:.0f} ({p95:.0f}) ms",
            "<= 100 ms",
            verdict(pixel <= TARGETS["pixel_ms"]),
        ),
        ("web process, share of a core", f"{core:.1%}", "<= 10 %", verdict(core <= TARGETS["core"])),
        (
            "events and streaming lanes timed",
            f"{len(delays)}, {len(streams)}",
            "4 lanes",
            verdict(len(streams) == 4),
        ),
    ]


@contextlib.contextmanager
def live_dashboard(data: Path) -> Iterator[Running]:
    """The server of bench/live_app.py."""
    command = ["uvicorn", "bench.live_app:app", "--host", "localhost", "--log-level", "warning", "--port"]
    with serving(command, ROOT, {"STREAMGAUGE_DATA": str(data)}, "/healthz") as running:
        yield running


def begin(page: Page, running: Running, data: Path) -> str:
    """Open the running experiment with the watching script in place; returns its id."""
    page.goto(running.url)
    page.get_by_role("heading", level=1).wait_for()
    (data / "go").touch()
    while not (data / "started").exists() or not (started := (data / "started").read_text()):
        time.sleep(0.02)
    page.goto(f"{running.url}/experiment?id={started}")
    page.wait_for_function(TEXT)
    assert page.evaluate(WATCH) == 8
    return started


def watch(page: Page, running: Running) -> tuple[float, list[list[float]]]:
    """(CPU seconds the web process used, [pane, ms since the epoch, length of its text] per change)."""
    page.evaluate("() => { window.seen.length = 0 }")
    before = running.cpu_s()
    page.wait_for_timeout(SECONDS * 1000)
    used = running.cpu_s() - before
    return used, page.evaluate("() => window.seen")


def finished(running: Running, experiment: str) -> dict[str, Any]:
    """The experiment's document, once it has ended."""
    while True:
        with urllib.request.urlopen(f"{running.url}/api/experiments/{experiment}.json") as answer:
            document: dict[str, Any] = json.load(answer)
        if document["state"] != "running":
            return document
        time.sleep(0.5)


def event_to_pixel(call: dict[str, Any], changes: list[tuple[float, float]]) -> list[float]:
    """ms from each event's arrival to the first frame that showed its text."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    shown, delays = 0, []
    for event in call["events"]:
        shown += len((event["text"] or "").encode("utf-16-le")) // 2 if event["kind"] == "content" else 0
        arrived_ms = (call["t_send_monotonic_ns"] + event["t_ns"] + offset_ns) / 1e6
        seen = next((at for at, length in changes if length >= shown), None)
        if seen is not None and changes[0][0] < arrived_ms:
            delays.append(seen - arrived_ms)
    return delays
