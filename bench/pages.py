"""Start-up and page loads, beside a one-line Streamlit page in the same run. `python -m bench pages`

Cold is a new browser profile, warm the same one again; medians of five, interleaved.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.browser import ROOT, Running, chromium, dashboard, server
from bench.table import show, verdict

REPEATS = 5
ONE_LINE = 'import streamlit as st\nst.title("hello")\n'
HERO = ".play"
HERO_SHOWN = """() => [...document.querySelectorAll("*")].some(
  (e) => e.shadowRoot?.querySelector(".play")?.checkVisibility() || e.matches(".play"))"""
PLAIN_SHOWN = "() => document.querySelector('h1')?.textContent.includes('hello')"
CHARTS = "() => document.querySelectorAll('.js-plotly-plot .xtick').length > 0"


def main() -> int:
    """Print times and ratios; returns 1 when a target was missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saved = experiment(folder / "data")
        (folder / "one.py").write_text(ONE_LINE)
        with chromium() as browser:
            rows = [
                first_page(browser, folder / "fresh"),
                *loads(browser, folder, saved),
                first_screen(browser, folder / "data", saved),
            ]
    show("pages", ("what", "measured", "target", ""), rows)
    return int(any(row[-1] != verdict(True) for row in rows))


def experiment(data: Path) -> str:
    """Run the preset once from the command line; returns its id."""
    command = [sys.executable, "-m", "lib", "run", "--json", "-"]
    env = {"STREAMGAUGE_DATA": str(data), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split('"id":', 1)[1].split('"')[1]


def first_page(browser: Browser, data: Path) -> tuple[str, ...]:
    """From starting the server to a first page that can be used."""
    began = time.monotonic()
    with dashboard(data) as running:
        page = browser.new_page()
        page.goto(running.url)
        page.locator(HERO).first.wait_for()
        took = time.monotonic() - began
        page.close()
    return ("server start to first page usable", f"{took:.1f} s", "<= 5 s", verdict(took <= 5.0))


def loads(browser: Browser, folder: Path, saved: str) -> list[tuple[str, ...]]:
    """Hero and last chart of a saved experiment as ratios to the one-line page, cold and warm."""
    times: dict[str, list[float]] = {}
    with dashboard(folder / "data") as ours, server(folder / "one.py", {}) as plain:
        load(browser.new_page(), ours, saved, {})  # the server's own first visit is not the page's
        for _ in range(REPEATS):
            page = browser.new_context().new_page()
            plain_page = browser.new_context().new_page()
            for heat in ("cold", "warm"):
                load_plain(plain_page, plain, times.setdefault(f"plain {heat}", []))
                load(page, ours, saved, times, heat)
            page.context.close()
            plain_page.context.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    return [
        row(medians, heat, what, most)
        for heat in ("cold", "warm")
        for what, most in (("hero", 2.0), ("charts", 4.0))
    ]


def first_screen(browser: Browser, data: Path, saved: str) -> tuple[str, ...]:
    """Bytes over the wire until the hero of a saved experiment is on the screen of a new visitor."""
    found: list[float] = []
    with dashboard(data) as running:
        for _ in range(REPEATS):
            page = browser.new_context().new_page()
            found.append(wire_bytes(page, f"{running.url}/experiment?id={saved}") / 1e6)
            page.context.close()
    megabytes = statistics.median(found)
    return ("first screen, cold, over the wire", f"{megabytes:.2f} MB", "<= 3 MB", verdict(megabytes <= 3.0))


def wire_bytes(page: Page, url: str) -> int:
    """What came over the network until the hero was shown: files with their headers, and messages."""
    taken = [0]
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.dataReceived", lambda event: taken.append(event["encodedDataLength"]))
    wire.on("Network.responseReceived", lambda event: taken.append(event["response"]["encodedDataLength"]))
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: taken.append(len(frame))),
    )
    page.goto(url)
    page.wait_for_function(HERO_SHOWN, polling="raf")
    return sum(taken)


def load_plain(page: Page, plain: Running, into: list[float]) -> None:
    """One load of the one-line page."""
    began = time.monotonic()
    page.goto(plain.url)
    page.wait_for_function(PLAIN_SHOWN, polling="raf")
    into.append(time.monotonic() - began)


def load(page: Page, ours: Running, saved: str, into: dict[str, list[float]], heat: str = "") -> None:
    """One load of the saved experiment."""
    began = time.monotonic()
    page.goto(f"{ours.url}/experiment?id={saved}")
    page.wait_for_function(HERO_SHOWN, polling="raf")
    into.setdefault(f"hero {heat}", []).append(time.monotonic() - began)
    page.wait_for_function(CHARTS, polling="raf")
    into.setdefault(f"charts {heat}", []).append(time.monotonic() - began)


def row(medians: dict[str, float], heat: str, what: str, most: float) -> tuple[str, ...]:
    """One ratio. Only warm loads have a target for the charts; the others are told, not judged."""
    took, plain = medians[f"{what} {heat}"], medians[f"plain {heat}"]
    ratio = took / plain
    judged = heat == "warm"
    words = f"{took:.2f} s, {ratio:.1f} x the one-line page ({plain:.2f} s)"
    return (
        f"saved experiment, {what}, {heat}",
        words,
        f"<= {most:g} x" if judged else "-",
        verdict(not judged or ratio <= most),
    )
