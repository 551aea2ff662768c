import dataclasses

import pytest

from lib import film, lanes
from lib.lab import recordings
from tests.experiments import call, experiment, simple


def rows(*calls):
    return lanes.entries(experiment(*calls))


def texts(frames, lane=0):
    return [frame.lanes[lane].text for frame in frames]


@pytest.mark.parametrize(
    ("last", "times"),
    [
        (7.32, [0.25, 0.5, 1, 2, 4, 7.32]),
        (2.0, [0.25, 0.5, 1, 2.0]),
        (1.0, [0.25, 0.5, 1.0]),
        (0.9, [0.125, 0.25, 0.5, 0.9]),
        (0.16, [0.03125, 0.0625, 0.125, 0.16]),
        (4.4, [0.25, 0.5, 1, 2, 4.4]),
        (0.0, []),
    ],
)
def test_frames_double_until_the_last_event(last, times):
    assert film.moments(last, "doubling") == times


def test_equal_frames_end_at_the_last_event():
    assert film.moments(4.0, "equal") == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]


def test_a_frame_shows_the_text_of_events_up_to_then():
    frames = film.frames(lanes.entries(simple()), "doubling")
    assert [f.t_s for f in frames] == [0.25, 0.5, 1.0, 2.0, 2.3]
    assert texts(frames, 0) == ["", "", "", "", "One two three."]
    assert texts(frames, 1) == ["", "", "", "One two three.", "One two three."]
    assert [f.lanes[1].reasoning for f in frames] == ["", "Hm. ", "Hm. ", "Hm. ", "Hm. "]
    assert [f.lanes[1].first for f in frames] == [False, False, False, True, False]


def test_the_first_whole_sentence_is_marked_once_and_only_where_there_is_one():
    one = call(
        0, "streaming", [(0.4, "content", "It is "), (0.9, "content", "so. And "), (2, "content", "on. ")]
    )
    assert [f.lanes[0].sentence for f in film.frames(rows(one))] == [False, False, True, False]
    none = call(0, "streaming", [(0.4, "content", "no end"), (2, "content", " ever")])
    assert not any(f.lanes[0].sentence for f in film.frames(rows(none)))


def test_white_space_alone_is_no_first_text():
    one = call(0, "streaming", [(0.2, "content", "\n\n"), (0.9, "content", "a"), (2, "finish", "")])
    assert [f.lanes[0].first for f in film.frames(rows(one))] == [False, False, True, False]


def test_amounts_are_words_or_characters_for_a_whole_lane():
    assert film.amount("One two", "One two three.") == "2 words"
    assert film.amount("One", "One") == "1 word"
    assert film.amount("河水", "河水从山里流出来。") == "2 characters"
    assert film.amount("4,5", "4,5,6,7,8,9,10,11,12,13,14,15") == "3 characters"


def test_withheld_text_has_an_amount_all_the_same():
    line = call(0, "streaming", [(0.2, "content", "abc"), (0.4, "finish", "")])
    held = line.timeline.events[0]._replace(text=None)
    timeline = dataclasses.replace(line.timeline, events=(held, line.timeline.events[1]))
    frames = film.frames(rows(dataclasses.replace(line, timeline=timeline)))
    assert (frames[-1].lanes[0].text, frames[-1].lanes[0].amount) == ("", "3 characters")


def test_nothing_arrived_is_no_frames():
    assert film.frames(rows(call(0, "streaming", None, state="failed"))) == []


def test_lanes_aligned_by_first_text_are_seen_on_their_common_clock():
    placed, _ = lanes.aligned(lanes.entries(simple()), "text")
    frames = film.frames(placed)
    assert frames[-1].t_s == 2.75  # text at 1.2 s moves to 2.3 s; its last event from 1.65 s to 2.75 s
    assert texts(frames, 1)[:-1] == ["", "", "", ""]


def test_the_preset_reads_as_recorded():
    frames = film.frames(lanes.entries(recordings.experiment("text-davinci-002-2022-10")))
    assert [f.t_s for f in frames] == [0.25, 0.5, 1.0, 2.0, 4.0, 7.32]
    assert frames[0].lanes[1].first
    assert frames[-1].lanes[0].text == frames[-1].lanes[1].text
