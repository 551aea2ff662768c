"""The pictures show what was recorded, when it was recorded; whatever the text, they stay safe and small."""

import io
import re
import time
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib import film, lanes
from lib.lab import recordings
from lib.pictures import gif, paint, race, text
from lib.pictures.card import card
from lib.pictures.filmstrip import film_alt, film_png, film_svg
from lib.pictures.gif import race_gif
from lib.pictures.look import ADVANCE, LIMIT, Window, clean
from lib.pictures.race import race_alt, race_svg
from lib.recording import CallError
from tests.experiments import call, experiment, simple

SVG = "{http://www.w3.org/2000/svg}"
PRESET = "text-davinci-002-2022-10"
ARABIC = "كان هناك نهر صغير يجري بين الجبال. "
HOSTILE = "</text><script>alert(1)</script>&<image href='http://x.example'/>]]>\x00\ud800\u202e\x1b[31m\ufffe"


def preset():
    return lanes.entries(recordings.experiment(PRESET))


def streamed(pieces, *, dt=0.1, lanes_count=1):
    calls = [
        call(a, "streaming", [(0.3 + a / 10 + i * dt, "content", p) for i, p in enumerate(pieces)], arm=a)
        for a in range(lanes_count)
    ]
    return lanes.entries(experiment(*calls, models=tuple(f"model-{a}" for a in range(lanes_count))))


def hidden_until(svg):
    """Class → when it appears, s, as the style sheet says."""
    loop = float(re.search(r"animation:([\d.]+)s step-start", svg)[1])
    found = re.findall(r"@keyframes (k\d+)\{0%,([\d.]+)%\{visibility:hidden\}\}", svg)
    return {name: float(share) / 100 * loop for name, share in found}


def answers(svg):
    """The lanes' text windows, in order: the groups that share a font size."""
    return [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "_text" and g.get("font-size")]


def visible(group, begins, t):
    """What of a lane's text is not hidden at a moment."""
    shown = []
    for line in group.iter(f"{SVG}text"):
        for part in list(line) or [line]:
            name = (part.get("class") or "").split(" ")[0]
            if begins.get(name, 0.0) <= t + 1e-3:
                shown.append(part.text or "")
    return "".join(shown)


def bare(words):
    return "".join(words.split())


def test_the_race_shows_at_each_moment_what_had_come_by_then():
    rows = preset()
    svg = race_svg(rows, title="Preset")
    begins = hidden_until(svg)
    for t in [0.1, *sorted(begins.values())]:
        for group, row in zip(answers(svg), rows, strict=True):
            lane = film.track(row)
            had = "".join(x for at, x in zip(lane.t_s, lane.texts, strict=True) if at <= t + 1e-3)
            assert visible(group, begins, t) == bare(had)


def test_no_text_is_shown_before_it_came_and_none_later_than_a_frame_after():
    lane = film.track(preset()[1])
    grid = text.Grid(1 / 15, [lane.first_s, lane.last_s])
    assert all(0 <= grid(t) - t <= 1 / 15 + 1e-6 for t in lane.t_s)
    assert grid(0.16) == 0.16, "milestones are exact"


def test_the_preset_starts_to_show_text_at_its_recorded_first_text():
    svg = race_svg(preset(), title="Preset")
    assert min(hidden_until(svg).values()) == pytest.approx(0.16, abs=1e-3)
    assert "7.32 s" in svg
    assert "0.16 s" in svg


def test_marks_stand_at_their_recorded_times():
    rows = preset()
    scene = race.scene(rows, title="x")
    sweep = [s for s in scene.shapes if isinstance(s, race.Sweep)][1]
    marks = next(m for m in sweep.shapes if isinstance(m, race.Marks) and m.fill == "t1")
    times = [(x - sweep.x) / sweep.w * scene.span_s for x in marks.xs]
    recorded = [t for t, kind in zip(*film.track(rows[1])[:2], strict=True) if kind == "content"]
    assert all(min(abs(t - r) for r in recorded) < 0.01 for t in times)
    assert all(min(abs(t - r) for t in times) < 0.01 for r in recorded)


def test_speed_stretches_the_loop_and_nothing_else():
    slow = race_svg(preset(), title="x", speed=0.5)
    assert f"animation:{7.5 / 0.5 + race.PAUSE_S:g}s" in slow
    assert min(hidden_until(slow).values()) == pytest.approx(0.32, abs=1e-3)


def test_without_animation_the_last_moment_is_shown():
    svg = race_svg(preset(), title="x")
    assert "@media(prefers-reduced-motion:reduce){*{animation:none!important}}" in svg
    assert "visibility:hidden}" in svg
    still = re.sub(r"@keyframes \w+\{(?:[^{}]|\{[^{}]*\})*\}", "", svg)
    assert re.findall(r"[^\n{}]*\{visibility:hidden\}", still) == ["[class^=h]{visibility:hidden}"]


