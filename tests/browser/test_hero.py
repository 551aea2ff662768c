import json
import queue
import random
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from lib import exports, lanes, player
from lib.lab import recordings
from lib.recording import CallError
from tests.experiments import call, experiment, simple
from tests.unpacked import events, times

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
POLICY = "default-src 'self'; script-src 'self' blob:; style-src 'self' 'unsafe-inline'; base-uri 'none'"
EVIL = "</script><script>window.hit=1</script><img src=x onerror=window.hit=2>"
PAGE = """<!doctype html><html lang="en"><title>t</title><link rel="stylesheet" href="/hero.css">
<main id="a"></main><main id="b"></main><script type="module" src="/mount.js"></script></html>"""
MOUNT = """import * as module from "/hero.js"
window.module = module
window.ended = []
document.title = "ready"
window.mount = (data, id = "a") => module.default({
  parentElement: document.getElementById(id), data, key: id,
  setTriggerValue: (name, value) => { window.ended.push([name, value]); document.title = "ended" },
})"""


class Site(ThreadingHTTPServer):
    """The component under a strict policy, with a feed that says what a test puts in it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.feed: queue.Queue[str | None] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def say(self, data: object, event: str = "message") -> None:
        self.feed.put(f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def items(self, *rows: list[object]) -> None:
        self.say({"items": rows})


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path == "/events":
            return self._stream()
        known = {
            "/": ("text/html", PAGE),
            "/mount.js": ("text/javascript", MOUNT),
            "/hero.js": ("text/javascript", player.script()),
            "/hero.css": ("text/css", player.style()),
        }
        kind, body = known.get(self.path, ("text/plain", ""))
        self._head(200 if self.path in known else 404, kind)
        self.wfile.write(body.encode())
        return None

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-security-policy", POLICY)
        self.end_headers()

    def _stream(self) -> None:
        self._head(200, "text/event-stream")
        while (message := self.server.feed.get()) is not None:
            self.wfile.write(message.encode())
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield site
    site.feed.put(None)
    site.shutdown()
    site.server_close()
    thread.join()


@pytest.fixture
def hero(page: Page, site: Site) -> Page:
    """A page in which `mount(data)` draws the hero."""
    page.goto(site.url)
    expect(page).to_have_title("ready")
    return page


@pytest.fixture
def still(chromium: Browser) -> Iterator[Page]:
    """A visitor who asked for less motion."""
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 1100, "height": 900})
    yield context.new_page()
    context.close()


def _file(tmp_path: Path, one) -> str:
    target = tmp_path / "experiment.html"
    target.write_text(exports.html_file(one, link=None, pictures=False), encoding="utf-8")
    return target.as_uri()


def _data(one, **options):
    return lanes.hero_data(one, **{"autoplay": False, **options})


def _scripts():
    arabic = [
        (0.2 + 0.05 * i, "content", w) for i, w in enumerate(["مرحبا ", "بكم ", "في ", "عالم ", "البث. "] * 4)
    ]
    chinese = [(0.1 + 0.03 * i, "content", c) for i, c in enumerate("流式传输不会让模型更快。👩‍👩‍👧‍👦🎉" * 3)]
    return experiment(
        call(0, "streaming", arabic, arm=0), call(1, "streaming", chinese, arm=1), models=("one", "two")
    )


def _text_at(lane, t):
    seen = [(k, x) for at, k, x in events(lane) if at <= t]
    return {kind: "".join(x for k, x in seen if k == kind) for kind in ("reasoning", "content")}


@pytest.mark.parametrize(
    "one",
    [simple(), _scripts(), recordings.experiment("text-davinci-002-2022-10")],
    ids=["simple", "scripts", "preset"],
)
def test_text_at_100_random_instants_is_the_text_of_the_events_so_far(hero: Page, one):
    data = _data(one)
    rng = random.Random(7)
    instants = [rng.uniform(-0.1, data["duration_s"] * 1.1) for _ in range(90)]
    instants += rng.sample(times(data["lanes"][-1]) * 2, 10)
    for lane in data["lanes"]:
        drawn = hero.evaluate(
            "([lane, at]) => { const m = module.prepare(lane); return at.map((t) => module.textAt(m, t)) }",
            [lane, instants],
        )
        for t, seen in zip(instants, drawn, strict=True):
            assert {k: seen[k] for k in ("reasoning", "content")} == _text_at(lane, t)


def test_what_is_drawn_is_the_text_at_that_instant(hero: Page):
    data = _data(recordings.experiment("gpt-3.5-turbo-0301-2023-03-slow"))
    hero.evaluate("data => mount(data)", data)
    rng = random.Random(3)
    for t in [rng.uniform(0, data["duration_s"]) for _ in range(100)]:
        drawn = hero.evaluate(SEEK_AND_READ, t)
        assert drawn == [_text_at(lane, t)["content"] for lane in data["lanes"]]


SEEK_AND_READ = """(t) => new Promise((done) => {
  const range = document.querySelector(".range")
  range.value = t
  range.dispatchEvent(new Event("input"))
  requestAnimationFrame(() => requestAnimationFrame(() =>
    done([...document.querySelectorAll(".answer")].map((p) => p.textContent))))
})"""


def test_words_are_counted_across_events_and_characters_where_words_say_little(hero: Page):
    count = """(text) => {
      const m = module.prepare({ dt: "", kinds: "", sizes: "", text: "" })
      text.forEach((piece, i) => module.append(m, i, "content", piece))
      return module.amount(m.text.content, m.words)
    }"""
    assert hero.evaluate(count, ["Str", "eaming ", "shows text"]) == "3 words"
    assert hero.evaluate(count, ["One"]) == "1 word"
    assert hero.evaluate(count, ["流式", "传输🎉"]) == "5 characters"
    assert hero.evaluate(count, [f"{i}," for i in range(10, 40)]) == "90 characters"


def test_a_long_text_keeps_its_end_and_never_half_a_character(hero: Page):
    tail = hero.evaluate(
        "() => { const x = '🎉'.repeat(20000) + 'end'; return x.slice(module.tailStart(x)) }"
    )
    assert len(tail.encode("utf-16-le")) // 2 <= 20_000
    assert tail == "🎉" * (len(tail) - 3) + "end"
    hero.evaluate(
        "data => mount(data)", _data(experiment(call(0, "streaming", [(0.1, "content", "word " * 9000)])))
    )
    expect(hero.locator(".more")).to_be_visible()
    assert len(hero.locator(".answer").text_content()) <= 20_000


def test_ticks_are_round_and_few(hero: Page):
    for span in (0.0035, 0.2, 1, 7.5, 15, 60, 3600):
        labels = [t["label"] for t in hero.evaluate("s => module.ticks(s, 8)", span)]
        assert 3 <= len(labels) <= 9
        assert len(set(labels)) == len(labels)


def test_the_file_from_disk_plays_once_and_asks_for_nothing(page: Page, tmp_path: Path):
    asked = []
    page.context.on("request", lambda request: asked.append(request.url))
    address = _file(tmp_path, simple())
    page.goto(address, wait_until="commit")  # it plays for two seconds, which a busy machine may take to load
    expect(page.locator(".pane.hatched")).not_to_have_count(0)
    expect(page.get_by_role("button", name="Replay")).to_be_visible(timeout=20_000)
    assert page.locator(".answer").all_text_contents() == ["One two three.", "One two three."]
    assert page.locator(".reasoning").all_text_contents() == ["", "Hm. "]
    expect(page.locator(".first").nth(1)).to_have_text("1.20 s first text")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert set(asked) == {address}


def test_the_blocking_pane_waits_until_it_lands_whole(hero: Page):
    hero.evaluate("data => mount(data)", _data(simple()))
    assert hero.evaluate(SEEK_AND_READ, 2.29) == ["", "One two three."]
    expect(hero.locator(".pane").first).to_have_class("pane hatched")
    expect(hero.locator(".pane .waiting").first).to_contain_text("2.29 s")
    assert hero.evaluate(SEEK_AND_READ, 2.3) == ["One two three.", "One two three."]
    expect(hero.locator(".pane").first).to_have_class("pane landed")


def test_untrusted_text_stays_text(page: Page, tmp_path: Path):
    cut = CallError("cut", EVIL)
    one = experiment(
        call(0, "blocking", [(0.3, "content", EVIL)]),
        call(1, "streaming", [(0.1, "reasoning", EVIL), (0.2, "content", EVIL)], state="failed", cut=cut),
        models=(EVIL,),
        prompt=EVIL,
    )
    page.goto(_file(tmp_path, one))
    expect(page.get_by_role("button", name="Replay")).to_be_visible(timeout=20_000)
    assert page.locator(".answer").all_text_contents() == [EVIL, EVIL]
    assert page.locator(".reasoning").nth(1).text_content() == EVIL
    assert page.locator(".note").nth(1).text_content() == f"cut at 0.20 s: {EVIL}"
    assert page.locator("pre").text_content() == EVIL
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0


def test_less_motion_means_at_rest_on_the_finished_state(still: Page, tmp_path: Path):
    still.goto(_file(tmp_path, simple()))
    expect(still.get_by_role("button", name="Replay")).to_be_visible()
    expect(still.locator(".now")).to_have_text("2.50 s")
    assert still.locator(".answer").all_text_contents() == ["One two three.", "One two three."]


def test_the_keyboard_plays_pauses_and_steps(hero: Page):
    hero.evaluate("data => mount(data)", {**_data(simple()), "start_s": 1.0})
    slider = hero.get_by_role("slider", name="Time")
    slider.focus()
    hero.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1.10 of 2.5 seconds")
    hero.keyboard.press("Shift+ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "2.10 of 2.5 seconds")
    hero.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "2.00 of 2.5 seconds")
    hero.get_by_role("combobox", name="Speed").select_option("0.25")
    slider.focus()
    hero.keyboard.press(" ")
    expect(hero.get_by_role("button", name="Pause")).to_be_visible()
    hero.keyboard.press("k")
    expect(hero.get_by_role("button", name="Play")).to_be_visible()
    hero.get_by_role("button", name="Play").focus()
    hero.keyboard.press(" ")
    expect(hero.get_by_role("button", name="Pause")).to_be_visible()


def test_keys_outside_the_hero_do_nothing(hero: Page):
    hero.evaluate("data => mount(data)", {**_data(simple()), "start_s": 1.0})
    hero.keyboard.press("k")
    expect(hero.get_by_role("button", name="Play")).to_be_visible()


def test_a_rerun_with_the_same_data_keeps_the_position(hero: Page):
    data = _data(simple())
    hero.evaluate("data => mount(data)", data)
    assert hero.evaluate(SEEK_AND_READ, 1.3) == ["", "One "]
    hero.evaluate("data => { mount(data); mount(data) }", data)
    expect(hero.locator(".now")).to_have_text("1.30 s")
    assert hero.locator(".sg").count() == 1
    hero.get_by_role("slider").focus()
    hero.keyboard.press("ArrowRight")
    expect(hero.locator(".now")).to_have_text("1.40 s")


def test_only_the_latest_cleanup_removes_the_hero(hero: Page):
    data = _data(simple())
    hero.evaluate("data => { window.first = mount(data); window.second = mount(data); first() }", data)
    assert hero.locator(".sg").count() == 1
    hero.evaluate("second()")
    assert hero.locator(".sg").count() == 0
    hero.evaluate("data => mount(data)", data)
    assert hero.locator(".pane").count() == 2


def test_two_heroes_on_a_page_keep_apart(hero: Page):
    data = _data(simple())
    hero.evaluate("data => { mount(data, 'a'); mount(data, 'b') }", data)
    hero.evaluate(SEEK_AND_READ, 1.3)
    expect(hero.locator("#a .now")).to_have_text("1.30 s")
    expect(hero.locator("#b .now")).to_have_text("2.50 s")


def test_the_strip_is_told_in_words_and_can_be_dragged(hero: Page):
    hero.evaluate("data => mount(data)", _data(simple()))
    strip = hero.get_by_role("img", name="Blocking, a-model: everything at once after 2.30 s.")
    expect(strip).to_have_attribute(
        "aria-label",
        "Blocking, a-model: everything at once after 2.30 s. Streaming, a-model: 9 events,"
        " first text after 1.20 s, last event at 1.65 s.",
    )
    field = hero.locator(".field").bounding_box()
    hero.mouse.click(field["x"] + field["width"] * 0.5, field["y"] + 5)
    expect(hero.locator(".now")).to_have_text("1.25 s")


def test_every_event_is_drawn_at_its_place(hero: Page):
    hero.evaluate("data => mount(data)", _data(simple()))
    expect(hero.locator(".axis span").first).to_be_visible()
    inked = hero.evaluate(INKED)
    for t in (0.1, 0.3, 1.2, 1.4, 1.6):
        assert any(abs(x - t / 2.5) < 0.004 for x in inked), t
    assert not any(0.35 / 2.5 < x < 1.15 / 2.5 for x in inked)


INKED = """() => {
  const canvas = document.querySelectorAll("canvas")[1]
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  const found = new Set()
  data.forEach((v, i) => i % 4 === 3 && v > 60 && found.add(((i >> 2) % canvas.width) / canvas.width))
  return [...found]
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_no_serious_accessibility_finding_and_no_sideways_scroll(
    chromium: Browser, tmp_path: Path, scheme, width
):
    cut = CallError("cut", "The connection closed.")
    first = simple().calls
    one = experiment(
        *first,
        call(2, "blocking", None, arm=1, state="dropped"),
        call(3, "streaming", [(0.2, "content", "a b c")], arm=1, state="failed", cut=cut),
        models=("a-model", "another-model-with-a-name-that-does-not-fit-anywhere-at-all"),
    )
    context = chromium.new_context(
        reduced_motion="reduce",
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(_file(tmp_path, one))
    expect(page.get_by_role("button", name="Replay")).to_be_visible()
    page.evaluate(SEEK_AND_READ, 0.25)
    page.add_script_tag(content=AXE)
    found = page.evaluate("axe.run()")["violations"]
    bad = [
        (v["id"], [n["html"] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert bad == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_live_lanes_fill_as_the_feed_tells_and_the_end_is_reported(hero: Page, site: Site):
    hero.evaluate("data => mount(data)", _data(simple(), live_url="/events"))
    site.say({}, "ages")
    expect(hero.locator(".waiting").first).to_contain_text("its turn comes next")
    expect(hero.locator(".waiting").nth(1)).to_contain_text("waiting for its turn")
    site.items([1, "sent", []])
    site.say({"1": 1500}, "ages")
    expect(hero.locator(".waiting").nth(1)).to_contain_text("nothing to read yet")
    expect(hero.locator(".waiting b").nth(1)).to_have_text(re.compile(r"^[1-9]\d*\.\d\d s$"))
    site.items([1, None, [[100_000_000, "comment", "", 0], [200_000_000, "content", "Hello ", 1]]])
    site.items(
        [1, None, [[300_000_000, "content", EVIL, 2], [350_000_000, "finish", "", 2]]], [1, "done", []]
    )
    expect(hero.locator(".answer").nth(1)).to_have_text(f"Hello {EVIL}")
    expect(hero.locator(".first").nth(1)).to_have_text("0.20 s first text")
    expect(hero.locator(".total").nth(1)).to_have_text("0.35 s")
    expect(hero.locator(".now")).to_have_text("1 of 2 calls in")
    expect(hero.get_by_role("slider")).to_have_count(0)
    site.items([0, "sent", []], [0, None, [[900_000_000, "content", "All.", 0]]], [0, "done", []])
    site.say({}, "end")
    expect(hero).to_have_title("ended")
    assert hero.evaluate("ended") == [["ended", True]]
    assert hero.locator(".answer").first.text_content() == "All."


def test_a_reset_empties_the_lanes_before_they_are_told_again(hero: Page, site: Site):
    hero.evaluate("data => mount(data)", _data(simple(), live_url="/events"))
    site.items([1, "sent", [[100_000_000, "content", "old", 0]]])
    expect(hero.locator(".answer").nth(1)).to_have_text("old")
    site.say({}, "reset")
    site.items([1, "sent", [[100_000_000, "content", "new", 0]]])
    expect(hero.locator(".answer").nth(1)).to_have_text("new")


def test_a_live_rerun_does_not_open_a_second_feed(hero: Page, site: Site):
    asked = []
    hero.on("request", lambda request: asked.append(request.url))
    data = _data(simple(), live_url="/events")
    hero.evaluate("data => mount(data)", data)
    site.items([1, "sent", [[100_000_000, "content", "a", 0]]])
    expect(hero.locator(".answer").nth(1)).to_have_text("a")
    changed = {**data, "lanes": [{**lane, "state": "sent"} for lane in data["lanes"]]}
    hero.evaluate("data => mount(data)", changed)
    site.items([1, None, [[200_000_000, "content", "b", 0]]])
    expect(hero.locator(".answer").nth(1)).to_have_text("ab")
    assert asked == [site.url + "events"]


@pytest.mark.parametrize(("together", "button"), [(True, "Replay"), (False, "Pause")])
def test_calls_watched_at_once_are_not_played_again_but_a_race_is(hero: Page, site: Site, together, button):
    hero.evaluate("data => mount(data)", _data(simple(), live_url="/events"))
    if together:
        site.items([0, "sent", []], [1, "sent", []], [0, "done", []], [1, "done", []])
    else:
        site.items([0, "sent", []], [0, "done", []], [1, "sent", []], [1, "done", []])
    site.say({}, "end")
    expect(hero).to_have_title("ended")
    hero.evaluate("data => mount(data)", {**_data(simple(), autoplay=True), "speed": 0.25})
    expect(hero.get_by_role("button", name=button)).to_be_visible()


def test_a_feed_that_is_refused_says_so(page: Page, site: Site):
    page.route("**/events", lambda route: route.fulfill(status=204))
    page.goto(site.url)
    expect(page).to_have_title("ready")
    page.evaluate("data => mount(data)", _data(simple(), live_url="/events"))
    expect(page.get_by_role("status")).to_contain_text("The live view lost its connection.")


def test_script_and_style_weigh_at_most_60_kb():
    assert len(player.script().encode()) + len(player.style().encode()) <= 60_000


@pytest.mark.parametrize("at", [0.1, 1.0, 2.9])
def test_a_cut_lane_says_so_within_its_track_on_a_phone(chromium: Browser, tmp_path: Path, at: float):
    one = experiment(
        call(0, "blocking", [(3.0, "content", "abc"), (3.0, "finish", "")]),
        call(1, "streaming", [(at, "content", "a")], state="failed", cut=CallError("cut", "It closed.")),
    )
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(_file(tmp_path, one))
    stop, track = page.locator(".stop").nth(1), page.locator(".track").nth(1)
    expect(stop).to_have_text(f"cut at {at:.2f} s")
    words, room = stop.bounding_box(), track.bounding_box()
    assert words is not None
    assert room is not None
    assert room["x"] - 1 <= words["x"]
    assert words["x"] + words["width"] <= room["x"] + room["width"] + 1
    context.close()
