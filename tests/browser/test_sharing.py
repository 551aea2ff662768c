"""A link from the one who makes it to a stranger's browser, and back to nothing."""

import dataclasses
import json
import re
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from lib import document
from tests import experiments
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
WORDS = ("quokka", "zanzibar", "marzipan", "flugelhorn", "ocarina")
SHOWN_S = 30_000


@pytest.fixture(scope="module")
def brought(chromium: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an experiment that came as a file, with words that stand nowhere else."""
    rows: list[experiments.Row] = [(0.5, "content", "marzipan "), (0.7, "content", "flugelhorn")]
    made = experiments.experiment(
        experiments.call(0, "blocking", [(1.0, "content", "marzipan flugelhorn")]),
        experiments.call(1, "streaming", rows),
        prompt="quokka zanzibar",
    )
    file = tmp_path_factory.mktemp("brought") / "experiment.json"
    file.write_text(document.to_json(dataclasses.replace(made, title="ocarina")), "utf-8")
    page = chromium.new_page()
    page.goto(f"{server.url}/saved")
    page.get_by_role("button", name="Import a file").click()
    page.locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url("**/experiment?id=*", timeout=SHOWN_S)
    address = page.url
    page.close()
    return address


def shared(page: Page, address: str, form: str) -> tuple[str, str]:
    """Share it in the dialog: (link, delete token)."""
    page.goto(address)
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(form, exact=True).click()
    expect(dialog.get_by_text("title" if form == "Full" else "Left out: title").first).to_be_visible()
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run('[role=dialog]')")["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    dialog.get_by_role("button", name="Make the link").click()
    expect(dialog.get_by_text("shown once")).to_be_visible()
    expect(dialog.get_by_text("The link opens on this computer only.")).to_be_visible()
    href = dialog.get_by_role("link", name="Open what others see").get_attribute("href") or ""
    token = dialog.locator("code").filter(has_text=re.compile(r"^[\w-]{22}$")).first.inner_text()
    found_id = re.search(r"e=([\w-]{22})", href)
    assert found_id
    return f"{page.url.split('/experiment')[0]}/e/{found_id[1]}", token


def test_a_link_opens_for_a_stranger_until_it_is_withdrawn(
    chromium: Browser, page: Page, brought: str
) -> None:
    link, token = shared(page, brought, "Full")
    stranger = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
    stranger.goto(f"{link}?t=0.6&cite=true")
    expect(stranger.get_by_text("Shared, frozen")).to_be_visible(timeout=SHOWN_S)
    expect(stranger.locator(".now")).to_have_text("0.60 s", timeout=SHOWN_S)
    expect(stranger.get_by_text("@misc{streamgauge-")).to_be_visible(timeout=SHOWN_S)
    expect(stranger.locator(".js-plotly-plot")).to_have_count(1, timeout=SHOWN_S)
    assert brought.split("id=")[1] not in stranger.content()
    assert stranger.evaluate("() => document.documentElement.scrollWidth") == 390
    stranger.evaluate(AXE)
    found = stranger.evaluate("() => axe.run()")["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    card = stranger.request.get(f"{link}.png")
    assert (card.status, card.body()[:4]) == (200, b"\x89PNG")
    stranger.get_by_role("button", name="Withdraw").click()
    stranger.get_by_label("Delete token").fill(token)
    stranger.get_by_role("button", name="Withdraw for good").click()
    expect(stranger.get_by_text("Experiment not found")).to_be_visible(timeout=SHOWN_S)
    assert stranger.request.get(link).status == stranger.request.get(f"{link}.json").status == 404
    stranger.context.close()


def test_timing_only_holds_no_word_of_prompt_or_answer_anywhere(
    chromium: Browser, page: Page, brought: str
) -> None:
    link, _ = shared(page, brought, "Timing only")
    context = chromium.new_context()
    stranger = context.new_page()
    received: list[bytes] = []

    def keep(data: str | bytes) -> None:
        received.append(data.encode() if isinstance(data, str) else data)

    stranger.on("websocket", lambda socket: socket.on("framereceived", keep))
    stranger.goto(f"{link}?texts=true&why=true&cite=true&trust=true")
    expect(stranger.get_by_text("The sender withheld the text:")).to_be_visible(timeout=SHOWN_S)
    expect(stranger.locator(".js-plotly-plot").first).to_be_visible(timeout=SHOWN_S)
    expect(stranger.locator(".pane .answer").last).to_contain_text("▄▄▄", timeout=SHOWN_S)
    served = [stranger.request.get(f"{link}{end}").body() for end in ("", ".json", ".csv", ".trace.json")]
    served.append(stranger.request.get(link.replace("/e/", "/embed/")).body())
    drawn = stranger.evaluate("() => document.documentElement.innerText").encode()
    assert received
    everything = b"\n".join([*served, *received, stranger.content().encode(), drawn]).lower()
    assert [word for word in WORDS if word.encode() in everything] == []
    assert json.loads(served[1])["calls"][1]["events"][0]["chars"] == 9
    context.close()


def test_an_embedded_replay_opens_no_socket_and_asks_for_nothing(
    chromium: Browser, page: Page, brought: str
) -> None:
    link, _ = shared(page, brought, "Full")
    guest = chromium.new_context().new_page()
    asked: list[str] = []
    guest.on("request", lambda request: asked.append(request.url))
    guest.on("websocket", lambda socket: asked.append(socket.url))
    guest.goto(link.replace("/e/", "/embed/"))
    guest.locator(".play").click()
    expect(guest.locator(".pane .answer").last).to_contain_text("flugelhorn")
    assert [url for url in asked[1:] if not url.startswith(("data:", "blob:"))] == []
    guest.context.close()
