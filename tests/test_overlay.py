import dataclasses

from lib import lanes, overlay
from lib.lab import recordings
from lib.recording import CallError
from tests.experiments import call, experiment, simple

FAST, SLOW = (
    recordings.experiment(i) for i in ("gpt-3.5-turbo-0301-2023-03", "gpt-3.5-turbo-0301-2023-03-slow")
)


def words(runs):
    return "".join(text for text, _ in runs)


def asked(one, **changes):
    arm = one.spec.arms[0]
    arm = dataclasses.replace(arm, call=dataclasses.replace(arm.call, **changes))
    return dataclasses.replace(one, spec=dataclasses.replace(one.spec, arms=(arm,)))


def test_only_what_differs_is_named():
    one = simple()
    other = asked(one, max_tokens=7, temperature=1.5)
    rows = overlay.differences(overlay.parts([one, other]))
    assert [row.name for row in rows] == ["max_tokens", "temperature"]
    assert rows[0].values[1] == "7"
    assert overlay.differences(overlay.parts([one, one])) == []


def test_prompts_that_differ_only_at_their_end_are_told_from_where_they_part():
    one, other = (asked(simple(), prompt="x" * 400 + end) for end in ("stop here", "go on there"))
    (row,) = overlay.differences(overlay.parts([one, other]))
    assert row.name == "prompt"
    assert row.values[0] != row.values[1]
    assert "stop here" in row.values[0]


def test_a_lane_per_arm_and_never_more_than_eight():
    found = overlay.parts([FAST] * 9)
    assert [part.letter for part in found] == list("ABCDEFGH")
    assert len(overlay.parts([FAST] * 5, "both")) == 8


def test_both_modes_of_an_arm_share_a_letter_and_blocking_is_grey():
    found = overlay.parts([FAST, SLOW], "both")
    rows = overlay.entries(found)
    assert [part.letter for part in found] == ["A", "A", "B", "B"]
    assert [row.tone for row in rows] == [0, 1, 0, 2]


def test_blocking_lanes_alone_have_colours():
    assert [row.tone for row in overlay.entries(overlay.parts([FAST, SLOW], "blocking"))] == [1, 2]


def test_the_sentence_names_the_first_and_the_baselines_distance():
    found = overlay.parts([SLOW, FAST])
    assert words(overlay.sentence(found)).endswith(
        "showed its first text after 0.10 s, the baseline, A, 1.47 s later."
    )
    assert words(overlay.sentence(found, baseline=1)).endswith("after 0.10 s, A 1.47 s later.")


def test_first_texts_a_few_hundredths_apart_are_about_the_same():
    assert "at about the same time" in words(overlay.sentence(overlay.parts([FAST, FAST])))


def test_swapping_the_baseline_turns_the_differences_round():
    found = overlay.parts([SLOW, FAST])
    assert [line.beside for line in overlay.lines(found)] == ["baseline", "1.47 s sooner"]
    assert [line.beside for line in overlay.lines(found, 1)] == ["1.47 s later", "baseline"]


def test_a_lane_without_text_is_a_dash_and_never_first():
    cut = CallError("reset", "The server closed the connection.")
    empty = experiment(call(0, "streaming", [(0.1, "role", "")], cut=cut))
    found = overlay.parts([empty, FAST])
    assert overlay.lines(found)[0].first == "–"
    assert words(overlay.sentence(found)).endswith("the baseline, A, showed none.")
    assert words(overlay.sentence(overlay.parts([empty]))) == "No visible text arrived in any of these calls."


def test_aligned_by_first_text_every_first_text_lies_at_the_same_moment():
    rows, zero = lanes.aligned(overlay.entries(overlay.parts([SLOW, FAST])), "text")
    data = lanes.race(overlay.entries(overlay.parts([SLOW, FAST])), align="text")
    assert zero == 1.57
    assert [round(row.shift_s, 6) for row in rows] == [0.0, 1.47]
    assert {lane["first_s"] for lane in data["lanes"]} == {1.57}
