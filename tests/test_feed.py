import threading

import pytest

from lib.errors import NotFound
from lib.feed import END, KEPT_S, Feed, FeedItem, rows, told
from lib.timeline import Event


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def none_saved(id: str, cursor: int) -> tuple[list[FeedItem], bool]:
    raise NotFound(id)


def event(t_ns: int, text: str | None = "a") -> Event:
    return Event(t_ns, "content", "", text, 1, 0, 0, 1)


def test_items_come_in_order_from_the_cursor_on() -> None:
    feed = Feed(none_saved)
    feed.begin("x")
    feed.put("x", FeedItem(0, "sent"))
    assert feed.read("x", 0) == ([FeedItem(0, "sent")], 1, False)
    feed.put("x", FeedItem(0, None, rows([event(5)])))
    assert feed.read("x", 1) == ([FeedItem(0, None, ((5, "content", "a", 0),))], 2, False)
    feed.put("x", END)
    assert feed.read("x", 2) == ([END], 3, True)


def test_withheld_text_is_told_as_no_text() -> None:
    assert rows([event(5, None)]) == ((5, "content", "", 0),)


def test_an_unknown_experiment_is_not_found() -> None:
    with pytest.raises(NotFound):
        Feed(none_saved).read("nowhere", 0)


def test_a_finished_feed_is_made_from_the_store_once_nobody_reads() -> None:
    clock = Clock()
    saved = told([(0, "done", [event(5)])], ended=True)
    feed = Feed(lambda id, cursor: ([] if cursor else saved, True), clock)
    feed.begin("x")
    feed.put("x", END)
    clock.now += KEPT_S - 1
    assert feed.read("x", 0) == ([END], 1, True)
    clock.now += KEPT_S + 1  # counted from the last reading
    assert feed.read("x", 0) == (saved, 2, True)
    assert feed.read("x", 40) == ([], 40, True)


def test_a_running_feed_is_never_dropped() -> None:
    clock = Clock()
    feed = Feed(none_saved, clock)
    feed.begin("x")
    clock.now += 10 * KEPT_S
    assert feed.read("x", 0) == ([], 0, False)


def test_ages_count_from_the_send_until_the_end() -> None:
    clock = Clock()
    feed = Feed(none_saved, clock)
    feed.begin("x")
    feed.began("x", 0, 99.5)
    feed.began("x", 1, 99.0)
    clock.now = 101.0
    assert feed.ages("x") == {0: 1500.0, 1: 2000.0}  # 101 - 99.5 s, 101 - 99 s
    feed.put("x", FeedItem(1, "done"))
    assert feed.ages("x") == {0: 1500.0}
    assert feed.ages("nowhere") == {}


def test_memory_is_bounded_and_cursors_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.feed.MOST_EVENTS", 10)
    feed = Feed(none_saved)
    feed.begin("x")
    for i in range(6):
        feed.put("x", FeedItem(0, None, rows([event(i)] * 4)))
    items, cursor, _ = feed.read("x", 0)
    assert [len(i.events) for i in items] == [0, 0, 0, 0, 4, 4]  # 8 ≤ 10 < 12
    assert cursor == 6


def test_a_waiting_reader_wakes_at_once() -> None:
    feed = Feed(none_saved)
    feed.begin("x")
    woken = []
    reader = threading.Thread(target=lambda: woken.append(feed.wait("x", 0, 60.0)))
    reader.start()
    feed.put("x", FeedItem(0, "sent"))
    reader.join(30)
    assert woken == [True]


def test_nothing_new_is_said_after_the_timeout() -> None:
    feed = Feed(none_saved)
    feed.begin("x")
    assert not feed.wait("x", 0, 0.01)


def test_two_processes_have_two_boots() -> None:
    assert Feed(none_saved).boot != Feed(none_saved).boot
