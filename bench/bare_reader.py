"""The limit: how true arrival times can be in Python. `python -m bench.bare_reader`, used by `instrument`.

One thread, epoll, recvmsg, the kernel's stamps where it gives them; no openai, no HTTP library, no decoding.
A line of JSON in names the streams, a line of JSON out holds every read and the raw bytes.
"""

import json
import select
import socket
import sys
import time
from time import perf_counter_ns as now
from typing import Any

from lib.stamps import ANCILLARY, kernel_ns, prepare, read_clock


class Stream:
    """One request and what came back."""

    def __init__(self, address: tuple[str, int], asked: bytes) -> None:
        self.sock = socket.socket()
        prepare(self.sock)
        self.sock.connect(address)
        self.reads: list[tuple[int, int, int | None, int]] = []
        self.pieces: list[bytes] = []
        self.sent_ns = now()
        self.sock.sendall(asked)
        self.sock.setblocking(False)

    def read(self) -> bool:
        """Take what is there; False at the end."""
        before = now()
        data, ancillary, _, _ = self.sock.recvmsg(65536, ANCILLARY)
        after = now()
        self.reads.append((before, after, kernel_ns(ancillary) if ancillary else None, len(data)))
        self.pieces.append(data)
        return bool(data)

    def plain(self) -> dict[str, Any]:
        """As JSON will have it."""
        raw = b"".join(self.pieces).decode("latin-1")
        return {"sent_ns": self.sent_ns, "reads": self.reads, "raw": raw}


def read_all(address: tuple[str, int], asked: bytes, count: int, spread_s: float) -> list[Stream]:
    """So many streams at once, begun evenly over `spread_s`."""
    poll = select.epoll()
    begun = time.monotonic()
    streams: list[Stream] = []
    under_way: dict[int, Stream] = {}
    while len(streams) < count or under_way:
        due = begun + spread_s * len(streams) / count
        if len(streams) < count and time.monotonic() >= due:
            stream = Stream(address, asked)
            streams.append(stream)
            under_way[stream.sock.fileno()] = stream
            poll.register(stream.sock, select.EPOLLIN)
            continue
        left = max(0.0, due - time.monotonic()) if len(streams) < count else -1
        for number, _ in poll.poll(left):
            if not under_way[number].read():
                poll.unregister(number)
                under_way.pop(number).sock.close()
    poll.close()
    return streams


def main() -> None:
    """Serve one line after the other until stdin ends."""
    for line in sys.stdin:
        job = json.loads(line)
        clock, cpu = read_clock(), time.process_time_ns()
        host, port = job["address"]
        streams = read_all((host, port), job["asked"].encode(), job["count"], job["spread_s"])
        cpu = time.process_time_ns() - cpu
        told = {"clocks": [clock, read_clock()], "cpu_ns": cpu, "streams": [s.plain() for s in streams]}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
