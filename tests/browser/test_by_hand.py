"""What fingers and a second tab do that scripts in process cannot."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import flow
from tests.browser.conftest import Server
from tests.endpoint import endpoint

pytestmark = pytest.mark.browser


def test_a_key_that_was_left_with_the_tab_key_is_sent(page: Page, server: Server) -> None:
    with endpoint() as asked:
        page.goto(server.url)
        page.get_by_role("button", name="Try my model").first.click()
        page.get_by_role("combobox", name="Provider").click()
        page.get_by_role("option", name="Any other address").click()
        expect(page.get_by_role("textbox", name="Base URL")).to_have_value("")
        page.get_by_role("textbox", name="Base URL").fill(asked.base_url)
        page.get_by_role("textbox", name="Base URL").press("Tab")
        expect(page.get_by_text(f"This sends 2 calls to {asked.base_url.split('/')[2]}.")).to_be_visible()
        page.get_by_label("Model", exact=True).fill("slow:2")
        page.get_by_role("textbox", name="Key").press_sequentially("sk-left-with-tab")
        page.wait_for_timeout(2000)  # the field hands over after a pause of 0.25 s
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Run", exact=True).click()
        flow.wait_until_finished(page)
        assert asked.authorizations == ["sk-left-with-tab"] * 2
    page.goto(f"{server.url}/saved")
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    assert places_of("sk-left-with-tab", page, server) == []


def places_of(secret: str, page: Page, server: Server) -> list[str]:
    """Where a key is found outside memory: the page that was left, every kept file, the log."""
    page.go_back()
    page.locator(".play").first.wait_for()
    files = [path for path in (*server.data.rglob("*"), server.log) if path.is_file()]
    found = [path.name for path in files if secret.encode() in path.read_bytes()]
    return found + ([page.url] if secret in page.content() + page.url else [])


@pytest.mark.real_time  # deleted within the seven seconds that it runs
def test_an_experiment_deleted_in_mid_run_by_another_tab_is_said_to_be_gone(
    page: Page, chromium: Browser, server: Server
) -> None:
    other = chromium.new_page()
    other.goto(f"{server.url}/saved")
    expect(other.get_by_role("heading", name="Saved")).to_be_visible()
    flow.run_preset(page, server.url)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    other.reload()
    other.get_by_role("button", name="Delete").first.click()
    other.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="Experiment not found")).to_be_visible(timeout=15_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    other.close()
