"""What holds for every page: no accessibility fault, no sideways scroll, nothing fetched from elsewhere."""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server
from tests.browser.flow import wait_until_finished

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
SETTLED = """() => !document.querySelector('[data-stale="true"], [data-test-script-state="running"]')
  && !document.getAnimations().some((one) => one instanceof CSSTransition)"""
"""What waits to be drawn anew is pale until it is."""
PAGES = ("run", "experiment", "saved", "method", "missing")


def opened(browser: Browser, server: Server, finished: str, name: str, **options: Any) -> Page:
    paths = {
        "run": "/",
        "experiment": f"/experiment?id={finished}",
        "saved": "/saved",
        "method": "/method",
        "missing": "/experiment?id=none",
    }
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(30_000)
    page.goto(server.url + paths[name])
    expect(page.get_by_role("heading", level=1).first).to_be_visible(timeout=30_000)
    if name == "experiment":
        wait_until_finished(page)
    if name == "run":
        page.locator(".play").first.wait_for()
    return page


def faults(page: Page) -> list[str]:
    page.wait_for_function(SETTLED)
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run()")["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    return [f"{v['id']}: {v['help']} {[n['html'][:160] for n in v['nodes'][:3]]}" for v in serious]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(
    chromium: Browser, server: Server, finished: str, name: str, scheme: str
) -> None:
    page = opened(chromium, server, finished, name, color_scheme=scheme, reduced_motion="reduce")
    assert faults(page) == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_at_390_px(
    chromium: Browser, server: Server, finished: str, name: str
) -> None:
    page = opened(chromium, server, finished, name, viewport={"width": 390, "height": 844})
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    main = page.evaluate(
        "() => { const m = document.querySelector('section.stMain, [data-testid=stMain]');"
        " return m ? m.scrollWidth - m.clientWidth : 0 }"
    )
    assert (wide, main) == (0, 0)
    page.context.close()
