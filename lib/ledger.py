"""The ledger of calls: planned → sent → done | failed | unknown | dropped. No call is sent twice.

`sent` is committed, with its owner, before a request leaves; only that owner writes what arrives. A call
whose owner died becomes unknown, keeps what came, and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from lib.experiment import ExperimentState
from lib.migrations.schema import call, evidence, experiment, part
from lib.spec import State
from lib.store import Store, call_is, now_ms

HELLO, START = -2, -1
"""`seq` of the two lines that stand before a call's first Part."""


class Line(NamedTuple):
    """One of the probe's lines, as it came."""

    experiment: str
    n: int
    seq: int
    line: str


class Closed(NamedTuple):
    """The end of one call: its state, and its Recording's bytes."""

    experiment: str
    n: int
    state: State
    recording: bytes


class Ledger:
    """Every change of a call's state, each in one transaction. All methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sent(self, owner: str, id: str, lines: Sequence[tuple[int, str, str]]) -> bool:
        """planned → sent for (n, hello, start); all or none, False when one was not planned any more.

        To be committed before any of them leaves.
        """
        with self._store.write() as connection:
            if any(_state(connection, id, n) != "planned" for n, _, _ in lines):
                return False
            for n, hello, start in lines:
                values = {"state": "sent", "owner": owner, "sent_ms": now_ms()}
                connection.execute(update(call).where(call_is(id, n)).values(**values))
                for seq, line in ((HELLO, hello), (START, start)):
                    _keep_line(connection, Line(id, n, seq, line))
        return True

    def save(self, owner: str, lines: Sequence[Line], ends: Sequence[Closed]) -> None:
        """In one transaction: what arrived, and the ends of calls. Only of calls this owner has sent."""
        with self._store.write() as connection:
            mine = _sent_by(connection, owner)
            for line in lines:
                if (line.experiment, line.n) in mine:
                    _keep_line(connection, line)
            for end in ends:
                if (end.experiment, end.n) in mine:
                    _end(connection, end)

    def late(self, lines: Sequence[Line]) -> None:
        """Lines that a probe could not deliver, for calls whose owner is gone."""
        with self._store.write() as connection:
            for line in lines:
                if _state(connection, line.experiment, line.n) == "unknown":
                    _keep_line(connection, line)

    def settle(self, end: Closed) -> None:
        """unknown → done or failed, once the rest of a call has turned up.

        An interrupted experiment whose calls have all ended after all is done.
        """
        with self._store.write() as connection:
            if _state(connection, end.experiment, end.n) != "unknown":
                return
            _end(connection, end)
            open_ = and_(call.c.experiment_id == end.experiment, call.c.state.not_in(("done", "failed")))
            if connection.execute(select(call.c.n).where(open_).limit(1)).scalar() is None:
                left = and_(experiment.c.id == end.experiment, experiment.c.state == "interrupted")
                connection.execute(update(experiment).where(left).values(state="done"))

    def fail_unsent(self, id: str, n: int, recording: bytes) -> None:
        """planned → failed, for a call that could not leave."""
        with self._store.write() as connection:
            if _state(connection, id, n) == "planned":
                _end(connection, Closed(id, n, "failed", recording))

    def finish(self, id: str, state: ExperimentState) -> list[int]:
        """The experiment's end; calls that were not sent become dropped → their numbers."""
        planned = and_(call.c.experiment_id == id, call.c.state == "planned")
        with self._store.write() as connection:
            dropped = connection.execute(select(call.c.n).where(planned).order_by(call.c.n)).scalars().all()
            connection.execute(update(call).where(planned).values(state="dropped"))
            running = and_(experiment.c.id == id, experiment.c.state == "running")
            connection.execute(update(experiment).where(running).values(state=state))
        return list(dropped)

    def owners(self) -> set[str]:
        """The owners of experiments that run and of calls that were sent."""
        with self._store.read() as connection:
            running = select(experiment.c.owner).where(experiment.c.state == "running")
            sent = select(call.c.owner).where(call.c.state == "sent")
            return set(connection.execute(running.union(sent)).scalars())

    def abandon(self, dead: Collection[str]) -> set[str]:
        """What dead owners leave: sent → unknown, planned → dropped, running → interrupted.

        Returns the experiments that changed.
        """
        left = and_(experiment.c.owner.in_(dead), experiment.c.state == "running")
        sent = and_(call.c.owner.in_(dead), call.c.state == "sent")
        with self._store.write() as connection:
            changed = set(connection.execute(select(experiment.c.id).where(left)).scalars())
            changed |= set(connection.execute(select(call.c.experiment_id).where(sent)).scalars())
            planned = and_(call.c.experiment_id.in_(changed), call.c.state == "planned")
            connection.execute(update(call).where(planned).values(state="dropped"))
            connection.execute(update(call).where(sent).values(state="unknown"))
            connection.execute(update(experiment).where(left).values(state="interrupted"))
        return changed


def _state(connection: Connection, id: str, n: int) -> str | None:
    return connection.execute(select(call.c.state).where(call_is(id, n))).scalar()


def _sent_by(connection: Connection, owner: str) -> set[tuple[str, int]]:
    query = select(call.c.experiment_id, call.c.n).where(call.c.state == "sent", call.c.owner == owner)
    return {(r[0], r[1]) for r in connection.execute(query)}


def _keep_line(connection: Connection, line: Line) -> None:
    row = {"experiment_id": line.experiment, "n": line.n, "seq": line.seq, "line": line.line}
    connection.execute(insert(part).on_conflict_do_nothing(), row)


def _end(connection: Connection, end: Closed) -> None:
    values = {"state": end.state, "done_ms": now_ms()}
    connection.execute(update(call).where(call_is(end.experiment, end.n)).values(**values))
    row = {"experiment_id": end.experiment, "n": end.n, "form": "recording", "fmt": 1, "bytes": end.recording}
    connection.execute(insert(evidence).on_conflict_do_nothing(), row)
    connection.execute(delete(part).where(and_(part.c.experiment_id == end.experiment, part.c.n == end.n)))
