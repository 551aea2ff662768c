"""Sends the packets of every response under way at their times, from one thread.

One thread, since a thread for each stream keeps worse time: at 256 streams of 50 events a second the
interpreter changes hands 12,800 times a second. What is in a packet is `server`'s business; one event
never waits for another to share a send, and a schedule that is late is sent at once, packet by packet.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import select
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Literal

log = logging.getLogger("streamgauge.lab")
Packet = tuple[int, bytes]
"""When it is due, in monotonic ns, and what leaves then in one send."""
_TICK_NS = 3_600_000_000_000
_DOZE_S = 0.0005


class Run:
    """One response under way. `sent_ns`: monotonic, just before each send, filled as they happen.

    `packets` is asked for the next packet only after the one before was sent. Once `ended` is free:
    `state` "done", all were sent; "gone", the client was gone first; "full", it reads too slowly and
    `rest` is unsent: send it, then play the run again.
    """

    __slots__ = ("due_ns", "ended", "packet", "packets", "rest", "sent_ns", "sock", "state")

    def __init__(self, sock: socket.socket, packets: Iterator[Packet], sent_ns: list[int]) -> None:
        self.sock = sock
        self.packets = packets
        self.sent_ns = sent_ns
        self.state: Literal["playing", "done", "gone", "full"] = "playing"
        self.rest = b""
        self.due_ns = 0
        self.packet = b""
        self.ended = threading.Lock()

    def next(self) -> bool:
        """Make the next packet ready; False when there is none."""
        due_ns, packet = next(self.packets, (0, b""))
        self.due_ns, self.packet = due_ns, packet
        return bool(packet)


class Metronome:
    """`play` from any thread; a daemon thread does the sending until `close`."""

    def __init__(self) -> None:
        self._new: deque[Run] = deque()
        self._heap: list[tuple[int, int, Run]] = []
        self._turn = 0
        self._open = True
        self._selector = selectors.DefaultSelector()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._beat, name="lab-metronome", daemon=True)
        self._thread.start()

    def play(self, run: Run) -> None:
        """Send the run's packets; return when it has ended. Its socket must not block meanwhile."""
        if not run.packet and not run.next():
            run.state = "done"
            return
        run.state = "playing"
        run.ended.acquire()
        self._new.append(run)
        self._ring()
        if not self._open:
            run.state = "gone"
            return
        run.ended.acquire()
        run.ended.release()

    def close(self) -> None:
        """End every run as if its client had gone, and the thread."""
        self._open = False
        self._ring()
        self._thread.join(2.0)

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def _beat(self) -> None:
        heap, clock = self._heap, time.monotonic_ns
        while self._open:
            while self._new:
                self._admit(self._new.popleft())
            left_ns = heap[0][0] - clock() if heap else _TICK_NS
            if left_ns > 0:
                self._wait(left_ns / 1e9)
                continue
            run = heap[0][2]
            if self._send(run):
                self._turn += 1
                heapq.heapreplace(heap, (run.due_ns, self._turn, run))
            else:
                heapq.heappop(heap)
                self._end(run)
        for run in [*self._new, *(entry[2] for entry in heap)]:
            run.state = "gone"
            self._end(run)
        self._selector.close()
        self._ear.close()
        self._bell.close()

    def _admit(self, run: Run) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (run.due_ns, self._turn, run))
        with contextlib.suppress(ValueError, OSError):
            self._selector.register(run.sock, selectors.EVENT_READ, run)

    def _wait(self, seconds: float) -> None:
        """Until the next packet is due, unless a run joins or a client leaves before.

        `select` on the selector's own file, since epoll and poll know only whole milliseconds. Long
        waits end in a short one: a processor that slept long wakes late.
        """
        nap_s = seconds if seconds < 2 * _DOZE_S else seconds - _DOZE_S
        ready, _, _ = select.select([self._selector], [], [], nap_s)
        for key, _ in self._selector.select(0) if ready else ():
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(4096)
            else:
                self._heard(key.data)

    def _heard(self, run: Run) -> None:
        """The client sent something or left. A request sent ahead waits in the socket."""
        self._forget(run)
        try:
            ahead = run.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            ahead = b""
        if not ahead:
            run.state = "gone"
            self._heap[:] = [entry for entry in self._heap if entry[2] is not run]
            heapq.heapify(self._heap)
            self._end(run)

    def _send(self, run: Run) -> bool:
        """Send the packet that is due; whether the run has another."""
        packet = run.packet
        run.sent_ns.append(time.monotonic_ns())
        try:
            sent = run.sock.send(packet)
        except BlockingIOError:
            sent = 0
        except OSError:
            run.state = "gone"
            return False
        try:
            more = run.next()
        except Exception:
            log.exception("a response could not be made")
            run.state = "gone"
            return False
        if sent < len(packet):
            run.rest, run.state = packet[sent:], "full"
            return False
        run.state = "playing" if more else "done"
        return more

    def _forget(self, run: Run) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(run.sock)

    def _end(self, run: Run) -> None:
        self._forget(run)
        with contextlib.suppress(RuntimeError):
            run.ended.release()