def test_schemes_follow_the_reader_unless_one_is_chosen():
    assert "prefers-color-scheme:dark" in race_svg(preset(), title="x")
    chosen = race_svg(preset(), title="x", dark=True)
    assert "prefers-color-scheme" not in chosen
    assert "#0C0F14" in chosen


@pytest.mark.parametrize("draw", [race_svg, film_svg])
def test_nothing_in_an_svg_runs_or_is_loaded(draw):
    rows = [row._replace(label=HOSTILE, sub=HOSTILE) for row in streamed([HOSTILE, " ", HOSTILE])]
    svg = draw(rows, title=HOSTILE, subtitle=HOSTILE)
    found = ET.fromstring(svg)
    tags = {element.tag.removeprefix(SVG) for element in found.iter()}
    drawn = {
        "svg",
        "title",
        "desc",
        "style",
        "defs",
        "pattern",
        "clipPath",
        "rect",
        "g",
        "text",
        "tspan",
        "path",
    }
    assert tags <= drawn
    names = {name for element in found.iter() for name in element.attrib}
    assert not [n for n in names if "href" in n or n.startswith("on") or n == "src"]
    style = found.find(f"{SVG}style").text
    assert set(re.findall(r"url\(([^)]*)\)", style)) == {"#hatch"}
    assert "@import" not in style


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 60), st.text(max_size=40)), max_size=40),
    st.text(max_size=60),
    st.integers(1, 8),
)
def test_any_text_makes_a_valid_picture_that_holds_all_of_it(pieces, label, count):
    events = [(t, "content", words) for t, words in sorted(pieces, key=lambda p: p[0])]
    calls = [call(a, "streaming", events, arm=a) for a in range(count)]
    rows = [
        row._replace(label=label, sub=label)
        for row in lanes.entries(experiment(*calls, models=tuple(map(str, range(count)))))
    ]
    for svg in (race_svg(rows, title=label, subtitle=label), film_svg(rows, title=label)):
        ET.fromstring(svg)
        assert len(svg.encode("utf-8")) <= LIMIT


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.floats(1, 40))
def test_wrapping_loses_nothing_but_white_space(words, em):
    spans = list(text.spans(words, em, ADVANCE))
    assert bare("".join(words[a:b] for a, b in spans)) == bare(words)
    assert all(a <= b for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in pairwise(spans))


def test_lines_fit_their_room():
    words = "A river carries water, " * 40 + "1,2,3," * 60 + "河水从山里流出来" * 20
    for start, end in text.spans(words, 20, ADVANCE):
        assert sum(map(ADVANCE, words[start:end])) <= 20.0001


def test_an_unbroken_list_breaks_after_its_commas():
    words = ",".join(map(str, range(10, 80)))
    ends = [words[end - 1] for _, end in text.spans(words, 20, ADVANCE)]
    assert set(ends[:-1]) == {","}


def test_a_long_answer_shows_its_end():
    rows = streamed([f"word{i} " for i in range(400)], dt=0.01)
    scene = race.scene(rows, title="x")
    window = next(s for s in scene.shapes if isinstance(s, Window))
    last = max(one.y for one in window.lines)
    assert window.y < last + window.scroll[-1][1] <= window.y + window.h


def test_right_to_left_lines_start_at_the_right():
    rows = streamed([word + " " for word in (ARABIC * 4).split()])
    window = next(s for s in race.scene(rows, title="x").shapes if isinstance(s, Window))
    assert all(one.rtl and one.x == window.x + window.w for one in window.lines)
    assert 'class="r"' in race_svg(rows, title="x")


def test_control_characters_and_lone_surrogates_become_one_mark():
    assert clean("a\x00b\ud800c\r\n\td") == "a\ufffdb\ufffdc\n    d"


def test_eight_lanes_of_two_thousand_events_stay_within_the_limit():
    rows = streamed([f"word{i % 17} " for i in range(2000)], dt=0.03, lanes_count=8)
    svg = race_svg(rows, title="x")
    ET.fromstring(svg)
    assert len(svg.encode()) <= LIMIT
    assert "word1" in svg


@pytest.mark.parametrize(
    "rows",
    [
        [],
        lanes.entries(experiment(call(0, "streaming", None, state="failed"))),
        lanes.entries(experiment(call(0, "streaming", [(0.2, "role", ""), (0.4, "finish", "")]))),
        lanes.entries(
            experiment(
                call(0, "streaming", [(0.5, "content", "a")], state="failed", cut=CallError("cut", "<gone>"))
            )
        ),
        lanes.entries(experiment(call(0, "streaming", [(0.0, "content", "at once")]))),
    ],
    ids=["none", "failed", "empty", "cut", "at zero"],
)
def test_calls_that_went_wrong_have_pictures_too(rows):
    for svg in (race_svg(rows, title="x"), film_svg(rows, title="x")):
        ET.fromstring(svg)
    assert Image.open(io.BytesIO(race_gif(rows, title="x", width=200))).format == "GIF"
    assert Image.open(io.BytesIO(film_png(rows, title="x", wide=300))).format == "PNG"
    assert race_alt(rows).endswith(".")
    assert film_alt(rows).endswith(".")


