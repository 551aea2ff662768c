"""The reader against the worked example, its identities, and who gets no number."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.facts import NO_TEXT, Facts
from lib.reader import (
    ALOUD,
    OTHER_SCRIPT,
    READER,
    SILENT,
    Deadlines,
    Reader,
    Reading,
    arrivals,
    fluid,
    mostly_latin,
    noticed,
    rate,
    read,
)
from lib.timeline import Timeline
from tests import experiments as by_hand
from tests.figures import CONTENT, EDGES, FINISH, ROLE, TEXT, WORKED, Row, blocking, streaming

FAST = Reader(100)
SILENT_EXPECT = {
    "reader_finish_s": 6.061944778,
    "reader_stall_count": 0,
    "reader_stall_s": 0,
    "reader_stall_ratio": 0,
    "reader_time_saved_s": 1.1,
    "qoe": 0.694444444,
}
FAST_EXPECT = {
    "reader_finish_s": 2.46,
    "reader_stall_count": 1,
    "reader_stall_s": 0.18,
    "reader_stall_ratio": 0.142857143,
    "reader_time_saved_s": 0.92,
    "qoe": 0.602974186,
}


def close(got: object, expected: float) -> bool:
    return isinstance(got, float | int) and math.isclose(got, expected, rel_tol=1e-6, abs_tol=1e-9)


def text(*parts: str, at: tuple[int, ...] = ()) -> Timeline:
    """Content events, 100 ms apart from 1 s on or at the times given, then the finish."""
    times = at or tuple(1000 + 100 * i for i in range(len(parts)))
    rows = [Row(i, t, "content", p) for i, (t, p) in enumerate(zip(times, parts, strict=True))]
    return streaming([*rows, Row(99, times[-1], "finish")], None)[0]


def test_presets_are_words_a_minute_in_characters_a_second() -> None:
    assert close(SILENT.cps, 22.213333333)
    assert round(ALOUD.cps, 2) == 17.08
    assert close(rate(60), 5.6)


@pytest.mark.parametrize(("reader", "expected"), [(SILENT, SILENT_EXPECT), (FAST, FAST_EXPECT)])
def test_the_worked_example_comes_out_to_the_last_digit(reader: Reader, expected: dict[str, float]) -> None:
    values, _ = read(WORKED.timeline, WORKED.recount, reader, blocking=blocking()[0])
    assert not {name: (values[name], v) for name, v in expected.items() if not close(values[name], v)}


def test_a_blocking_call_is_read_after_its_end() -> None:
    assert close(read(blocking()[0])[0]["reader_finish_s"], 7.161944778)
    assert close(read(blocking()[0], reader=FAST)[0]["reader_finish_s"], 3.38)
    assert read(blocking()[0])[0]["reader_stall_count"] == 0
    assert read(blocking()[0])[0]["qoe"] == 0  # nothing could be read while it was expected


def test_who_expects_the_first_text_when_it_comes_is_content() -> None:
    assert close(read(WORKED.timeline, expected_wait_s=1.3)[0]["qoe"], 1)


def test_an_answer_within_the_expected_wait_has_no_quality() -> None:
    values, reasons = read(WORKED.timeline, expected_wait_s=2.2)
    assert values["qoe"] is None
    assert reasons["qoe"].startswith("The whole answer came before")


def test_deadlines_of_the_worked_example() -> None:
    values, _ = read(WORKED.timeline, WORKED.recount, deadlines=Deadlines(1.0, 0.05))
    # First token 0.2 s late: 1 + 4; after the stall 0.5 s against 0.05 + 0.25 slack: 1 + 4. 24 - 2 + 10.
    assert (values["deadlines_missed"], values["deadlines_total"]) == (10, 32)
    assert close(values["fluidity_index"], 0.6875)


def test_deadlines_need_a_recount_and_to_be_set() -> None:
    for recount, deadlines in (
        (None, Deadlines()),
        (WORKED.recount, None),
        (WORKED.recount, Deadlines(1, 0)),
    ):
        values, reasons = read(WORKED.timeline, recount, deadlines=deadlines)
        assert values["fluidity_index"] is None
        assert values["deadlines_total"] is None
        assert reasons["fluidity_index"]


def test_a_stall_is_where_the_reader_waits_and_not_where_text_does() -> None:
    # 100 characters/s: 52 characters from 1.20 are read at 1.72; the next come at 1.90.
    found = fluid(arrivals(Facts(WORKED.timeline, None)), 100)
    assert len(found.stalls) == 1
    assert close(found.stalls[0].start_s, 1.72)
    assert close(found.stalls[0].seconds, 0.18)
    freezes = Facts(WORKED.timeline, None).freeze_spans
    assert noticed(freezes, found.stalls) == [True]
    assert noticed(freezes, fluid(arrivals(Facts(WORKED.timeline, None)), SILENT.cps).stalls) == [False]


def test_the_reader_is_drawn_from_corner_to_corner() -> None:
    found = fluid([(1.0, 10), (3.0, 5)], 10)
    assert found.finish_s == (2.0, 3.5)
    assert found.line == ((1.0, 0.0), (2.0, 10.0), (3.0, 10.0), (3.5, 15.0))
    assert fluid([], 10).line == ()


def test_text_that_comes_just_in_time_is_no_stall() -> None:
    assert fluid([(0.1 * i, 1) for i in range(1000)], 10).stalls == ()


def test_leading_white_space_is_not_read_before_there_is_something_to_see() -> None:
    line = text("\n", " ", "ab", "cd")
    assert arrivals(Facts(line, None)) == [(1.2, 4), (1.3, 2)]
    assert close(read(line, reader=Reader(10))[0]["reader_finish_s"], 1.2 + 6 / 10)


def test_without_visible_text_nothing_is_read_and_no_stall_counted() -> None:
    for line in (EDGES["empty_answer"].timeline, text(" ", "\n")):
        values, reasons = read(line)
        assert (values["reader_stall_count"], values["reader_stall_s"]) == (0, 0)
        assert values["reader_finish_s"] is None
        assert reasons["qoe"] == "No visible text arrived."


def test_a_cut_answer_keeps_its_stalls_and_has_no_end() -> None:
    values, reasons = read(
        EDGES["cut_short"].timeline,
        EDGES["cut_short"].recount,
        FAST,
        deadlines=Deadlines(),
        blocking=blocking()[0],
    )
    assert values["reader_stall_count"] == 1
    assert close(values["reader_stall_s"], 0.18)
    for name in ("reader_finish_s", "reader_stall_ratio", "qoe", "reader_time_saved_s", "fluidity_index"):
        assert values[name] is None
        assert "not known to be whole" in reasons[name]


def test_all_at_one_moment_is_read_without_a_wait() -> None:
    values, _ = read(EDGES["buffered_one_read"].timeline, reader=FAST)
    assert (values["reader_stall_count"], values["qoe"]) == (0, 0)
    assert close(values["reader_finish_s"], 2.2 + 1.08)


def test_nothing_is_saved_without_a_whole_blocking_call() -> None:
    assert read(WORKED.timeline)[1]["reader_time_saved_s"] == "There is no blocking call to hold it against."
    cut = dataclasses.replace(blocking()[0], complete=False)
    assert read(WORKED.timeline, blocking=cut)[0]["reader_time_saved_s"] is None


def test_withheld_text_is_read_by_its_lengths() -> None:
    events = tuple(e._replace(text=None) if e.chars else e for e in WORKED.timeline.events)
    values, _ = read(dataclasses.replace(WORKED.timeline, events=events), None, FAST)
    assert close(values["reader_finish_s"], 2.46)


def test_presets_say_nothing_about_other_scripts() -> None:
    line = text("Солнце ", "встаёт.")
    values, reasons = read(line)
    assert set(values.values()) == {None}
    assert reasons["reader_stall_count"] == OTHER_SCRIPT
    assert close(read(line, reader=Reader(10))[0]["reader_finish_s"], 2.4)
    assert read(line, reader=Reader(0))[0]["reader_finish_s"] is None


@pytest.mark.parametrize(
    ("sample", "latin"),
    [("Naïve café", True), ("1,2,3", True), ("", True), ("日本語のテキスト", False), ("مرحبا", False),
     ("Das Wort \u043c\u0438\u0440", True), ("\u043c\u0438\u0440 is peace", True), ("ＡＢＣ", True)],
)  # fmt: skip
def test_latin_script_is_told_by_its_letters(sample: str, latin: bool) -> None:
    assert mostly_latin(sample) is latin


def test_the_table_describes_every_number() -> None:
    for name, metric in READER.items():
        assert metric.name == name
        assert metric.formula.endswith(".")
        assert metric.label
        assert metric.null
        assert metric.unit == ("s" if name.endswith("_s") else "")
    assert len({m.label for m in READER.values()}) == len(READER)
    for case in (WORKED, *EDGES.values()):
        values, reasons = read(case.timeline, case.recount, deadlines=Deadlines(), blocking=blocking()[0])
        assert list(values) == list(READER)
        assert {name for name, v in values.items() if v is None} == set(reasons)
        assert all(r.endswith(".") and r[0].isupper() for r in reasons.values())


ROWS = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 60)), min_size=1, max_size=40)


def staircase(rows: list[tuple[int, int]]) -> Timeline:
    ordered = sorted(rows)
    return text(*("x" * n for _, n in ordered), at=tuple(t for t, _ in ordered))


@given(ROWS, st.floats(1, 500))
def test_the_end_is_first_text_plus_reading_plus_stalls(rows: list[tuple[int, int]], cps: float) -> None:
    values, _ = read(staircase(rows), reader=Reader(cps))
    reading = sum(n for _, n in rows) / cps
    assert close(
        values["reader_finish_s"], min(rows)[0] / 1000 + reading + float(values["reader_stall_s"] or 0)
    )


@given(ROWS, st.floats(1, 500))
def test_with_equal_text_the_head_start_less_the_stalls_is_saved(
    rows: list[tuple[int, int]], cps: float
) -> None:
    whole, end = "x" * sum(n for _, n in rows), 25_000
    values, _ = read(staircase(rows), reader=Reader(cps), blocking=blocking(whole, end=end)[0])
    head_start = (end - min(rows)[0]) / 1000
    assert close(values["reader_time_saved_s"], head_start - float(values["reader_stall_s"] or 0))


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 4)), min_size=1, max_size=30),
    st.integers(0, 2000),
    st.integers(1, 300),
)
def test_deadlines_are_those_counted_token_by_token(
    rows: list[tuple[int, int]], first: int, each: int
) -> None:
    rows.sort()
    line, recount = streaming([Row(i, t, "content", "x", n) for i, (t, n) in enumerate(rows)])
    values, _ = read(line, recount, deadlines=Deadlines(first / 1000, each / 1000))
    due, before, missed, total = first, 0, 0, 0
    for at in [t for t, n in rows for _ in range(n)]:
        late = at - before - due
        passed = 1 + late // each if late > 0 else 0
        missed, total, before, due = missed + passed, total + max(1, passed), at, each + max(0, -late)
    assert (values["deadlines_missed"], values["deadlines_total"]) == (
        (missed, total) if total else (None, None)
    )


@given(ROWS, st.floats(1, 500))
def test_the_reader_never_outruns_the_text(rows: list[tuple[int, int]], cps: float) -> None:
    came = arrivals(Facts(staircase(rows), None))
    at, stalls = came[0][0], 0.0
    for (t, n), finish in zip(came, fluid(came, cps).finish_s, strict=True):
        stalls += max(0.0, t - at)
        at = max(at, t) + n / cps
        assert math.isclose(finish, at, rel_tol=1e-9)
    assert abs(sum(s.seconds for s in fluid(came, cps).stalls) - stalls) < 1e-6


@given(ROWS, st.floats(1, 500), st.floats(0, 5))
def test_quality_lies_between_nothing_and_all(rows: list[tuple[int, int]], cps: float, wait: float) -> None:
    quality: Any = read(staircase(rows), reader=Reader(cps), expected_wait_s=wait)[0]["qoe"]
    assert quality is None or -1e-9 <= quality <= 1 + 1e-9


@given(ROWS, st.floats(1, 200))
def test_quality_is_what_small_steps_add_up_to(rows: list[tuple[int, int]], cps: float) -> None:
    line = staircase(rows)
    quality: Any = read(line, reader=Reader(cps))[0]["qoe"]
    reading = Reading(Facts(line, None), Reader(cps))
    came = arrivals(reading.facts)
    end, chars = came[-1][0], sum(n for _, n in rows)
    if quality is None or end < 1.5:
        return
    corners = reading.fluid.line

    def characters(t: float) -> float:
        before = [y + (t - x) * cps for (x, y), (_, up) in pairwise(corners)
                  if x <= t and up > y]  # fmt: skip
        arrived = sum(n for at, n in came if at <= t)
        return min(before[-1] if before else 0.0, arrived)

    steps = [end * (i + 0.5) / 2000 for i in range(2000)]
    wanted = [min(chars, cps * max(0.0, t - 1)) for t in steps]
    both = sum(min(characters(t), w) for t, w in zip(steps, wanted, strict=True))
    assert abs(quality - both / sum(wanted)) < 0.02


def test_a_role_and_a_finish_are_not_read() -> None:
    line = streaming([*ROLE, *CONTENT, *FINISH])[0]
    assert sum(n for _, n in arrivals(Facts(line, None))) == len(TEXT)


def test_an_event_that_holds_no_character_is_no_text_to_read() -> None:
    line = by_hand.timeline("blocking", [(1.0, "content", None)])
    values, reasons = read(line)
    assert values["reader_stall_ratio"] is None
    assert reasons["reader_finish_s"] == NO_TEXT
