"""The hero's filmstrip, reader, lanes, sound, presentation, and its view in the address."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from lib import film, lanes
from lib.facts import Facts
from lib.lab import recordings
from tests.browser.test_hero import AXE, EVIL, SEEK_AND_READ, hero, site  # noqa: F401
from tests.experiments import call, experiment, simple
from tests.unpacked import times

pytestmark = pytest.mark.browser

EXAMPLE = [
    (0.1, "role", ""),
    (1.2, "content", "Streaming"),
    (1.25, "content", " shows text"),
    (1.3, "content", " early"),
    (1.4, "content", ", so readers begin"),
    (1.4, "content", " sooner."),
    (1.9, "content", " But a stall"),
    (1.95, "content", " hurts"),
    (2.05, "content", " and partial text"),
    (2.15, "content", " is hard"),
    (2.2, "content", " to moderate."),
    (2.22, "finish", ""),
]
CAPTIONS = [[0, EVIL], [1.2, "First text."], [2.3, "Blocking lands."], [2.5, "What it means."]]
MOUNT = "data => { mount(data) }"
MODES = ("blocking", "streaming")


def _data(one, **more):
    return lanes.hero_data(one, autoplay=False) | more


def _one(rows=EXAMPLE):
    return _data(experiment(call(0, "streaming", rows)))


def _followed(page: Page, lane, cps):
    return page.evaluate(
        "([lane, cps]) => module.follow(module.visibleArrivals(module.prepare(lane)), cps)", [lane, cps]
    )


def _said(page: Page, rows, cps=238 * 5.6 / 60):
    return page.evaluate(
        """([lane, cps]) => {
          const model = module.prepare(lane)
          const pace = module.follow(module.visibleArrivals(model), cps)
          return module.feltSentence(model, pace, "238 words a minute")
        }""",
        [_one(rows)["lanes"][0], cps],
    )


@pytest.mark.parametrize("steps", ["doubling", "equal"])
def test_frames_are_at_the_moments_of_the_filmstrip_in_files(hero: Page, steps):  # noqa: F811
    for last in (0.004, 0.16, 0.99, 1.0, 2.3, 7.32, 8.0, 59.9, 600.0, 0):
        drawn = hero.evaluate("([last, equal]) => module.frameTimes(last, equal)", [last, steps == "equal"])
        assert drawn == pytest.approx(film.moments(last, steps)), last


def test_each_frame_shows_what_could_be_read_then_and_marks_what_came_first(hero: Page):  # noqa: F811
    one = simple()
    hero.evaluate(MOUNT, _data(one))
    expect(hero.locator(".frame b").last).to_have_text("2.30 s")
    cells = hero.locator(".frame .cell").all_text_contents()
    expected = []
    for frame in film.frames(lanes.entries(one)):
        for seen in frame.lanes:
            words = seen.text or seen.reasoning.strip() or "waiting…"
            mark = {(1, 1): "text, sentence", (1, 0): "first text", (0, 1): "first sentence"}
            expected.append(words.strip() + mark.get((seen.first, seen.sentence), "") + seen.amount)
    assert cells == expected


def test_a_frame_moves_the_clock_to_its_moment(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _data(simple()))
    hero.get_by_role("combobox", name="Frames").select_option("equal")
    expect(hero.locator(".frame")).to_have_count(8)
    hero.locator(".frame").nth(3).click()
    expect(hero.locator(".now")).to_have_text("1.15 s")
    expect(hero.locator(".frame").nth(3)).to_have_attribute("aria-current", "true")


def test_the_reader_has_the_numbers_of_the_definitions(hero: Page):  # noqa: F811
    lane = _one()["lanes"][0]
    slow, quick = _followed(hero, lane, 238 * 5.6 / 60), _followed(hero, lane, 100)
    assert (slow["stall_count"], slow["stall_s"]) == (0, 0)
    assert slow["finish_s"] == pytest.approx(6.061944778, rel=1e-6)
    assert quick["stall_count"] == 1
    assert quick["stall_s"] == pytest.approx(0.18, rel=1e-6)
    assert quick["finish_s"] == pytest.approx(2.46, rel=1e-6)


def test_characters_of_any_script_are_code_points_to_the_reader(hero: Page):  # noqa: F811
    lane = _one([(0.5, "content", "🎉🎉"), (0.6, "content", "流式👩‍👩‍👧")])["lanes"][0]
    assert [a["n"] for a in _followed(hero, lane, 10)["arrivals"]] == [2, 7]


def test_stalls_gaps_and_freezes_are_told_apart_in_words(hero: Page):  # noqa: F811
    assert _said(hero, EXAMPLE) == "0.5 s freeze at 1.4 s: no reader at 238 words a minute would notice."
    quick = [(0.1 * i, "content", "word ") for i in range(10)]
    assert _said(hero, quick) == (
        "No freeze; the longest gap is 0.10 s, and no reader at 238 words a minute would notice it."
    )
    stopped = [*quick, *((3.9 + 0.1 * i, "content", "word ") for i in range(5))]
    assert _said(hero, stopped) == (
        "The text stops for 3.0 s at 0.9 s: a reader at 238 words a minute waits 1.6 s of it."
    )
    slow = [(1.0 * i, "content", "word ") for i in range(5)]
    assert _said(hero, slow) == (
        "No freeze, but the text comes slower than it is read: "
        "a reader at 238 words a minute waits 4 times, 3.1 s in all."
    )
    assert _said(hero, [(0.1, "role", "")]) == "Nothing to read."


def test_a_readers_own_speed_makes_nothing_wider_on_a_phone(hero: Page):  # noqa: F811
    hero.set_viewport_size({"width": 390, "height": 900})
    hero.evaluate(MOUNT, _one([(0.2 + i / 10, "content", "水は流れ") for i in range(9)]))
    wide = "() => document.documentElement.scrollWidth"
    before = hero.evaluate(wide)
    hero.get_by_role("combobox", name="Reader").select_option("own")
    hero.get_by_role("spinbutton", name="characters a minute").fill("600")
    hero.keyboard.press("Enter")
    expect(hero.locator(".felt p")).to_have_count(1)
    assert hero.evaluate(wide) == before


def test_what_was_read_is_marked_as_the_clock_runs(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _data(simple()))
    hero.get_by_role("combobox", name="Reader").select_option("aloud")
    assert hero.evaluate(SEEK_AND_READ, 1.4) == ["", "One two three"]
    assert hero.locator(".read").nth(1).text_content() == "One"
    expect(hero.locator(".felt p")).to_have_count(2)
    expect(hero.locator(".steps canvas")).to_have_count(2)
    hero.get_by_role("combobox", name="Reader").select_option("off")
    expect(hero.locator(".steps")).to_have_count(0)
    assert hero.evaluate(SEEK_AND_READ, 1.4) == ["", "One two three"]
    assert hero.locator(".read").nth(1).text_content() == ""


def test_other_scripts_than_latin_need_a_speed_of_ones_own_in_characters(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _one([(0.1 * i, "content", c) for i, c in enumerate("流式传输不会让模型更快")]))
    reader = hero.get_by_role("combobox", name="Reader")
    assert reader.locator("option:disabled").count() == 2
    reader.select_option("own")
    expect(hero.locator(".felt")).to_contain_text("The presets hold for English in Latin script")
    hero.get_by_role("spinbutton", name="characters a minute").fill("300")
    hero.keyboard.press("Tab")
    expect(hero.locator(".felt")).to_contain_text("no reader at 300 characters a minute would notice")


def _many():
    calls = [
        call(2 * a + i, mode, [(0.5 + a, "content", f"{mode} {a}. ")], arm=a)
        for a in range(5)
        for i, mode in enumerate(MODES)
    ]
    return _data(experiment(*calls, models=("a", "b", EVIL, "d", "e")))


def test_lanes_are_chosen_from_all_there_are(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _many())
    expect(hero.locator(".pane")).to_have_count(5)
    hero.locator("summary", has_text="Lanes").click()
    boxes = hero.get_by_role("checkbox")
    expect(boxes).to_have_count(10)
    hero.get_by_role("checkbox", name="Blocking, a").check()
    expect(hero.locator(".pane")).to_have_count(6)
    for i in range(9, 0, -1):
        boxes.nth(i).uncheck() if boxes.nth(i).is_checked() else None
    expect(hero.locator(".pane")).to_have_count(1)
    expect(boxes.first).to_be_disabled()
    assert hero.evaluate("window.hit") is None


def test_keys_work_wherever_the_focus_is_in_the_hero(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, {**_data(simple()), "start_s": 1.0})
    hero.locator(".body").first.focus()
    hero.keyboard.press("ArrowRight")
    expect(hero.locator(".now")).to_have_text("1.10 s")
    hero.keyboard.press("Home")
    expect(hero.locator(".now")).to_have_text("0.00 s")
    hero.keyboard.press("End")
    expect(hero.locator(".now")).to_have_text("2.50 s")
    hero.keyboard.press("]")
    expect(hero.get_by_role("combobox", name="Speed")).to_have_value("2")
    hero.keyboard.press("<")
    expect(hero.get_by_role("combobox", name="Speed")).to_have_value("1")


def test_sound_is_off_until_asked_for_and_clicks_while_it_plays(hero: Page):  # noqa: F811
    hero.evaluate(
        """() => {
          window.made = 0
          const real = AudioBufferSourceNode.prototype.start
          AudioBufferSourceNode.prototype.start = function (at) { window.made += 1; real.call(this, at) }
        }"""
    )
    hero.evaluate(MOUNT, {**_data(simple()), "speed": 8})
    sound = hero.get_by_role("button", name="Sound")
    expect(sound).to_have_attribute("aria-pressed", "false")
    hero.get_by_role("button", name="Replay").click()
    expect(hero.locator(".status")).to_have_text("Finished")
    assert hero.evaluate("made") == 0
    hero.keyboard.press("s")
    expect(sound).to_have_attribute("aria-pressed", "true")
    hero.evaluate(SEEK_AND_READ, 2.4)
    assert hero.evaluate("made") == 0
    hero.get_by_role("slider").press("Home")
    hero.get_by_role("button", name="Play", exact=True).click()
    expect(hero.locator(".status")).to_have_text("Finished")
    assert hero.evaluate("made") == 6


def test_the_presentation_goes_from_caption_to_caption_and_leaves(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _data(simple(), captions=CAPTIONS) | {"speed": 4})
    hero.get_by_role("button", name="Present").click()
    said = hero.locator(".said")
    expect(said).to_have_text(EVIL)
    expect(hero.locator(".now")).to_have_text("0.00 s")
    hero.keyboard.press("PageDown")
    expect(said).to_have_text("First text.")
    expect(hero.locator(".now")).to_have_text("1.20 s")
    assert hero.locator(".answer").all_text_contents() == ["", "One "]
    hero.keyboard.press("ArrowRight")
    hero.keyboard.press("ArrowRight")
    expect(said).to_have_text("Blocking lands.")
    hero.keyboard.press("ArrowLeft")
    expect(said).to_have_text("First text.")
    hero.keyboard.press("Escape")
    expect(said).to_be_hidden()
    expect(hero.locator(".sg")).not_to_have_class(re.compile("present"))
    assert hero.evaluate("window.hit") is None


def test_without_captions_there_is_nothing_to_present(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _data(simple()))
    expect(hero.get_by_role("button", name="Present")).to_have_count(0)
    hero.get_by_role("slider").press("p")
    expect(hero.locator(".said")).to_be_hidden()


def test_the_view_is_written_into_the_address_and_only_there(hero: Page):  # noqa: F811
    hero.evaluate(
        """() => {
          history.replaceState(null, "", "?id=abc&m=1&m=2")
          addEventListener("streamgauge:view", () => {
            const told = new URLSearchParams(location.search)
            told.sort()
            document.title = told
          })
        }"""
    )
    hero.evaluate(MOUNT, _data(simple()) | {"view": {}})
    hero.get_by_role("combobox", name="Frames").select_option("equal")
    hero.get_by_role("combobox", name="Reader").select_option("silent")
    hero.get_by_role("combobox", name="Speed").select_option("2")
    hero.evaluate(SEEK_AND_READ, 1.25)
    expect(hero).to_have_title("film=equal&id=abc&m=1&m=2&speed=2&t=1.25&wpm=238")
    hero.get_by_role("slider").press("End")
    expect(hero).to_have_title("film=equal&id=abc&m=1&m=2&speed=2&wpm=238")


def test_without_a_view_the_address_stays_as_it_is(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _data(simple()))
    hero.evaluate(
        """() => {
          window.timers = 0
          const real = setTimeout
          window.setTimeout = (...a) => { timers++; return real(...a) }
        }"""
    )
    hero.evaluate(SEEK_AND_READ, 1.25)
    assert hero.evaluate("[location.search, timers]") == ["", 0]


def test_playing_by_itself_writes_no_moment_into_the_address(hero: Page):  # noqa: F811
    hero.evaluate(
        """() => {
          window.moments = []
          addEventListener("streamgauge:view", () => moments.push(location.search))
        }"""
    )
    hero.evaluate(MOUNT, _data(simple()) | {"view": {}, "autoplay": True, "speed": 0.5})
    expect(hero.get_by_role("button", name="Pause")).to_be_visible()
    expect(hero.get_by_role("button", name="Replay")).to_be_visible()
    assert hero.evaluate("moments") == []


def test_a_link_shows_what_its_sender_saw_and_a_rerun_does_not_repeat_it(hero: Page):  # noqa: F811
    wanted = {"t": 1.25, "speed": 4, "wpm": 238, "film": "equal", "lanes": [1]}
    data = _data(simple()) | {"autoplay": True}
    hero.evaluate(MOUNT, data | {"view": wanted})
    expect(hero.get_by_role("button", name="Play", exact=True)).to_be_visible()
    expect(hero.locator(".now")).to_have_text("1.25 s")
    expect(hero.locator(".pane")).to_have_count(1)
    expect(hero.locator(".frame")).to_have_count(8)
    expect(hero.get_by_role("combobox", name="Speed")).to_have_value("4")
    expect(hero.get_by_role("combobox", name="Reader")).to_have_value("silent")
    hero.evaluate(SEEK_AND_READ, 2.0)
    hero.evaluate(MOUNT, data | {"view": {"t": 0.5}})
    expect(hero.locator(".now")).to_have_text("2.00 s")


def test_aligned_lanes_count_from_their_first_text_and_wait_from_their_own_send(hero: Page):  # noqa: F811
    rows = [[(first, "content", "a "), (first + 0.3, "content", "b.")] for first in (1.0, 0.4)]
    calls = [call(a, "streaming", rows[a], arm=a) for a in range(2)]
    found = lanes.entries(experiment(*calls, models=("slow", "quick")))
    hero.evaluate(MOUNT, lanes.race(found, align="text", autoplay=False))
    labels = hero.locator(".axis span").all_text_contents()
    assert labels[0] == "−1.0"
    assert "0.0" in labels
    expect(hero.locator(".sent").nth(1)).to_be_visible()
    expect(hero.locator(".wait span").nth(1)).to_have_text("0.40 s with nothing to read")
    hero.evaluate(SEEK_AND_READ, 0.3)
    expect(hero.locator(".pane").nth(1)).to_contain_text("not sent yet")
    expect(hero.locator(".now")).to_have_text("−0.70 s")


def test_while_it_plays_the_end_of_a_long_text_is_there(hero: Page):  # noqa: F811
    rows = [(0.001 * i, "content", f"word{i} ") for i in range(3000)]
    hero.evaluate(MOUNT, _one(rows) | {"speed": 1})
    hero.get_by_role("button", name="Replay").click()
    expect(hero.locator(".now")).to_have_text(re.compile(r"^(1\.[5-9]|2\.)"))
    text = hero.locator(".answer").text_content()
    assert re.search(r"word1[5-9]\d\d $|word[2]\d\d\d $", text)
    assert len(text) < 9000
    hero.keyboard.press("k")
    expect(hero.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert hero.locator(".answer").text_content().startswith("word0 word1 ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_open_has_no_serious_accessibility_finding(hero: Page, scheme):  # noqa: F811
    hero.emulate_media(color_scheme=scheme)
    hero.set_viewport_size({"width": 390, "height": 900})
    hero.evaluate("() => { document.body.style.margin = '1rem' }")  # as pages have
    hero.evaluate(MOUNT, _data(simple(), captions=CAPTIONS))
    hero.get_by_role("combobox", name="Reader").select_option("own")
    hero.locator("summary", has_text="Lanes").click()
    hero.evaluate(AXE)
    found = hero.evaluate("axe.run()")["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    assert hero.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_recorded_freezes_reach_the_strip(hero: Page):  # noqa: F811
    one = recordings.experiment("text-davinci-002-2022-10")
    data = _data(one)
    spans = Facts(one.calls[1].timeline, None).freeze_spans
    assert len(data["lanes"][1]["freezes"]) == len(spans) > 0
    assert all(a <= b for a, b in pairwise(times(data["lanes"][1])))
    hero.evaluate(MOUNT, data)
    expect(hero.locator(".legend")).to_contain_text("freeze")


def test_a_long_answer_at_rest_shows_its_beginning_and_its_end_once_the_clock_is_moved(hero: Page):  # noqa: F811
    hero.evaluate(MOUNT, _one([(0.01 * i, "content", "word " * 20) for i in range(100)]))
    top = "document.querySelector('.body').scrollTop"
    assert hero.evaluate(top) < -100
    hero.evaluate(SEEK_AND_READ, 0.8)
    assert hero.evaluate(top) == 0
