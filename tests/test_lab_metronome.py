"""The metronome: packets leave on time and alone, and a run ends whichever way its client does."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lib.lab.metronome import Metronome, Packet, Run


@pytest.fixture
def metronome() -> Iterator[Metronome]:
    made = Metronome()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def due(*after_s: float) -> list[int]:
    now = time.monotonic_ns()
    return [now + round(s * 1e9) for s in after_s]


@pytest.mark.real_time  # never early; less than 200 ms late at the median
def test_packets_leave_when_they_are_due_and_never_before(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket]
) -> None:
    times = due(*(0.01 * i for i in range(20)))
    run = Run(pair[0], iter([(t, b"x") for t in times]), [])
    metronome.play(run)
    late = sorted(sent - t for sent, t in zip(run.sent_ns, times, strict=True))
    assert run.state == "done"
    assert late[0] >= 0
    assert late[10] < 200_000_000


def test_late_packets_leave_one_by_one(metronome: Metronome) -> None:
    # A datagram socket keeps each send apart, so that joined ones would show.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        run = Run(ours, iter([(0, b"%d" % i) for i in range(5)]), [])
        metronome.play(run)
        assert [theirs.recv(99) for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert len(run.sent_ns) == 5


def test_the_next_packet_is_made_after_the_one_before_was_sent(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket]
) -> None:
    sent_ns: list[int] = []

    def packets() -> Iterator[Packet]:
        for i in range(3):
            assert len(sent_ns) == i
            yield 0, b"x"

    run = Run(pair[0], packets(), sent_ns)
    metronome.play(run)
    assert run.state == "done"


def test_a_client_that_leaves_ends_its_run_long_before_the_next_packet(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket]
) -> None:
    run = Run(pair[0], iter([(t, b"x") for t in due(0, 3600)]), [])
    playing = threading.Thread(target=metronome.play, args=(run,))
    playing.start()
    assert pair[1].recv(9) == b"x"
    pair[1].close()
    playing.join(10)
    assert not playing.is_alive()
    assert run.state == "gone"


def test_bytes_sent_ahead_do_not_end_a_run(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[1].sendall(b"the next request")
    run = Run(pair[0], iter([(t, b"x") for t in due(0, 0.05)]), [])
    metronome.play(run)
    assert run.state == "done"
    assert pair[0].recv(99) == b"the next request"


def test_a_full_socket_hands_the_rest_back(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket]
) -> None:
    run = Run(pair[0], iter([(0, b"x" * (8 << 20)), (0, b"end")]), [])
    metronome.play(run)
    assert run.state == "full"
    assert 0 < len(run.rest) < 8 << 20
    pair[1].setblocking(False)
    read = drained(pair[1])
    assert read + len(run.rest) == 8 << 20
    metronome.play(run)
    assert run.state == "done"
    assert pair[1].recv(9) == b"end"


def drained(sock: socket.socket) -> int:
    read = 0
    while True:
        try:
            read += len(sock.recv(1 << 20))
        except BlockingIOError:
            return read


def test_a_response_that_cannot_be_made_ends_only_its_own_run(
    metronome: Metronome, pair: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    def packets() -> Iterator[Packet]:
        yield 0, b"x"
        raise ValueError("broken")

    run = Run(pair[0], packets(), [])
    metronome.play(run)
    assert run.state == "gone"
    assert "could not be made" in caplog.text
    again = Run(pair[0], iter([(0, b"y")]), [])
    metronome.play(again)
    assert again.state == "done"


def test_closing_ends_what_is_under_way(pair: tuple[socket.socket, socket.socket]) -> None:
    metronome = Metronome()
    run = Run(pair[0], iter([(t, b"x") for t in due(0, 3600)]), [])
    playing = threading.Thread(target=metronome.play, args=(run,))
    playing.start()
    assert pair[1].recv(9) == b"x"
    metronome.close()
    playing.join(10)
    assert run.state == "gone"
    late = Run(pair[0], iter([(0, b"x")]), [])
    metronome.play(late)
    assert late.state == "gone"
