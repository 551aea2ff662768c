"""Memory of the web process after 20 runs watched in a browser. `python -m bench memory`"""

import tempfile
from pathlib import Path

from bench.browser import chromium, dashboard
from bench.table import show, verdict

RUNS = 20
TARGET_MB = 250.0


def main() -> int:
    """Print resident memory before, and after the runs; returns 1 when the target was missed."""
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as running, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(running.url)
        page.locator(".play").first.wait_for()
        before = running.rss_mb()
        for _ in range(RUNS):
            page.goto(running.url)
            page.get_by_role("button", name="Run it here, 7 s, no key").click()
            page.wait_for_url("**/experiment?id=*")
            page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length >= 1")
        after = running.rss_mb()
    rows = [("after the first page", f"{before:.0f} MB", "-", ""), *_judged(after)]
    show("memory of the web process", ("when", "resident", "target", ""), rows)
    return int(after > TARGET_MB)


def _judged(after: float) -> list[tuple[str, ...]]:
    return [(f"after {RUNS} runs", f"{after:.0f} MB", f"<= {TARGET_MB:.0f} MB", verdict(after <= TARGET_MB))]
