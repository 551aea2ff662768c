import dataclasses
import json

import pytest

from lib import lanes, points
from lib.lab import recordings
from lib.recording import CallError
from tests.experiments import call, experiment, simple
from tests.unpacked import events, times

MODES = ("blocking", "streaming")
CUT = CallError("cut", "The connection\nclosed in mid-stream.")


def test_a_pair_is_two_lanes_blocking_first():
    data = lanes.hero_data(simple())
    assert [(lane["n"], lane["mode"], lane["label"]) for lane in data["lanes"]] == [
        (0, "blocking", "Blocking"),
        (1, "streaming", "Streaming"),
    ]
    assert [lane["tone"] for lane in data["lanes"]] == [0, 1]
    assert {lane["sub"] for lane in data["lanes"]} == {"a-model"}


def test_a_lane_holds_every_event_and_its_milestones():
    streaming = lanes.hero_data(simple())["lanes"][1]
    assert events(streaming) == [
        (0.1, "role", ""),
        (0.3, "reasoning", "Hm. "),
        (1.2, "content", "One "),
        (1.4, "content", "two "),
        (1.4, "content", "three"),
        (1.6, "content", "."),
        (1.62, "finish", ""),
        (1.65, "usage", ""),
        (1.65, "done", ""),
    ]
    assert (streaming["first_s"], streaming["end_s"], streaming["last_s"]) == (1.2, 1.62, 1.65)
    assert streaming["note"] == ""


def test_keep_alives_are_no_marks():
    one = experiment(
        call(0, "streaming", [(0.1, "comment", ""), (0.2, "content", "a"), (5.0, "comment", "")])
    )
    lane = lanes.hero_data(one)["lanes"][0]
    assert times(lane) == [0.2]
    assert lane["last_s"] == 0.2


def test_times_are_rounded_to_a_tenth_of_a_millisecond_and_never_run_back():
    one = experiment(call(0, "streaming", [(0.123456, "content", "a"), (0.1, "content", "b")]))
    assert times(lanes.hero_data(one)["lanes"][0]) == [0.1235, 0.1235]


def test_the_data_survive_json():
    data = lanes.hero_data(simple(), live_url="/api/x/events")
    assert json.loads(json.dumps(data)) == data


def test_withheld_text_is_empty_and_its_mark_stays():
    one = experiment(call(0, "streaming", [(0.1, "content", None), (0.2, "finish", "")]))
    lane = lanes.hero_data(one)["lanes"][0]
    assert events(lane) == [(0.1, "content", ""), (0.2, "finish", "")]


def test_live_lanes_come_empty_because_the_feed_tells_all():
    data = lanes.hero_data(simple(), live_url="/api/x/events")
    assert data["live"] == {"url": "/api/x/events"}
    assert all(
        events(lane) == [] and lane["state"] == "planned" and lane["note"] == "" for lane in data["lanes"]
    )


def test_several_arms_have_colours_of_their_own_and_grey_stays_blocking():
    calls = [
        call(2 * a + i, m, [(1.0, "content", "x")], arm=a) for a in range(3) for i, m in enumerate(MODES)
    ]
    data = lanes.hero_data(experiment(*calls, models=("a", "b", "c")))
    assert [(lane["sub"], lane["tone"]) for lane in data["lanes"]] == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 2), ("c", 0), ("c", 3),
    ]  # fmt: skip


def test_above_eight_lanes_only_streaming_is_shown_and_all_can_be_chosen():
    calls = [
        call(2 * a + i, m, [(1.0, "content", "x")], arm=a) for a in range(8) for i, m in enumerate(MODES)
    ]
    one = experiment(*calls, models=tuple("abcdefgh"))
    data = lanes.hero_data(one)
    assert len(data["lanes"]) == 16
    assert [lane["mode"] for lane in data["lanes"] if lane["shown"]] == ["streaming"] * 8
    assert [c.planned.mode for c in lanes.chosen(one, None, 0)] == ["streaming"] * 8
    assert len(lanes.hero_data(one, live_url="/events")["lanes"]) == 8


def test_arms_can_be_chosen():
    calls = [
        call(2 * a + i, m, [(1.0, "content", "x")], arm=a) for a in range(3) for i, m in enumerate(MODES)
    ]
    data = lanes.hero_data(experiment(*calls, models=("a", "b", "c")), arms=[2])
    assert [lane["sub"] for lane in data["lanes"]] == ["c", "c"]


