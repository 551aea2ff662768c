"""Budgets on a clock of the test's own: no socket, no waiting."""

import socket

import pytest

from lib.guard import Anywhere, Budget, Spent
from lib.spec import Limits

S = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.ns = 5 * S

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(clock: Clock, mode: str = "streaming", **limits: float) -> Budget:
    made = Budget(Limits(**limits), mode, "host:80", clock)  # type: ignore[arg-type]
    made.start()
    return made


def refusal(of: Budget) -> Spent:
    with pytest.raises(Spent) as caught:
        of.silence_s()
    return caught.value


def test_a_read_may_wait_for_the_silence_limit(clock: Clock) -> None:
    assert budget(clock, silence_s=3, total_s=10).silence_s() == 3


def test_near_the_end_of_the_call_a_read_may_wait_for_what_is_left(clock: Clock) -> None:
    limited = budget(clock, silence_s=3, total_s=10)
    clock.ns += 9 * S
    assert limited.silence_s() == pytest.approx(1.0)  # 10 - 9


def test_the_total_counts_from_the_start_not_from_the_making(clock: Clock) -> None:
    late = Budget(Limits(total_s=10, silence_s=60), "streaming", "host:80", clock)
    clock.ns += 100 * S
    late.start()
    assert late.silence_s() == pytest.approx(10.0)


def test_after_the_total_nothing_may_be_waited_for(clock: Clock) -> None:
    limited = budget(clock, total_s=10)
    clock.ns += 10 * S
    assert refusal(limited).kind == "deadline"


def test_name_address_and_handshake_share_the_time_to_connect(clock: Clock) -> None:
    limited = budget(clock, connect_s=4)
    limited.connecting()
    clock.ns += 3 * S
    assert limited.connect_s() == pytest.approx(1.0)  # 4 - 3
    clock.ns += 2 * S
    assert limited.connect_s() == 0.0


def test_a_wait_in_vain_is_silence_unless_the_calls_time_is_over(clock: Clock) -> None:
    limited = budget(clock, silence_s=3, total_s=10)
    clock.ns += 3 * S
    assert limited.timed_out().kind == "timeout"
    clock.ns += 7 * S
    assert limited.timed_out().kind == "deadline"


def test_bytes_are_counted_on_the_wire_and_the_last_read_is_still_kept(clock: Clock) -> None:
    limited = budget(clock, body_bytes=1024)
    limited.received(1024)
    assert limited.silence_s() > 0
    limited.received(1)
    assert refusal(limited).kind == "limit"


def test_a_line_is_measured_across_pieces_and_ended_by_either_newline(clock: Clock) -> None:
    limited = budget(clock, line_bytes=1024)
    for piece in (b"a" * 1000, b"b" * 20 + b"\n" + b"c" * 1000, b"\r", b"d" * 1024):
        limited.line(piece)
        assert limited.silence_s() > 0
    limited.line(b"e")  # 1024 + 1
    assert refusal(limited).kind == "limit"


def test_a_blocking_answer_may_be_one_long_line(clock: Clock) -> None:
    limited = budget(clock, mode="blocking", line_bytes=1024)
    limited.line(b"a" * 5000)
    assert limited.silence_s() > 0


def test_a_drain_is_bounded_once_and_for_all(clock: Clock) -> None:
    limited = budget(clock)
    limited.drain()
    clock.ns += S // 25
    limited.drain()
    assert limited.silence_s() == pytest.approx(0.010)  # 50 ms - 40 ms
    assert limited.draining


def test_a_cancelled_call_waits_for_nothing(clock: Clock) -> None:
    limited = budget(clock)
    limited.cancelled = True
    assert refusal(limited).kind == "cancelled"
    assert limited.timed_out().kind == "cancelled"


def test_every_refusal_says_what_was_kept(clock: Clock) -> None:
    for spoil in ("deadline", "limit", "cancelled"):
        limited = budget(clock, total_s=10, body_bytes=1024)
        limited.cancelled = spoil == "cancelled"
        clock.ns += 20 * S if spoil == "deadline" else 0
        limited.received(2000 if spoil == "limit" else 0)
        assert "What had arrived is kept." in str(refusal(limited))


def test_local_mode_dials_what_the_resolver_gives() -> None:
    assert [a.place[:2] for a in Anywhere().addresses("127.0.0.1", 8123)] == [("127.0.0.1", 8123)]


def test_a_name_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(socket.gaierror):
        Anywhere().addresses("nothing.invalid", 80)