def frames_of(data):
    image = Image.open(io.BytesIO(data))
    for i in range(image.n_frames):
        image.seek(i)
        yield image.info["duration"], image.convert("RGB")


def test_a_gif_takes_as_long_as_the_recording_and_its_pause():
    data = race_gif(preset(), title="Preset", width=400)
    frames = list(frames_of(data))
    assert sum(ms for ms, _ in frames) == (7.5 + race.PAUSE_S) * 1000
    assert all(ms >= 20 for ms, _ in frames), "browsers stretch anything shorter"
    assert len(data) <= LIMIT
    assert Image.open(io.BytesIO(data)).info["loop"] == 0
    assert data == race_gif(preset(), title="Preset", width=400), "the same rows give the same bytes"


@pytest.mark.parametrize("t_s", [1e-9, 1e6])
def test_a_picture_of_a_moment_or_of_eleven_days_can_be_made(t_s):
    made = experiment(
        call(0, "blocking", [(t_s, "content", "a")]), call(1, "streaming", [(t_s, "content", "a")])
    )
    rows = lanes.entries(made)
    assert race_gif(rows, title="x", width=200)
    assert race_svg(rows, title="x")
    assert card(made, "x", "y")


def test_the_last_frame_of_a_gif_is_the_end_of_the_film():
    rows = preset()
    scene = race.scene(rows, title="x", advance=paint.advance)
    moments, _ = gif.times(scene, gif.FRAMES)
    end = film.frames(rows)[-1]
    windows = [s for s in scene.shapes if isinstance(s, Window)]
    for window, view in zip(windows, end.lanes, strict=True):
        pieces = [p for one in window.lines for p in one.pieces if p.since <= moments[-1]]
        assert sum(len(bare(p.text)) for p in pieces) == len(bare(view.text))


def test_gif_pixels_at_a_moment_are_those_of_that_moment():
    rows = streamed(["one "] * 3, dt=1.0)
    scene = race.scene(rows, title="x", advance=paint.advance)
    painter = paint.Painter(scene, 480)
    before, first, second = (painter.at(t) for t in (0.29, 0.31, 1.35))
    left, top, right, bottom = 12, 60, 240, 140
    shots = [image.crop((left, top, right, bottom)).tobytes() for image in (before, first, second)]
    assert len(set(shots)) == 3


def test_letters_that_the_font_lacks_are_bars_and_not_boxes():
    assert paint.advance("a") == pytest.approx(0.55, abs=0.1)
    assert paint.advance("河") == ADVANCE("河") == 1.0


def test_the_film_marks_first_text_and_first_sentence():
    svg = film_svg(lanes.entries(simple()), title="x")
    assert svg.count(">first text<") == 2
    assert ">first sentence<" not in svg
    two = call(
        0, "streaming", [(0.4, "content", "It is "), (0.9, "content", "so. And "), (2, "content", "on. ")]
    )
    marked = film_svg(lanes.entries(experiment(two)), title="x")
    assert marked.count(">first text<") == marked.count(">first sentence<") == 1


def test_more_than_eight_moments_stand_in_two_rows():
    rows = streamed([f"w{i} " for i in range(100)], dt=1.0)
    heads = re.findall(r">([\d.]+ s)</text>", film_svg(rows, title="x"))
    assert heads == [f"{t} s" for t in ("0.25", "0.5", "1", "2", "4", "8", "16", "32", "64", "99.3")]


def test_a_lane_that_shows_nothing_says_why_in_the_film():
    failed = call(0, "blocking", None, state="failed", cut=CallError("status", "Wrong key."))
    good = call(1, "streaming", [(0.4, "content", "a")])
    assert ">failed: Wrong key.<" in film_svg(lanes.entries(experiment(failed, good)), title="x")


def test_sentences_say_what_the_pictures_show():
    assert race_alt(preset()) == (
        "A race on one clock: Blocking (text-davinci-002) shows nothing for 7.32 s, then everything at once; "
        "Streaming (text-davinci-002) shows its first text after 0.16 s and its last event at 7.25 s."
    )
    assert film_alt(lanes.entries(simple())) == (
        "What could be read at 5 moments up to 2.30 s: Blocking (a-model) has its first text at 2.3 s and "
        "3 words in the end; Streaming (a-model) has its first text at 2 s and 3 words in the end."
    )


def test_the_preset_is_drawn_at_once():
    rows = preset()
    race_svg(rows, title="x")
    begin = time.process_time()
    race_svg(rows, title="x")
    assert time.process_time() - begin < 0.1
