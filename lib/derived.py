"""What was computed of calls, as JSON beside their evidence, under the definition that made it. Disposable.

What the numbers mean is results' business; `DELETE FROM derived` is always safe.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.sqlite import insert

from lib.migrations.schema import call, derived, evidence, experiment
from lib.spec import Mode
from lib.store import Store

NEWEST, MOST = 5, 100
"""Experiments, and calls of each, that are asked how long a call takes."""


class Derived:
    """The kept numbers of one data folder. All methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, id: str, definition: str, only: Collection[int]) -> dict[int, tuple[str, str]]:
        """n → (recount, metrics) as JSON, of these calls where computed under this definition."""
        query = select(derived.c.n, derived.c.recount, derived.c.metrics)
        with self._store.read() as connection:
            rows = connection.execute(query.where(_computed(id, definition, only)))
            return {n: (recount, metrics) for n, recount, metrics in rows}

    def outlines(self, id: str, definition: str, only: Collection[int]) -> dict[int, str]:
        """n → metrics as JSON, of these calls where computed under this definition."""
        query = select(derived.c.n, derived.c.metrics).where(_computed(id, definition, only))
        with self._store.read() as connection:
            return {row.n: row.metrics for row in connection.execute(query)}

    def stale(self, definition: str, limit: int) -> list[tuple[str, int]]:
        """(id, n) of calls that ended and have nothing computed under this definition."""
        same = and_(derived.c.experiment_id == evidence.c.experiment_id, derived.c.n == evidence.c.n)
        query = (
            select(evidence.c.experiment_id, evidence.c.n)
            .outerjoin(derived, and_(same, derived.c.definition == definition))
            .where(evidence.c.form == "recording", derived.c.n.is_(None))
        )
        with self._store.read() as connection:
            return [(id, n) for id, n in connection.execute(query.limit(limit))]

    def seconds(self, base_url: str, model: str, definition: str) -> dict[Mode, list[float]]:
        """Mode → total times of whole calls to this model at this address, of its newest experiments."""
        named = experiment.c.models.contains(json.dumps(model, ensure_ascii=False), autoescape=True)
        newest = select(experiment.c.id, experiment.c.spec).order_by(experiment.c.created_ms.desc())
        total = func.json_extract(derived.c.metrics, "$.metrics.e2e_s")
        found: dict[Mode, list[float]] = defaultdict(list)
        with self._store.read() as connection:
            for id, spec in connection.execute(newest.where(named).limit(NEWEST)).all():
                arms = json.loads(spec)["arms"]
                same = [
                    i
                    for i, arm in enumerate(arms)
                    if (arm["endpoint"]["base_url"], arm["call"]["model"]) == (base_url, model)
                ]
                joined = and_(derived.c.experiment_id == call.c.experiment_id, derived.c.n == call.c.n)
                query = select(call.c.mode, total).join(derived, joined).where(derived.c.experiment_id == id)
                wanted = and_(
                    call.c.arm.in_(same), call.c.state == "done", derived.c.definition == definition
                )
                for mode, seconds in connection.execute(query.where(wanted).limit(MOST)):
                    if seconds is not None:
                        found[mode].append(seconds)
        return dict(found)

    def put(self, id: str, definition: str, rows: Sequence[tuple[int, str, str]]) -> None:
        """Keep (n, recount, metrics) of calls, in one transaction; those of calls that are gone are not."""
        with self._store.write() as connection:
            there = set(connection.execute(select(call.c.n).where(call.c.experiment_id == id)).scalars())
            kept = [
                {
                    "experiment_id": id,
                    "n": n,
                    "definition": definition,
                    "recount": recount,
                    "metrics": metrics,
                }
                for n, recount, metrics in rows
                if n in there
            ]
            if kept:
                connection.execute(insert(derived).prefix_with("OR REPLACE"), kept)


def _computed(id: str, definition: str, only: Collection[int]) -> ColumnElement[bool]:
    return and_(derived.c.experiment_id == id, derived.c.definition == definition, derived.c.n.in_(only))