def test_one_model_at_two_hosts_is_told_apart_by_host():
    calls = [call(a, "streaming", [(1.0, "content", "x")], arm=a) for a in range(2)]
    data = lanes.hero_data(experiment(*calls, models=("a", "a")))
    assert [lane["sub"] for lane in data["lanes"]] == ["a · host-0.example", "a · host-1.example"]


def test_a_pair_that_is_not_planned_has_no_lanes():
    assert lanes.hero_data(simple(), pair=7)["lanes"] == []


@pytest.mark.parametrize(
    ("state", "rows", "error", "note"),
    [
        ("failed", [(0.5, "content", "a")], CUT, "cut at 0.50 s: The connection closed in mid-stream."),
        ("failed", [], CallError("status", "Wrong key.", status=401), "failed: Wrong key."),
        ("failed", None, CallError("refused", "Nobody listens."), "failed: Nobody listens."),
        ("failed", None, None, "failed: the call did not end well"),
        ("unknown", None, None, "unknown: it may have been sent, and is not sent again by itself"),
        ("dropped", None, None, "cancelled before it was sent"),
        ("planned", None, None, ""),
        ("sent", [(0.5, "content", "a")], None, ""),
        ("done", [(0.2, "role", ""), (0.4, "finish", "")], None, "the answer is empty"),
        ("done", [(0.2, "content", ""), (0.4, "finish", "")], None, "the answer is empty"),
        ("done", [(0.2, "content", "a"), (0.4, "finish", "")], None, ""),
    ],
)
def test_a_note_says_why_a_lane_ends_as_it_does(state, rows, error, note):
    assert lanes.note(call(0, "streaming", rows, state=state, cut=error)) == note


def test_a_cut_lane_has_no_end():
    lane = lanes.hero_data(experiment(call(0, "streaming", [(0.5, "content", "a")], state="failed", cut=CUT)))
    assert lane["lanes"][0]["end_s"] is None
    assert lane["lanes"][0]["last_s"] == 0.5


def test_a_long_error_is_shortened():
    long = CallError("status", "x" * 5000)
    note = lanes.note(call(0, "streaming", [], state="failed", cut=long))
    assert len(note) <= lanes.MAX_NOTE + len("failed: ")


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (7.32, 7.5),
        (0.16, 0.2),
        (7.5, 8.0),
        (0.0, 1.0),
        (12.89, 15.0),
        (59.0, 60.0),
        (1.65, 2.0),
        (0.0034, 0.0035),
    ],
)
def test_the_clock_ends_a_round_step_past_the_last_event(last, end):
    assert lanes.past(last) == end


def test_the_preset_has_its_recorded_times():
    data = lanes.hero_data(recordings.experiment("text-davinci-002-2022-10"))
    blocking, streaming = data["lanes"]
    assert data["duration_s"] == 7.5
    assert (blocking["first_s"], blocking["end_s"]) == (7.32, 7.32)
    assert (streaming["first_s"], streaming["end_s"]) == (0.16, 7.25)
    assert streaming["text"] == blocking["text"]


def test_arms_that_differ_in_compression_alone_are_told_apart():
    one = simple()
    arm = one.spec.arms[0]
    packed = dataclasses.replace(arm, endpoint=dataclasses.replace(arm.endpoint, accept_encoding="gzip"))
    both = dataclasses.replace(one, spec=dataclasses.replace(one.spec, arms=(arm, packed)))
    assert [lanes.model_name(both, i) for i in (0, 1)] == ["a-model · no gzip", "a-model · gzip"]


def crowded(made, *, whole=False):
    """The same model in turn and under contention; `whole`: all pairs at once, as older ones say."""
    arm = made.spec.arms[0]
    spec = dataclasses.replace(
        made.spec, arms=(arm, dataclasses.replace(arm, contention=not whole)), together=whole
    )
    return dataclasses.replace(made, spec=spec)


def test_an_arm_under_contention_is_named_so():
    both = crowded(simple())
    assert [lanes.model_name(both, i) for i in (0, 1)] == ["a-model", "a-model, under contention"]
    assert lanes.in_words(lanes.model_name(both, 1)) == "a-model under contention"
    assert lanes.in_words("a-model") == "a-model"
    older = crowded(simple(), whole=True)
    assert {lanes.model_name(older, i).endswith(", under contention") for i in (0, 1)} == {True}


