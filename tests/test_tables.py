"""Tables of events and of calls; a spreadsheet that opens one runs nothing."""

import csv
import dataclasses
import io

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import tables
from lib.experiment import Experiment
from lib.tables import csv_file, parquet_file, rows
from tests.experiments import call, experiment, simple


def said(text: str) -> Experiment:
    return experiment(call(0, "streaming", [(0.5, "content", text)]), models=(text,))


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_row_is_an_event_with_its_time_and_text() -> None:
    found = read(csv_file(simple(), "events"))
    assert len(found) == 11
    assert (found[4]["t_s"], found[4]["text"], found[4]["tokens"]) == ("1.2", "One ", "1")


def test_a_row_of_calls_has_its_numbers_and_nothing_for_what_is_unknown() -> None:
    blocking, streaming = read(csv_file(simple(), "calls"))
    assert (streaming["ttfo_s"], blocking["e2e_s"]) == ("1.2", "2.3")
    assert streaming["reported_completion"] == ""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_cell_begins_like_a_formula(text: str) -> None:
    for table in ("events", "calls"):
        (row,) = read(csv_file(said(text), table))  # type: ignore[arg-type]
        for cell in (row["model"], row.get("text", "")):
            assert not cell or cell[0] not in "=+-@\t\r"
            assert cell.removeprefix("'") == text.removeprefix("'") or not cell or cell == ""


@pytest.mark.parametrize("table", ["events", "calls"])
def test_parquet_holds_the_same_rows(table: tables.Table) -> None:
    made = dataclasses.replace(simple(), definition="2.2")
    found = pq.read_table(io.BytesIO(parquet_file(made, table)))
    assert found.to_pylist() == [dict.fromkeys(tables.columns(table)) | row for row in rows(made, table)]
    assert found.schema.metadata[b"streamgauge.definition"] == b"2.2"


def test_withheld_text_is_empty_not_a_word() -> None:
    made = simple()
    streaming = made.calls[1]
    assert streaming.timeline is not None
    events = tuple(e._replace(text=None) for e in streaming.timeline.events)
    silent = dataclasses.replace(streaming, timeline=dataclasses.replace(streaming.timeline, events=events))
    hidden = dataclasses.replace(made, calls=(silent,))
    assert {row["text"] for row in read(csv_file(hidden, "events"))} == {""}
    assert set(pq.read_table(io.BytesIO(parquet_file(hidden, "events")))["text"].to_pylist()) == {None}


def test_half_a_surrogate_pair_stops_no_file() -> None:
    made = said("\ud83d")
    assert csv_file(made, "events")
    assert parquet_file(made, "events")
