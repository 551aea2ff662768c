"""What a picture was drawn from, as rows and as CSV: seconds, METRICS.md's names. Pure.

Unknown is an empty cell. Text of lanes and events is untrusted: a spreadsheet must not read it as a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lib import lanes
from lib.charts import lane as lane_of
from lib.charts.gaps import gaps_of
from lib.charts.lane import Lane
from lib.charts.throughput import rates
from lib.charts.told import ending
from lib.lanes import Entry

Cell = str | int | float | bool | None
_WHO = ("lane", "label", "model", "mode")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(NamedTuple):
    """One row per event, gap, step or call; `header` has METRICS.md's names where it has one."""

    header: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def arrivals_table(rows: Sequence[Entry], *, zero_s: float = 0.0, with_text: bool = False) -> Table:
    """Every event of `arrivals_figure`. `t_s`: after the call's own request; `axis_s`: on the picture's
    axis. `gap_s`: since the visible arrival before. `shown_chars`: visible with this event. `text`, which
    is the model's, only when asked for."""
    header = (*_WHO, "t_s", "axis_s", "kind", "sub", "chars", "tokens", "read", "queued", "earliest_s",
              "gap_s", "shown_chars")  # fmt: skip
    found = [row for lane in lane_of.drawn(rows, zero_s) for row in _events(lane, with_text=with_text)]
    return Table((*header, "text") if with_text else header, found)


def rates_table(rows: Sequence[Entry], *, zero_s: float = 0.0, window_s: float = 1.0) -> Table:
    """The steps of the sliding-window rates; what is counted is in the last column's name."""
    curves, unit = rates(lane_of.drawn(rows, zero_s), window_s)
    found: list[tuple[Cell, ...]] = [
        (*_who(curve.lane), _s(at - curve.lane.off_s), _s(at), window_s, float(rate))
        for curve in curves
        for at, rate in zip(curve.times, curve.rates, strict=True)
    ]
    return Table((*_WHO, "t_s", "axis_s", "window_s", f"{unit}_per_s"), found)


def gaps_table(rows: Sequence[Entry]) -> Table:
    """Every gap of `gaps_figure` and `ecdf_figure`. `share`: of the lane's gaps that are at most so long."""
    found: list[tuple[Cell, ...]] = []
    for gaps in gaps_of(rows):
        ordered = np.sort(gaps.lengths)
        share = np.searchsorted(ordered, gaps.lengths, "right") / len(ordered)
        off = gaps.lane.off_s
        found += [
            (*_who(gaps.lane), _s(end - length - off), _s(end - off), _s(length), bool(frozen), bool(suspect),
             round(float(at_most), 6))
            for end, length, frozen, suspect, at_most in zip(
                gaps.ends, gaps.lengths, gaps.frozen, gaps.suspect, share, strict=True)
        ]  # fmt: skip
    return Table((*_WHO, "start_s", "end_s", "gap_s", "freeze", "suspect", "share"), found)


def lanes_table(rows: Sequence[Entry]) -> Table:
    """One row per call: what `multiples_figure` and `overlay_figure` tell of it."""
    names = ("ttfo_s", "last_content_s", "e2e_s", "peak")
    found: list[tuple[Cell, ...]] = [
        (*_who(lane), *(lanes.numbers(lane.row.call).get(name) for name in names), ending(lane.row))
        for lane in lane_of.drawn(rows, 0.0)
    ]
    return Table((*_WHO, *names, "ending"), found)


def csv_text(table: Table) -> str:
    """The table as CSV with CRLF line ends. Text that a spreadsheet would run gets an apostrophe before
    it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.header)
    writer.writerows([_safe(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _events(lane: Lane, *, with_text: bool) -> list[tuple[Cell, ...]]:
    who, shown, last = _who(lane), 0, None
    found: list[tuple[Cell, ...]] = []
    for n, event in enumerate(lane.events):
        gap = None
        if event.kind == "content":
            shown += event.chars
            gap = None if last is None or event.t_ns == last else (event.t_ns - last) / 1e9
            last = event.t_ns
        read = lane.reads[event.read] if 0 <= event.read < len(lane.reads) else None
        row: tuple[Cell, ...] = (
            *who, event.t_ns / 1e9, _s(lane.times[n]), event.kind, event.sub, event.chars,
            None if lane.tokens is None else int(lane.tokens[n]), event.read,
            None if read is None else read.earliest_ns < read.t_ns,
            None if read is None else read.earliest_ns / 1e9, gap, shown,
        )  # fmt: skip
        found.append((*row, event.text) if with_text else row)
    return found


def _who(lane: Lane) -> tuple[Cell, ...]:
    return (lane.place, lane.row.label, lane.row.sub, lane.row.call.planned.mode)


def _s(value: float) -> float:
    """Seconds to the nanosecond."""
    return round(float(value), 9)


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
