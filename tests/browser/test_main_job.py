"""The whole way in a real browser: start page, Run, live, result, link, reload, JSON, HTML file from disk."""

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from lib.charts import offline
from tests.browser.conftest import Server
from tests.browser.flow import BEGINS, RUN, run_preset, wait_until_finished

pytestmark = pytest.mark.browser

TOLERANCE_S = 0.25  # real_time: a loaded machine may wake late; bench/preset.py holds 10 ms


def document(server: Server, experiment: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/api/experiments/{experiment}.json", timeout=10) as answer:
        return json.load(answer)


def numbers_on(page: Page) -> list[str]:
    return page.get_by_test_id("stMetricValue").all_inner_texts()


def test_start_page_shows_a_finished_experiment_before_any_click(page: Page, server: Server) -> None:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.goto(server.url)
    expect(page.get_by_role("heading", name="See when the words arrive.")).to_be_visible()
    sentence = (
        "Streaming showed its first text after 0.16 s. The blocking call showed nothing for 7.32 s. "
        "Both finished at about the same time."
    )
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator(".pane")).to_have_count(2)
    expect(page.get_by_role("button", name=RUN)).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 0
    assert not [r.url for r in asked if "plotly" in r.url.lower()]
    assert {r.url.split("/")[2] for r in asked if r.url.startswith("http")} == {server.url.split("/")[2]}


def test_hero_stands_above_the_fold(page: Page, server: Server) -> None:
    page.goto(server.url)
    strip = page.locator(".strip").first
    strip.wait_for()
    box = strip.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900


@pytest.mark.real_time
def test_run_is_live_at_once_survives_reload_and_is_joined_by_a_second_tab(
    page: Page, server: Server
) -> None:
    experiment = run_preset(page, server.url)
    blocking, streaming = page.locator(".pane").nth(0), page.locator(".pane").nth(1)
    expect(streaming.locator(".answer")).to_contain_text(BEGINS, timeout=15_000)
    expect(blocking).to_have_class(re.compile("hatched"))
    page.reload()
    expect(page.locator(".pane").nth(1).locator(".answer")).to_contain_text(BEGINS, timeout=15_000)
    second = page.context.new_page()
    second.goto(f"{server.url}/experiment?id={experiment}")
    expect(second.locator(".pane").nth(1).locator(".answer")).to_contain_text(BEGINS, timeout=15_000)
    wait_until_finished(second)
    wait_until_finished(page)
    assert numbers_on(page) == numbers_on(second)
    assert len(numbers_on(page)) <= 4


