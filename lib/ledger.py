"""The ledger of calls: planned → sent → done | failed | unknown | dropped. No call is sent twice.

`sent` is committed, with its owner, before a request leaves; only that owner writes what arrives. A call
whose owner died becomes unknown, keeps what came, and is never sent again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from lib.experiment import ExperimentState, Stop, Wait
from lib.migrations.schema import call, evidence, experiment, part, pause
from lib.plan import PlannedCall
from lib.spec import State
from lib.store import Store, call_is, new_call, now_ms

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
        """planned → sent for (n, hello, start); all or none, False when one was not planned any more, or
        the experiment is not this owner's (any more).

        To be committed before any of them leaves.
        """
        with self._store.write() as connection:
            if not _runs(connection, owner, id):
                return False
            if any(_state(connection, id, n) != "planned" for n, _, _ in lines):
                return False
            for n, hello, start in lines:
                values = {"state": "sent", "owner": owner, "sent_ms": now_ms()}
                connection.execute(update(call).where(call_is(id, n)).values(**values))
                for seq, line in ((HELLO, hello), (START, start)):
                    _keep_line(connection, Line(id, n, seq, line))
        return True

    def save(self, owner: str, lines: Sequence[Line], ends: Sequence[Closed]) -> None:
        """In one transaction: what arrived, and the ends of calls. Only of calls that this owner has sent and
        that have no end yet: one that was taken for dead meanwhile has left them unknown, and fills them in.
        """
        with self._store.write() as connection:
            mine = _open_of(connection, owner)
            for line in lines:
                if (line.experiment, line.n) in mine:
                    _keep_line(connection, line)
            for end in ends:
                state = mine.get((end.experiment, end.n))
                if state is not None:
                    _end(connection, end)
                if state == "unknown":
                    _done_after_all(connection, end.experiment)

    def late(self, lines: Sequence[Line]) -> None:
        """Lines that a probe could not deliver, for calls whose owner is gone."""
        with self._store.write() as connection:
            for line in lines:
                if _state(connection, line.experiment, line.n) == "unknown":
                    _keep_line(connection, line)

    def settle(self, end: Closed) -> None:
        """unknown → done or failed, once the rest of a call has turned up."""
        with self._store.write() as connection:
            if _state(connection, end.experiment, end.n) != "unknown":
                return
            _end(connection, end)
            _done_after_all(connection, end.experiment)

    def fail_unsent(self, owner: str, id: str, n: int, recording: bytes) -> None:
        """planned → failed, for a call that could not leave."""
        with self._store.write() as connection:
            if _runs(connection, owner, id) and _state(connection, id, n) == "planned":
                _end(connection, Closed(id, n, "failed", recording))

    def pause(self, owner: str, id: str, wait: Wait) -> None:
        """A wait begins or, with its `ended_ms`, has ended."""
        with self._store.write() as connection:
            if _runs(connection, owner, id):
                row = {"experiment_id": id, **wait._asdict()}
                connection.execute(insert(pause).prefix_with("OR REPLACE"), row)

    def finish(self, owner: str, id: str, state: ExperimentState, stopped: Stop | None = None) -> list[int]:
        """The experiment's end; calls that were not sent become dropped → their numbers.

        `stopped` is kept when any were. Nothing is changed when it does not run under this owner.
        """
        planned = and_(call.c.experiment_id == id, call.c.state == "planned")
        with self._store.write() as connection:
            if not _runs(connection, owner, id):
                return []
            dropped = connection.execute(select(call.c.n).where(planned).order_by(call.c.n)).scalars().all()
            connection.execute(update(call).where(planned).values(state="dropped"))
            why = json.dumps(stopped) if stopped is not None and dropped else None
            values = {"state": state, "stopped": why}
            connection.execute(update(experiment).where(experiment.c.id == id).values(**values))
        return list(dropped)

    def resume(self, owner: str, id: str, more: Sequence[PlannedCall] = ()) -> list[int]:
        """dropped → planned, with `more` calls behind them, and the experiment runs again under this owner.

        Returns the numbers to be made, in order; [] when there are none, or it runs already. A call that
        was ever sent is not among them.
        """
        dropped = and_(call.c.experiment_id == id, call.c.state == "dropped")
        with self._store.write() as connection:
            last = connection.execute(select(func.max(call.c.n)).where(call.c.experiment_id == id)).scalar()
            state = connection.execute(select(experiment.c.state).where(experiment.c.id == id)).scalar()
            numbers = list(connection.execute(select(call.c.n).where(dropped).order_by(call.c.n)).scalars())
            numbers += [c.n for c in more]
            if state in (None, "running") or not numbers or (more and more[0].n != (last or 0) + 1):
                return []
            connection.execute(update(call).where(dropped).values(state="planned"))
            if more:
                connection.execute(insert(call), [new_call(id, c, now_ms()) for c in more])
            values = {"state": "running", "owner": owner, "stopped": None}
            connection.execute(update(experiment).where(experiment.c.id == id).values(**values))
        return numbers

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
            ended = set(connection.execute(select(experiment.c.id).where(left)).scalars())
            changed = ended | set(connection.execute(select(call.c.experiment_id).where(sent)).scalars())
            planned = and_(call.c.experiment_id.in_(ended), call.c.state == "planned")
            connection.execute(update(call).where(planned).values(state="dropped"))
            connection.execute(update(call).where(sent).values(state="unknown"))
            connection.execute(update(experiment).where(left).values(state="interrupted"))
        return changed


def _runs(connection: Connection, owner: str, id: str) -> bool:
    """Whether the experiment runs under this owner: one that was stopped and woken may have lost it."""
    running: ColumnElement[bool] = and_(
        experiment.c.id == id, experiment.c.state == "running", experiment.c.owner == owner
    )
    return bool(connection.execute(select(exists().where(running))).scalar())


def _state(connection: Connection, id: str, n: int) -> str | None:
    return connection.execute(select(call.c.state).where(call_is(id, n))).scalar()


def _open_of(connection: Connection, owner: str) -> dict[tuple[str, int], str]:
    """(experiment, n) → state of the calls that this owner has sent and that have no end yet."""
    open_ = and_(call.c.state.in_(("sent", "unknown")), call.c.owner == owner)
    query = select(call.c.experiment_id, call.c.n, call.c.state).where(open_)
    return {(id, n): state for id, n, state in connection.execute(query)}


def _done_after_all(connection: Connection, id: str) -> None:
    """An interrupted experiment whose calls have all ended after all is done."""
    left = and_(experiment.c.id == id, experiment.c.state == "interrupted")
    open_ = exists().where(call.c.experiment_id == id, call.c.state.not_in(("done", "failed")))
    connection.execute(update(experiment).where(left, ~open_).values(state="done"))


def _keep_line(connection: Connection, line: Line) -> None:
    row = {"experiment_id": line.experiment, "n": line.n, "seq": line.seq, "line": line.line}
    connection.execute(insert(part).on_conflict_do_nothing(), row)


def _end(connection: Connection, end: Closed) -> None:
    values = {"state": end.state, "done_ms": now_ms()}
    connection.execute(update(call).where(call_is(end.experiment, end.n)).values(**values))
    row = {"experiment_id": end.experiment, "n": end.n, "form": "recording", "fmt": 1, "bytes": end.recording}
    connection.execute(insert(evidence).on_conflict_do_nothing(), row)
    connection.execute(delete(part).where(and_(part.c.experiment_id == end.experiment, part.c.n == end.n)))
