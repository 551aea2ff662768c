"""Why and how far to trust it, in a real browser: a chip's run, its Why, and a trial on the Method page."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server
from tests.browser.flow import wait_until_finished

pytestmark = pytest.mark.browser

SIDEWAYS = (
    "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
    ".map(e => e.scrollWidth - e.clientWidth)"
)


@pytest.mark.real_time
def test_a_chip_leads_to_a_simulated_run_whose_why_is_drawn_on_demand(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Held back by a proxy").click()
    page.wait_for_url("**/experiment?id=*")
    wait_until_finished(page)
    expect(page.get_by_text(re.compile("Simulated$")).first).to_be_visible()
    expect(page.get_by_text("Delivery was held back on the way.")).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").last).to_have_text("withheld")
    page.get_by_text("Why: delivery, phases, gaps, reader").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(5, timeout=30_000)
    expect(page.get_by_text("What would help: Send X-Accel-Buffering: no")).to_be_visible()
    expect(page.get_by_role("figure", name=re.compile("^What the time was spent on"))).to_be_visible()
    expect(page.get_by_role("cell", name="wait before the first token")).to_be_visible()
    page.get_by_text("Trust: how this was measured").click()
    expect(page.get_by_role("heading", name="The instrument's own error")).to_be_visible()


@pytest.mark.real_time
def test_a_trial_shows_measured_against_true_and_its_link_shows_it_again(
    chromium: Browser, page: Page, server: Server
) -> None:
    page.goto(f"{server.url}/method?trap=stall")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", name="Measured against true")).to_be_visible(timeout=40_000)
    expect(page.get_by_role("heading", name="Who was right")).to_be_visible(timeout=40_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=30_000)
    expect(page.get_by_role("figure", name=re.compile("^Half of the stamps are right to"))).to_be_visible()
    assert re.search(r"trap=stall&id=[\w-]{22}", page.url)
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    again = phone.new_page()
    again.goto(page.url)
    expect(again.get_by_role("heading", name="Who was right")).to_be_visible(timeout=40_000)
    assert again.evaluate(SIDEWAYS) == [0, 0]
    again.get_by_role("link", name="Open this run as an experiment").click()
    wait_until_finished(again)
    expect(again.get_by_text("Delivery stalled.")).to_be_visible()
    again.get_by_text("Why: delivery, phases, gaps, reader").click()
    expect(again.locator(".js-plotly-plot")).to_have_count(5, timeout=30_000)
    assert again.evaluate(SIDEWAYS) == [0, 0]
    phone.close()


def test_the_header_names_the_program(page: Page, server: Server) -> None:
    page.goto(server.url)
    logo = page.get_by_test_id("stHeaderLogo")
    expect(logo).to_be_visible()
    box = logo.bounding_box()
    assert box is not None
    assert box["width"] > 4 * box["height"], "a wordmark, not an icon"
