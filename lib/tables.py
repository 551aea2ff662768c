"""An experiment as tables: one row for each event, or one for each call with its numbers. CSV and Parquet.

A text cell of a CSV never starts like a formula, since spreadsheets run those. Nothing is stored here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Literal

from lib.experiment import CallResult, Experiment
from lib.metrics import METRICS

Table = Literal["events", "calls"]
Columns = dict[str, type]

_CALL: Columns = {"call": int, "arm": int, "model": str, "mode": str, "pair": int, "role": str, "state": str}
EVENTS: Columns = {
    **_CALL, "event": int, "t_s": float, "kind": str, "sub": str, "text": str, "chars": int,
    "tokens": int, "read": int,
}  # fmt: skip
CALLS: Columns = {
    **_CALL, "source": str, "complete": bool, "error": str,
    **{name: str if name == "visible_tokens_source" else float for name in METRICS},
}  # fmt: skip
"""Column → what it holds; a cell without a value is empty, or null."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def columns(table: Table) -> Columns:
    """The columns of a table, in order."""
    return EVENTS if table == "events" else CALLS


def rows(experiment: Experiment, table: Table) -> Iterator[dict[str, Any]]:
    """The rows in planned order; a call of which nothing arrived has no events."""
    for call in experiment.calls:
        shared = _shared(experiment, call)
        if table == "calls":
            yield {**shared, **_numbers(call)}
            continue
        counts = call.recount.tokens if call.recount is not None else ()
        for i, event in enumerate(call.timeline.events if call.timeline else ()):
            yield {
                **shared,
                "event": i,
                "t_s": event.t_ns / 1e9,
                "kind": event.kind,
                "sub": event.sub,
                "text": event.text,
                "chars": event.chars,
                "tokens": counts[i] if i < len(counts) else None,
                "read": event.read,
            }


def csv_file(experiment: Experiment, table: Table) -> bytes:
    """UTF-8 with a header line; every text is quoted, and one like a formula starts with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    names = list(columns(table))
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows(experiment, table))
    return out.getvalue().encode("utf-8", "replace")


def parquet_file(experiment: Experiment, table: Table) -> bytes:
    """One row group with the types of `columns`; the file's metadata has the definitions' version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    told = {"streamgauge.definition": experiment.definition or "", "streamgauge.id": experiment.id}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns(table).items()], metadata=told)
    found = list(rows(experiment, table))
    arrays = [
        pa.array([_whole(row.get(name)) for row in found], kinds[kind])
        for name, kind in columns(table).items()
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), out)
    return out.getvalue()


def _shared(experiment: Experiment, call: CallResult) -> dict[str, Any]:
    planned = call.planned
    return {
        "call": planned.n,
        "arm": planned.arm,
        "model": experiment.spec.arms[planned.arm].call.model,
        "mode": planned.mode,
        "pair": planned.pair,
        "role": planned.role,
        "state": call.state,
    }


def _numbers(call: CallResult) -> dict[str, Any]:
    timeline, known = call.timeline, call.metrics or {}
    return {
        "source": timeline.source if timeline else None,
        "complete": timeline.complete if timeline else False,
        "error": call.error.kind if call.error else None,
        **{name: known.get(name) for name in METRICS},
    }


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _whole(value: object) -> object:
    """Text without half surrogate pairs, which no UTF-8 file can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
