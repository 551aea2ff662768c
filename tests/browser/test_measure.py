"""A Check of six pairs in a browser: from the form to the verdict, for every eye and on a telephone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server
from tests.browser.flow import id_of
from tests.browser.test_looks import faults

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MODEL = "steady:first=0.03,rate=60,tokens=20"
"""A third of a second: streaming's lead is larger than what a busy machine adds."""


@pytest.fixture(scope="module")
def checked(chromium: Browser, server: Server) -> str:
    """Six pairs that a visitor asked for in the form; the experiment's id."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    page.goto(server.url)
    page.get_by_role("button", name="Try my model").click()
    choose(page, "Provider", "Built-in lab (no key)", "lab")
    page.get_by_role("combobox", name="Model").fill(MODEL)
    page.get_by_role("option", name=re.compile(f"{re.escape(MODEL)}$")).first.click()
    page.get_by_role("radio", name="Check · 6").click()
    expect(page.get_by_text("This sends 14 calls to the built-in lab.")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/experiment?id=*")
    found = id_of(page)
    expect(page.get_by_text(re.compile("of 14 calls done|Finished")).first).to_be_visible()
    expect(page.get_by_text("One pair, played")).to_be_visible(timeout=60_000)
    page.context.close()
    return found


def choose(page: Page, label: str, option: str, typed: str) -> None:
    """Pick from a menu by its label."""
    page.get_by_role("combobox", name=label).fill(typed)
    page.get_by_role("option", name=option).first.click()


def result(browser: Browser, server: Server, id: str, **options: object) -> Page:
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(30_000)
    page.goto(f"{server.url}/experiment?id={id}")
    expect(page.locator(".js-plotly-plot").nth(3)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Copy link")).to_be_visible(timeout=60_000)
    return page


def test_the_verdict_is_read_before_anything_is_played(
    chromium: Browser, server: Server, checked: str
) -> None:
    page = result(chromium, server, checked, viewport={"width": 1280, "height": 1000})
    said = page.get_by_text(re.compile(r"^First visible text [\d.]+ m?s sooner, [\d.]+ to [\d.]+\.$"))
    expect(said).to_be_visible()
    count = page.get_by_text("12 of 12", exact=True)
    assert said.bounding_box()["y"] < count.bounding_box()["y"] < 500  # type: ignore[index]
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_measurement(
    chromium: Browser, server: Server, checked: str, scheme: str
) -> None:
    page = result(chromium, server, checked, color_scheme=scheme, reduced_motion="reduce")
    assert faults(page) == []
    page.context.close()


def test_a_measurement_fits_390_px(chromium: Browser, server: Server, checked: str) -> None:
    page = result(chromium, server, checked, viewport={"width": 390, "height": 844})
    wide = page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]');"
        " return m.scrollWidth - m.clientWidth }"
    )
    assert wide == 0
    page.context.close()
