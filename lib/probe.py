"""The process that makes the calls: `python -m lib.probe --help`.

JSON lines in on stdin, out on stdout (`lib.messages`); one thread a call, one that sends. It never draws
and never writes to the database. At the end of stdin it finishes what is under way and exits.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import platform
import queue
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn

from lib.capture import Call, Door
from lib.errors import DecodeError
from lib.guard import Anywhere, Hosted
from lib.heartbeat import Heartbeat
from lib.messages import PROTOCOL, Cancel, Hello, Key, Start, from_line, to_line
from lib.outbox import Outbox
from lib.priority import PRIORITY, granted, take_priority
from lib.recording import Instrument
from lib.stamps import StampTest
from lib.warmup import warm

log = logging.getLogger("streamgauge.probe")

TICK_S = 0.05
SLOW_TICK_S = 0.1
"""A call's new reads leave at most this often: 20 parts a second, 10 while all that comes is a trickle."""

TRICKLE = 7
"""New reads of all calls in 100 ms that are still a trickle; a stream of 50 events a second brings 5."""


class Terminated(Exception):
    """SIGTERM came: cancel what is under way, keep it, and go."""


class Probe:
    """The calls under way and what is said about them."""

    def __init__(
        self, door: Door, outbox: Outbox, priority: int | None = None, *, calm: bool = False
    ) -> None:
        self._door = door
        self._lab_door = Door(tls=door.tls)  # of its own, so that no connection is lent across
        self._outbox = outbox
        self._priority = priority
        self._heartbeat = Heartbeat(calm=calm)
        self._warm = threading.Event()
        self._keys: dict[str, Key] = {}
        self._seen: set[str] = set()
        self._open: dict[str, Call] = {}
        self._changed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._leaving = False
        self._sender = threading.Thread(target=self._deliver, name="sender", daemon=True)

    def serve(self, lines: Iterable[bytes], hello: Hello) -> None:
        """Say hello, warm up, do what the lines say; return when all is done and said."""
        self._outbox.hello(to_line(hello).encode())
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()
        self._sender.start()
        try:
            for line in lines:
                self._obey(line)
            self._outbox.orphan()
            self._finish()
        except Terminated:
            self._outbox.orphan()
            for call in list(self._open.values()):
                call.cancel()
            self._finish()

    def _obey(self, line: bytes) -> None:
        try:
            message = from_line(line.decode())
        except (DecodeError, UnicodeDecodeError):
            log.error("a line of %d bytes on stdin is not understood", len(line))
            return
        if isinstance(message, Key):
            self._keys[message.ref] = message
        elif isinstance(message, Start) and message.call not in self._seen:
            self._begin(message)
        elif isinstance(message, Cancel) and message.call in self._open:
            self._open[message.call].cancel()

    def _begin(self, start: Start) -> None:
        self._seen.add(start.call)
        self._outbox.open(start.call, to_line(start).encode())
        key = self._keys.get(start.request.key_ref)
        door = self._lab_door if start.lab else self._door
        call = door.call(start.call, start.request, key, start.at_ns)
        self._open[start.call] = call
        self._heartbeat.start()
        threading.Thread(target=self._run, args=(call,), name=start.call, daemon=True).start()
        self._changed.put(None)

    def _run(self, call: Call) -> None:
        self._warm.wait()
        take_priority(self._priority)
        try:
            call.run()
        finally:
            self._changed.put(None)

    def _warm_up(self) -> None:
        try:
            warm(self._lab_door)
            gc.collect()
            gc.freeze()
        finally:
            self._warm.set()

    def _deliver(self) -> None:
        """The sender's thread: whatever goes wrong here would be silence, so it ends the process."""
        due, waited = 0.0, SLOW_TICK_S
        try:
            while self._open or not self._leaving:
                with contextlib.suppress(queue.Empty):
                    self._changed.get(timeout=max(0.0, due - time.monotonic()) if self._open else None)
                tick = time.monotonic() >= due
                told = self._round(tick)
                if tick:
                    slow = told * SLOW_TICK_S <= TRICKLE * waited
                    waited = SLOW_TICK_S if slow else TICK_S
                    due = time.monotonic() + waited
        except BaseException:
            log.exception("the sender failed")
            os._exit(70)

    def _round(self, tick: bool) -> int:
        """What is new of every call on a tick; of the calls that ended at once, with their end. Returns
        the number of reads told."""
        told = 0
        for call in list(self._open.values()):
            ended = call.finished.is_set()
            while (ended or tick) and (part := call.part()) is not None:
                told += len(part.reads)
                self._outbox.send(call.name, to_line(part).encode())
                if not ended:
                    break
            if ended:
                self._end(call)
        return told

    def _end(self, call: Call) -> None:
        close = call.close(self._heartbeat.pauses(call.begun_ns))
        self._heartbeat.stop()
        self._outbox.send(call.name, to_line(close).encode(), last=True)
        del self._open[call.name]

    def _finish(self) -> None:
        self._leaving = True
        self._changed.put(None)
        self._sender.join()
        self._door.close()
        self._lab_door.close()
        self._outbox.close()


def describe(region: str, stamps: Literal["kernel", "user"], scheduler: str) -> Instrument:
    """What takes the stamps here."""
    libraries = (("openai", version("openai")), ("httpx2", version("httpx2")))
    return Instrument(
        probe=secrets.token_hex(6),
        region=region,
        stamps=stamps,
        scheduler=scheduler,
        resolution_ns=round(time.get_clock_info("perf_counter").resolution * 1e9) or 1,
        versions=(("python", platform.python_version()), *libraries, ("platform", platform.platform())),
    )


def main(argv: list[str] | None = None) -> int:
    """Run until stdin ends or SIGTERM comes. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.probe", description="Makes the measured calls.")
    parser.add_argument("--region", default="local", help="where this probe stands, in your words")
    parser.add_argument("--spool", type=Path, help="folder for what could not be delivered")
    parser.add_argument("--policy", choices=("local", "hosted"), default="local", help="where calls may go")
    parser.add_argument("--ports", type=int, nargs="+", default=[443], help="ports that hosted calls may use")
    parser.add_argument("--priority", action="store_true", help="real-time priority, where it is allowed")
    options = parser.parse_args(argv)
    pipe = _take_stdout()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    sys.setswitchinterval(0.0005)  # a sender at work must not hold up a read
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    test = StampTest()
    priority = PRIORITY if options.priority else None
    instrument = describe(options.region, "kernel" if test.works else "user", granted(priority))
    outbox = Outbox(pipe, options.spool, instrument.probe)
    door = Door(Hosted(options.ports) if options.policy == "hosted" else Anywhere())
    probe = Probe(door, outbox, priority, calm=test.works)
    probe.serve(sys.stdin.buffer, Hello(PROTOCOL, instrument, time.perf_counter_ns()))
    return 0


def _take_stdout() -> BinaryIO:
    """The pipe for ourselves: what anything else prints goes to stderr."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return pipe


def _terminate(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
