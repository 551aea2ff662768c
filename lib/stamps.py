"""Where times come from: the kernel's receive stamps, and readings of both clocks that convert them."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from time import perf_counter_ns as now

from lib.recording import Clock

_SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
_STAMP = struct.Struct("qq")
ANCILLARY = 64
"""Bytes of ancillary data that `recvmsg` must make room for."""


def prepare(sock: socket.socket) -> None:
    """Send at once, and have what arrives stamped where the system can."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def kernel_ns(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """CLOCK_REALTIME of the last byte that a `recvmsg` returned, as the kernel took it."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return None


def read_clock(tries: int = 20) -> Clock:
    """Both clocks at one moment: the tightest of several bracketed readings."""
    best = Clock(0, 0, 1 << 62)
    for _ in range(tries):
        before, real, after = now(), time.time_ns(), now()
        if after - before < best.width_ns:
            best = Clock((before + after) // 2, real, after - before)
    return best


class StampTest:
    """Asks the kernel for a receive stamp on loopback. `works`: whether one came.

    Keep it open: while one socket wants stamps the kernel takes them for all, so that the first
    packet of the first call has one too.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self.works = False
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as server:
            prepare(self._socket)
            self._socket.settimeout(1.0)
            self._socket.connect(server.getsockname())
            with server.accept()[0] as peer:
                self.works = self._one_of(peer, 20)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _one_of(self, peer: socket.socket, tries: int) -> bool:
        """The kernel starts stamping a moment after it was first asked."""
        for _ in range(tries):
            peer.sendall(b".")
            if kernel_ns(self._socket.recvmsg(1, ANCILLARY)[1]) is not None:
                return True
            time.sleep(0.005)
        return False