def test_one_model_in_turn_and_under_contention_keeps_its_name_in_labels():
    name = "steady:first=0.05,rate=200"
    assert points.apart([name, f"{name}, under contention"]) == [name, f"{name}, under contention"]
    assert points.apart(["a-long-name-1, under contention", "a-long-name-2"]) == [
        "…1, under contention",
        "…2",
    ]


def test_of_a_long_name_the_model_is_cut_and_not_that_it_was_under_contention():
    name = "a-model-with-a-rather-long-name-2026-11-28, under contention"
    for limit in (10, 14, 24, 40, 60):
        assert len(lanes.one_line(name, limit)) <= limit
    assert lanes.one_line(name, 24) == "a-model-with-a…, at once"
    assert lanes.one_line(name, 40) == "a-model-with-a-rather…, under contention"
    assert lanes.one_line("b, under contention", 16) == "b, at once"


def test_characters_beyond_the_basic_plane_and_halves_of_them_survive_packing():
    texts = ["🎉", "a", "👩‍👩‍👧‍👦" * 3, "\ud83d", "\ude00", "流式"]
    one = experiment(call(0, "streaming", [(0.1 * i, "content", text) for i, text in enumerate(texts)]))
    assert [text for _, _, text in events(lanes.hero_data(one)["lanes"][0])] == texts


@pytest.mark.parametrize(("count", "events_each"), [(8, 2000), (1, 100_000)])
def test_many_events_stay_well_below_a_megabyte(count, events_each):
    rows = [(0.2 + 0.0031 * i, "content", "word "[i % 3 :]) for i in range(events_each)]
    one = experiment(
        *(call(a, "streaming", rows, arm=a) for a in range(count)), models=[f"m{a}" for a in range(count)]
    )
    lane_bytes = [len(json.dumps(lane)) for lane in lanes.hero_data(one)["lanes"]]
    assert sum(lane_bytes) <= 900_000
    assert max(lane_bytes) - len(rows) * 4 <= 5 * events_each + 1000


def test_freezes_lie_where_the_visible_text_stopped():
    rows = [(0.5 + 0.1 * i + (1.0 if i > 5 else 0), "content", "word ") for i in range(10)]
    lane = lanes.hero_data(experiment(call(0, "streaming", rows)))["lanes"][0]
    assert lane["freezes"] == [[1.0, 2.1]]
    assert lane["suspects"] == []


def test_a_gap_in_which_the_instrument_stood_still_is_suspect():
    rows = [(0.5, "content", "a "), (1.0, "content", "b "), (1.1, "content", "c.")]
    one = call(0, "streaming", rows)
    paused = dataclasses.replace(one.timeline, pauses=((600_000_000, 800_000_000),))
    data = lanes.hero_data(experiment(dataclasses.replace(one, timeline=paused)))
    assert data["lanes"][0]["suspects"] == [[0.5, 1.0]]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(0.5, "content", "One. "), (0.9, "content", "Two")], 0.5),
        ([(0.5, "content", "One."), (0.9, "content", " Two")], 0.9),
        ([(0.5, "content", "no end"), (0.9, "content", " of it")], None),
        ([(0.5, "content", None)], None),
        ([(0.5, "reasoning", "Hm. So. ")], None),
    ],
)
def test_a_sentence_is_marked_only_where_the_text_holds_one(rows, sentence):
    lane = lanes.hero_data(experiment(call(0, "streaming", [*rows, (1.0, "finish", "")])))["lanes"][0]
    assert lane["sentence_s"] == sentence


def test_lanes_aligned_by_first_text_are_shifted_with_all_that_is_told_of_them():
    slow = [(1.0, "content", "a. "), (1.1, "content", "b "), (2.0, "content", "c")]
    quick = [(0.4, "content", "a. "), (0.5, "content", "b "), (1.4, "content", "c")]
    one = experiment(call(0, "streaming", slow), call(1, "streaming", quick, arm=1), models=("slow", "quick"))
    data = lanes.race(lanes.entries(one), align="text")
    first, second = data["lanes"]
    assert data["zero_s"] == 1.0
    assert (first["sent_s"], second["sent_s"]) == (0.0, 0.6)
    assert first["first_s"] == second["first_s"] == second["sentence_s"] == 1.0
    assert first["freezes"] == second["freezes"] == [[1.1, 2.0]]
    assert times(first) == times(second)
