"""What a visitor does with the pictures: scrub, look closer, take away, lay over each other, present."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Download, Page, expect

from tests.browser.conftest import ROOT, Server
from tests.browser.flow import wait_until_finished

pytestmark = pytest.mark.browser
SHOWN_S = 30_000


def opened(page: Page, server: Server, id: str, more: str = "") -> Page:
    page.goto(f"{server.url}/experiment?id={id}{more}")
    wait_until_finished(page)
    return page


def run_quick(server: Server) -> None:
    """One more experiment in the server's folder, over in half a second."""
    model = "steady:first=0.1,rate=200,tokens=40"
    command = [
        sys.executable,
        "-m",
        "lib",
        "run",
        "--base-url",
        "lab",
        "--model",
        model,
        "--prompt",
        "Count.",
    ]
    environment = os.environ | {"STREAMGAUGE_DATA": str(server.data)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def saved(page: Page, button: str) -> Download:
    with page.expect_download() as found:
        page.get_by_role("button", name=button).click()
    return found.value


def test_the_address_keeps_what_the_sender_saw(
    chromium: Browser, page: Page, server: Server, finished: str
) -> None:
    opened(page, server, finished)
    page.locator(".range").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".speed").select_option("4")
    expect(page).to_have_url(re.compile("speed=4"))
    page.get_by_text("Trust: how this was measured").click()
    expect(page.get_by_role("heading", name="The instrument's own error")).to_be_visible()
    assert query(page)["t"] == ["1"]
    friend = chromium.new_context(reduced_motion="reduce").new_page()
    friend.goto(page.url)
    expect(friend.locator(".now")).to_have_text("1.00 s", timeout=SHOWN_S)
    expect(friend.locator(".speed")).to_have_value("4")
    expect(friend.get_by_role("heading", name="The instrument's own error")).to_be_visible(timeout=SHOWN_S)
    friend.context.close()


def test_the_copied_link_holds_the_view(page: Page, server: Server, finished: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, server, finished, "&t=2.5")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = parse_qs(urlsplit(page.evaluate("() => navigator.clipboard.readText()")).query)
    assert copied == {"id": [finished], "t": ["2.5"]}


def test_a_box_draws_its_range_anew_and_one_click_shows_all_again(
    page: Page, server: Server, finished: str
) -> None:
    opened(page, server, finished)
    area = page.locator(".js-plotly-plot .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 30, steps=8)
    page.mouse.up()
    expect(page.get_by_text("every event drawn")).to_be_visible(timeout=SHOWN_S)
    page.get_by_role("button", name="Show all of it").click()
    expect(page.get_by_text("every event drawn")).to_be_hidden(timeout=SHOWN_S)


def test_one_event_can_be_seen_close_up_by_keyboard(page: Page, server: Server, finished: str) -> None:
    opened(page, server, finished)
    page.get_by_text("One event, close up").click()
    number = page.get_by_role("spinbutton", name="Event")
    number.fill("3")
    number.press("Enter")
    expect(page.get_by_text("Event: 3 of")).to_be_visible(timeout=SHOWN_S)
    expect(page.get_by_text(re.compile(r"^Network read: number \d+"))).to_be_visible()
    expect(page.get_by_text("As it came")).to_be_visible()
    expect(page.locator("code", has_text='data: {"')).to_be_visible()


def test_a_chart_leaves_as_png_svg_and_csv(page: Page, server: Server, finished: str, tmp_path: Path) -> None:
    opened(page, server, finished)
    png = saved(page, "Arrivals, text and rate as PNG").path().read_bytes()
    assert png.startswith(b"\x89PNG")
    svg = saved(page, "Arrivals, text and rate as SVG").path().read_text("utf-8")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    csv = saved(page, "CSV").path().read_text("utf-8").splitlines()
    assert "t_s" in csv[0]
    assert len(csv) > 190


def test_the_race_and_the_filmstrip_leave_as_files(page: Page, server: Server, finished: str) -> None:
    opened(page, server, finished)
    page.get_by_role("button", name="Take a picture").click()
    race = saved(page, "Race, animated SVG").path().read_text("utf-8")
    assert "@keyframes" in race
    assert "<script" not in race
    assert saved(page, "Race, animated GIF").path().read_bytes().startswith(b"GIF89a")
    assert saved(page, "Filmstrip, PNG").path().read_bytes().startswith(b"\x89PNG")


def test_two_experiments_ticked_on_saved_are_compared_and_their_link_lasts(
    chromium: Browser, page: Page, server: Server, finished: str
) -> None:
    run_quick(server)
    page.goto(f"{server.url}/saved")
    ticks = page.get_by_test_id("stCheckbox").locator("label")
    for place, said in enumerate(("Tick another one to compare.", "Compare them")):
        ticks.nth(place).click()
        expect(page.get_by_text(said)).to_be_visible(timeout=SHOWN_S)
    page.get_by_role("link", name="Compare them").click()
    page.wait_for_url("**/compare?ids=*")
    expect(page.locator(".pane")).to_have_count(2, timeout=SHOWN_S)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=SHOWN_S)
    page.get_by_role("radio", name="First text").click()
    expect(page).to_have_url(re.compile("align="))
    friend = chromium.new_context(reduced_motion="reduce").new_page()
    friend.goto(page.url)
    expect(friend.locator(".pane")).to_have_count(2, timeout=SHOWN_S)
    expect(friend.locator(".js-plotly-plot")).to_have_count(2, timeout=SHOWN_S)
    friend.context.close()


def test_p_fills_the_screen_with_captions_and_escape_leaves(
    page: Page, server: Server, finished: str
) -> None:
    opened(page, server, finished)
    page.locator(".range").focus()
    page.keyboard.press("p")
    expect(page.locator(".present")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".present")).to_be_hidden()
