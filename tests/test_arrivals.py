"""When a read really arrived: the kernel's word where it can be trusted, else our own."""

from lib.arrivals import arrivals, trusted
from lib.recording import Clock, Read

WALL = 1_000_000_000_000_000
US = 1_000
MS = 1_000_000
STEADY = (Clock(0, WALL, 100), Clock(1000 * MS, WALL + 1000 * MS, 100))


def read(before: int, after: int, kernel: int | None = None) -> Read:
    return Read(before, after, None if kernel is None else kernel + WALL, 10, 10)


def times(*reads: Read, clocks: tuple[Clock, ...] = STEADY) -> list[int]:
    return [t for t, _ in arrivals(reads, clocks, 0)]


def test_the_kernels_time_replaces_the_late_user_time() -> None:
    assert times(read(1 * MS, 5 * MS, 4 * MS)) == [4 * MS]


def test_without_a_kernel_stamp_the_user_time_stands() -> None:
    assert times(read(1 * MS, 5 * MS)) == [5 * MS]


def test_drift_between_the_clocks_is_interpolated() -> None:
    # The wall clock gained 40 us in 1 s, so 20 us at half time.
    drifting = (STEADY[0], Clock(1000 * MS, WALL + 1000 * MS + 40 * US, 100))
    (at,) = times(read(499 * MS, 501 * MS, 500 * MS + 20 * US), clocks=drifting)
    assert abs(at - 500 * MS) <= 1 * US


def test_a_clock_step_drops_every_kernel_stamp() -> None:
    stepped = (STEADY[0], Clock(1000 * MS, WALL + 1000 * MS + 51 * US, 100))
    assert not trusted(stepped)
    assert times(read(1 * MS, 5 * MS, 4 * MS), clocks=stepped) == [5 * MS]


def test_one_clock_reading_proves_nothing() -> None:
    assert not trusted(STEADY[:1])
    assert not trusted(())
    assert times(read(1 * MS, 5 * MS, 4 * MS), clocks=()) == [5 * MS]


def test_a_kernel_stamp_after_the_read_is_ignored() -> None:
    assert times(read(1 * MS, 5 * MS, 6 * MS)) == [5 * MS]


def test_a_kernel_stamp_before_the_previous_read_began_is_ignored() -> None:
    # What came before 10 ms would have been returned by the read that began then.
    assert times(read(10 * MS, 20 * MS, 19 * MS), read(20 * MS, 30 * MS, 9 * MS)) == [19 * MS, 30 * MS]


def test_times_never_fall() -> None:
    # Without a stamp the first read counts as late as 20 ms; the second cannot have come before it.
    assert times(read(10 * MS, 20 * MS), read(20 * MS, 21 * MS, 15 * MS)) == [20 * MS, 20 * MS]


def test_a_read_that_did_not_wait_is_queued_since_the_one_before() -> None:
    rows = arrivals([read(1 * MS, 5 * MS), read(7 * MS, 7 * MS + 19 * US)], (), 0)
    assert rows == [(5 * MS, 5 * MS), (7 * MS + 19 * US, 5 * MS)]


def test_a_read_that_waited_is_not_queued() -> None:
    assert arrivals([read(7 * MS, 7 * MS + 20 * US)], (), 0) == [(7 * MS + 20 * US, 7 * MS + 20 * US)]


def test_the_first_queued_read_may_have_come_since_the_request_was_sent() -> None:
    assert arrivals([read(7 * MS, 7 * MS)], (), 2 * MS) == [(7 * MS, 2 * MS)]


def test_data_stamped_before_the_read_began_was_queued() -> None:
    """However long the read took: a thread that waits for its turn looks as if it waited for data."""
    rows = arrivals([read(1 * MS, 5 * MS, 4 * MS), read(30 * MS, 50 * MS, 29 * MS)], STEADY, 0)
    assert rows[1] == (29 * MS, 4 * MS)


def test_a_read_that_returned_late_may_have_joined_earlier_data() -> None:
    """By as much as a process can stand still without a heartbeat pause."""
    late = read(5 * MS, 50 * MS, 50 * MS - 200 * US)
    prompt = read(5 * MS, 50 * MS, 50 * MS - 199 * US)
    first = read(1 * MS, 4 * MS + 50 * US, 4 * MS)
    assert arrivals([first, late], STEADY, 0)[1] == (50 * MS - 200 * US, 30 * MS - 200 * US)
    assert arrivals([first, prompt], STEADY, 0)[1] == (50 * MS - 199 * US, 50 * MS - 199 * US)


def test_a_read_during_a_pause_of_the_process_may_have_joined_earlier_data() -> None:
    first, second = read(1 * MS, 4 * MS, 4 * MS), read(5 * MS, 50 * MS, 50 * MS)
    for pause, queued in (((30 * MS, 49 * MS), True), ((1 * MS, 5 * MS), False), ((50 * MS, 60 * MS), False)):
        assert arrivals([first, second], STEADY, 0, [pause])[1] == (50 * MS, 4 * MS if queued else 50 * MS)


def test_what_a_full_read_left_behind_came_no_later_than_its_own_data() -> None:
    first = read(1 * MS, 4 * MS, 4 * MS)
    full = read(20 * MS, 20 * MS + 5 * US, 19 * MS)._replace(size=65_536)
    rest = read(20 * MS + 9 * US, 20 * MS + 15 * US, 20 * MS)
    assert arrivals([first, full, rest], STEADY, 0)[1:] == [(19 * MS, 4 * MS), (20 * MS, 4 * MS)]


def test_what_a_full_read_left_behind_may_be_stamped_before_it_began() -> None:
    full = read(20 * MS, 20 * MS + 5 * US, 19 * MS)._replace(size=65_536)
    rest = read(40 * MS, 40 * MS + 5 * US, 19 * MS + 1 * US)
    assert arrivals([full, rest], STEADY, 0) == [(19 * MS, 0), (19 * MS + 1 * US, 0)]
