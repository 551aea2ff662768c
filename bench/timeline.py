"""A timeline of 100,000 events: build, message, drawn in a browser. `python -m bench timeline`

Built times are medians of five. Drawn: from a click to the result page's figure, where a chart was shown
before; redrawn: from letting go of a box selection to the picture of its range.
"""

import statistics
import time
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page

from bench.browser import chromium, server
from bench.table import show, verdict
from lib import charts, lanes
from lib.experiment import Experiment
from lib.lanes import Entry
from tests.experiments import call, experiment

EVENTS = 100_000
STALLS = (30_000, 70_000)
REPEATS = 5
WAIT_MS = 120_000
RANGE_S = (20.0, 32.0)
DRAWN = """key => [...document.querySelectorAll(`[class*="st-key-${key}"] .js-plotly-plot`)]
  .some(e => e._fullData?.length && e.querySelector('.xtick'))"""
WHOLE, RANGE = "when_-big_0", "when_-big_0_"


def main() -> int:
    """Print times and sizes; returns 1 when a target was missed."""
    found = [*built(rows(), None), *built(rows(), RANGE_S), *drawn()]
    show("timeline", ("what", "measured", "target", ""), found)
    return int(any(row[-1] == verdict(False) for row in found))


def made() -> Experiment:
    """One pair whose stream has an event a millisecond and stops twice for 0.8 s."""
    late = [0.8 * sum(i >= at for at in STALLS) for i in range(EVENTS)]
    streamed = [(0.3 + i / 1000 + late[i], "content", "wo") for i in range(EVENTS)]
    end = streamed[-1][0]
    pair = (
        call(0, "blocking", [(end, "content", "wo" * EVENTS), (end, "finish", "")], tokens=[EVENTS, 0]),
        call(1, "streaming", [*streamed, (end, "finish", "")], tokens=[*[1] * EVENTS, 0]),
    )
    return replace(experiment(*pair), id="-big")


def rows() -> list[Entry]:
    """Its lanes."""
    return lanes.entries(made())


def built(stream: list[Entry], range_s: tuple[float, float] | None) -> list[tuple[str, ...]]:
    """How long building takes, and how large the message is."""
    took, size = [], 0
    for _ in range(REPEATS):
        began = time.perf_counter()
        figure = charts.arrivals_figure(stream, range_s=range_s)
        took.append(time.perf_counter() - began)
        size = len(figure.to_json())
    median = statistics.median(took)
    part = "all" if range_s is None else f"{range_s[0]:g} s to {range_s[1]:g} s"
    return [
        (f"build, {part}", f"{median * 1000:.0f} ms", "<= 300 ms", verdict(median <= 0.3)),
        (f"message, {part}", f"{size / 1e6:.2f} MB", "<= 1 MB", verdict(size <= 1e6)),
    ]


def drawn() -> list[tuple[str, ...]]:
    """From a click to the figure, and from a selection to its range."""
    script = Path(__file__).with_name("timeline_app.py")
    first, again = [], []
    with chromium() as browser, server(script, {}) as running:
        for _ in range(REPEATS):
            page = browser.new_context(viewport={"width": 1200, "height": 1400}).new_page()
            first.append(open_figure(page, running.url))
            again.append(select(page))
            page.context.close()
    shown, redrawn = statistics.median(first), statistics.median(again)
    return [
        ("click to timeline drawn", f"{shown:.2f} s", "<= 2 s", verdict(shown <= 2)),
        ("selection to range drawn", f"{redrawn:.2f} s", "<= 0.5 s", verdict(redrawn <= 0.5)),
    ]


def open_figure(page: Page, url: str) -> float:
    """Seconds from the click until the timeline is on the page."""
    page.goto(url)
    page.wait_for_function(DRAWN, arg="small", polling="raf", timeout=WAIT_MS)
    began = time.monotonic()
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function(DRAWN, arg=WHOLE, polling="raf", timeout=WAIT_MS)
    return time.monotonic() - began


def select(page: Page) -> float:
    """Seconds from the end of a drag over a fifth of the lanes to the picture of that range."""
    area = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert area is not None
    left, y = area["x"] + 0.3 * area["width"], area["y"] + 0.3 * area["height"]
    page.mouse.move(left, y)
    page.mouse.down()
    page.mouse.move(left + 0.1 * area["width"], y + 5, steps=4)
    page.mouse.move(left + 0.12 * area["width"], y + 10, steps=2)
    page.mouse.up()
    began = time.monotonic()
    page.wait_for_function(DRAWN, arg=RANGE, polling="raf", timeout=WAIT_MS)
    return time.monotonic() - began
