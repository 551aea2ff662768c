"""What several browser tests do on the way to their own question."""

import re

from playwright.sync_api import Page, expect

RUN = "Run it here, 7 s, no key"
BEGINS = "With streaming, you see"
"""The first words of what it runs."""


def id_of(page: Page) -> str:
    """The experiment that the address names."""
    found = re.search(r"id=([A-Za-z0-9_-]{22})", page.url)
    assert found, page.url
    return found.group(1)


def run_preset(page: Page, url: str) -> str:
    """From the start page to the running experiment that it offers; returns its id."""
    page.goto(url)
    page.get_by_role("button", name=RUN).click()
    page.wait_for_url("**/experiment?id=*")
    return id_of(page)


def wait_until_finished(page: Page) -> None:
    """The result page of a run that went well, down to its last chart."""
    expect(page.get_by_text(re.compile("Finished$")).first).to_be_visible(timeout=40_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=30_000)
