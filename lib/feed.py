"""What a live page is told: items of each running experiment, resumable by cursor.

In memory only, while an experiment runs and shortly after; the feed of a finished one is made from the
store, one item a call. Times of events are ns after `t_send`, with user stamps; the saved numbers may
differ by microseconds. Safe from any thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from lib.spec import State
from lib.timeline import Event, Kind

KEPT_S = 60.0
MOST_EVENTS = 200_000


class FeedItem(NamedTuple):
    """News of call `n`, or of the experiment when `n` is -1. `state` None: unchanged."""

    n: int
    state: State | Literal["wait", "end"] | None
    events: tuple[tuple[int, Kind, str, int], ...] = ()


END = FeedItem(-1, "end")


def rows(events: Iterable[Event]) -> tuple[tuple[int, Kind, str, int], ...]:
    """Events as a feed tells them: t_ns, kind, text ("" when withheld), read."""
    return tuple((e.t_ns, e.kind, e.text or "", e.read) for e in events)


class Feed:
    """All feeds of this process. `boot` changes when it starts again, which voids every cursor.

    `saved(id, cursor)` answers for experiments that do not run here: all their items when the cursor is 0,
    none otherwise, and whether they ended.
    """

    def __init__(
        self,
        saved: Callable[[str, int], tuple[list[FeedItem], bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.boot = secrets.token_hex(4)
        self._saved, self._clock = saved, clock
        self._feeds: dict[str, _Items] = {}
        self._changed = threading.Condition()

    def begin(self, id: str, items: Iterable[FeedItem] = ()) -> None:
        """An experiment starts here, or goes on: then `items` say how far it is."""
        with self._changed:
            self._sweep()
            self._feeds[id] = feed = _Items(self._clock())
            for item in items:
                feed.add(item, self._clock())

    def put(self, id: str, item: FeedItem) -> None:
        """Add one item; `END` is the last."""
        with self._changed:
            if (feed := self._feeds.get(id)) is not None:
                feed.add(item, self._clock())
                self._changed.notify_all()

    def forget(self, id: str) -> None:
        """Drop a feed at once: its experiment was deleted."""
        with self._changed:
            self._feeds.pop(id, None)
            self._changed.notify_all()

    def began(self, id: str, n: int, at_s: float) -> None:
        """Call `n` was sent at this moment of the clock."""
        with self._changed:
            if (feed := self._feeds.get(id)) is not None:
                feed.sent.setdefault(n, at_s)

    def read(self, id: str, cursor: int) -> tuple[list[FeedItem], int, bool]:
        """(items from `cursor` on, the next cursor, whether that was all there will be).

        Raises NotFound.
        """
        with self._changed:
            self._sweep()
            if (feed := self._feeds.get(id)) is not None:
                feed.touched = self._clock()
                return feed.items[cursor:], len(feed.items), feed.ended
        items, ended = self._saved(id, cursor)
        return items, max(cursor, len(items)), ended

    def wait(self, id: str, cursor: int, timeout: float) -> bool:
        """Until there is something to read past `cursor`; False when `timeout` (s) came first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._news(id, cursor), timeout)

    def ages(self, id: str) -> dict[int, float]:
        """n → ms since `t_send`, of the calls under way."""
        with self._changed:
            feed, now = self._feeds.get(id), self._clock()
            return {} if feed is None else {n: (now - at) * 1e3 for n, at in feed.sent.items()}

    def _news(self, id: str, cursor: int) -> bool:
        feed = self._feeds.get(id)
        return feed is not None and (feed.ended or len(feed.items) > cursor)

    def _sweep(self) -> None:
        now = self._clock()
        for id, feed in list(self._feeds.items()):
            if feed.ended and now - feed.touched > KEPT_S:
                del self._feeds[id]


class _Items:
    """One feed. Past `MOST_EVENTS` the oldest events are forgotten, their items stay for the cursors."""

    def __init__(self, now: float) -> None:
        self.items: list[FeedItem] = []
        self.sent: dict[int, float] = {}
        self.ended = False
        self.touched = now
        self._events = 0
        self._oldest = 0

    def add(self, item: FeedItem, now: float) -> None:
        self.items.append(item)
        self.touched = now
        self._events += len(item.events)
        if item.state in ("done", "failed", "unknown", "dropped"):
            self.sent.pop(item.n, None)
        self.ended = self.ended or item == END
        while self._events > MOST_EVENTS and self._oldest < len(self.items) - 1:
            old = self.items[self._oldest]
            self._events -= len(old.events)
            self.items[self._oldest] = old._replace(events=())
            self._oldest += 1


def told(calls: Sequence[tuple[int, State, Sequence[Event]]], ended: bool) -> list[FeedItem]:
    """The feed of an experiment from what is known of its calls: one item each, then the end."""
    items = [FeedItem(n, state, rows(events)) for n, state, events in calls]
    return [*items, END] if ended else items