def test_run_goes_on_while_nobody_watches(page: Page, server: Server) -> None:
    experiment = run_preset(page, server.url)
    page.goto("about:blank")
    deadline = time.monotonic() + 30
    while document(server, experiment)["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.3)
    assert [call["state"] for call in document(server, experiment)["calls"]] == ["done", "done"]


@pytest.mark.real_time
def test_the_document_reproduces_the_recording(server: Server, finished: str) -> None:
    calls = {call["mode"]: call for call in document(server, finished)["calls"]}
    streaming, blocking = calls["streaming"]["metrics"], calls["blocking"]["metrics"]
    assert streaming["ttfe_s"] == pytest.approx(0.16, abs=TOLERANCE_S)
    assert streaming["last_content_s"] == pytest.approx(7.25, abs=TOLERANCE_S)
    assert blocking["e2e_s"] == pytest.approx(7.32, abs=TOLERANCE_S)
    texts = [e["text"] for e in calls["streaming"]["events"] if e["kind"] == "content"]
    assert "".join(texts).startswith(BEGINS)
    assert len(texts) == 193
    assert calls["streaming"]["usage"] is None
    assert sum(e["tokens"] or 0 for e in calls["streaming"]["events"]) == 193


def test_result_page_reads_from_sentence_to_charts(page: Page, server: Server, finished: str) -> None:
    page.goto(f"{server.url}/experiment?id={finished}")
    wait_until_finished(page)
    expect(page.get_by_text("Streaming showed its first text after")).to_be_visible()
    for row in ("Time to first event", "Time to first visible text", "Time to the full response"):
        expect(page.get_by_text(row, exact=False).first).to_be_visible()
    expect(page.get_by_role("heading", name="Arrivals, text and rate")).to_be_visible()
    chart = page.locator(".js-plotly-plot")
    for row in ("Share of the text shown", "Tokens per second"):
        expect(chart.get_by_text(row)).to_be_visible()
    assert "not available" not in page.locator("body").inner_text()


def test_link_opens_in_another_browser_with_the_same_numbers(
    page: Page, chromium: Browser, server: Server, finished: str
) -> None:
    page.goto(f"{server.url}/experiment?id={finished}")
    wait_until_finished(page)
    other = chromium.new_context().new_page()
    other.goto(f"{server.url}/experiment?id={finished}")
    wait_until_finished(other)
    assert numbers_on(page) == numbers_on(other) != []
    page.reload()
    wait_until_finished(page)
    assert numbers_on(page) == numbers_on(other)
    other.context.close()


def test_loopback_link_says_that_it_opens_here_only(page: Page, server: Server, finished: str) -> None:
    page.goto(f"{server.url}/experiment?id={finished}")
    expect(page.get_by_text("This link opens on this computer only.")).to_be_visible()
    expect(page.get_by_text(f"{server.url}/experiment?id={finished}")).to_be_visible()


def test_html_file_plays_from_disk_without_a_network(
    page: Page, chromium: Browser, server: Server, finished: str, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/experiment?id={finished}")
    page.get_by_role("button", name="Take it away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as one HTML file").click()
    file = tmp_path / "experiment.html"
    download.value.save_as(file)
    assert file.stat().st_size - len(offline.packed()) <= 300_000
    alone = chromium.new_context(offline=True)
    opened = alone.new_page()
    asked: list[str] = []
    opened.on("request", lambda r: asked.append(r.url))
    opened.goto(file.as_uri())
    expect(opened.get_by_text("Streaming showed its first text after")).to_be_visible()
    opened.locator(".play").click()
    expect(opened.locator(".pane").nth(1).locator(".answer")).to_contain_text(BEGINS)
    expect(opened.locator(".chart .main-svg").last).to_be_visible(timeout=20_000)
    expect(opened.locator(".chart.js-plotly-plot")).to_have_count(3)
    assert asked == [file.as_uri()]
    alone.close()


def test_json_download_is_the_document(page: Page, server: Server, finished: str, tmp_path: Path) -> None:
    page.goto(f"{server.url}/experiment?id={finished}")
    page.get_by_role("button", name="Take it away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    download.value.save_as(tmp_path / "experiment.json")
    assert json.loads((tmp_path / "experiment.json").read_text("utf-8")) == document(server, finished)


def test_saved_finds_names_and_deletes(page: Page, server: Server) -> None:
    experiment = run_preset(page, server.url)
    wait_until_finished(page)
    page.get_by_role("link", name="Saved").first.click()
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    expect(page.locator(f'a[href*="{experiment}"]').first).to_be_visible()


@pytest.mark.parametrize("wanted", ["A" * 22, "nonsense", "", "../../etc/passwd"])
def test_unknown_and_malformed_links_are_404_with_a_page(page: Page, server: Server, wanted: str) -> None:
    answer = page.goto(f"{server.url}/experiment?id={wanted}")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Experiment not found")).to_be_visible()


def test_cold_deep_link_after_a_restart_shows_the_page_with_the_shell(
    context: BrowserContext, start_server: Callable[..., Server]
) -> None:
    page = context.new_page()  # its console tells of the server that is stopped on purpose
    first = start_server()
    experiment = run_preset(page, first.url)
    wait_until_finished(page)
    numbers = numbers_on(page)
    first.process.terminate()
    first.process.wait(20)
    again = start_server(data=first.data)
    page.goto(f"{again.url}/experiment?id={experiment}")
    wait_until_finished(page)
    assert numbers_on(page) == numbers
    expect(page.get_by_role("link", name="Method").first).to_be_visible()


@pytest.mark.real_time
def test_what_arrived_survives_a_killed_server(
    context: BrowserContext, start_server: Callable[..., Server]
) -> None:
    page = context.new_page()
    first = start_server()
    experiment = run_preset(page, first.url)
    expect(page.locator(".pane").nth(1).locator(".answer")).to_contain_text(BEGINS, timeout=15_000)
    time.sleep(0.6)  # one batch must have been saved; batches are saved every quarter second
    page.goto("about:blank")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(20)
    again = start_server(data=first.data)
    calls = {c["mode"]: c for c in document(again, experiment)["calls"]}
    texts = [e["text"] for e in calls["streaming"]["events"] if e["kind"] == "content"]
    assert "".join(texts).startswith(BEGINS)
    page.goto(f"{again.url}/experiment?id={experiment}")
    expect(page.get_by_text(BEGINS).first).to_be_visible()


def test_health_answers(server: Server) -> None:
    with urllib.request.urlopen(server.url + "/healthz", timeout=10) as answer:
        assert json.load(answer)["status"] == "ok"


def test_a_foreign_host_name_is_refused(server: Server) -> None:
    request = urllib.request.Request(server.url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)
