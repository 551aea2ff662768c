"""The two helper processes: the probe that makes the calls, and the lab that answers some of them.

Spawning, an allow-listed environment, lines in and lines out. Keys never reach a child's arguments or
environment. What the lines mean is the runner's business.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lib.errors import ChildError, DecodeError
from lib.messages import PROTOCOL, Close, Hello, Inbound, Part, from_line, to_line
from lib.settings import ROOT

log = logging.getLogger("streamgauge.children")

ALLOWED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROBE, LAB = "lib.probe", "lib.lab"
READY_S = 20.0
LINGER_S = 2.0


class Child:
    """One process, its standard streams, and the last lines it complained with."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._name = module.rpartition(".")[2]
        self._last: deque[str] = deque(maxlen=5)
        self._writing = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own module, no shell
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C in a terminal is for the service, which ends its children
            )
        except OSError as error:
            raise ChildError(f"The {self._name} process did not start: {error}.") from None
        threading.Thread(target=self._complaints, name=f"{self._name}-stderr", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def lines(self, stop: threading.Event) -> Iterator[str]:
        """Lines of standard output until it ends or `stop`; the pipe is closed then, so that a child
        that still has something to say notices."""
        pipe = self._process.stdout
        assert pipe is not None
        rest = bytearray()
        with pipe, selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not stop.is_set():
                if not selector.select(0.5):
                    continue
                data = os.read(pipe.fileno(), 1 << 16)
                if not data:
                    return
                rest += data
                *whole, rest = rest.split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", "replace")

    def write(self, line: str) -> None:
        """One line to standard input. Raises ChildError when the process is gone."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            with self._writing:
                pipe.write(line.encode())
                pipe.flush()
        except (OSError, ValueError):
            raise ChildError(self.gone()) from None

    def gone(self) -> str:
        """A sentence for people, with the last thing the process printed."""
        said = f" It said: {self._last[-1]}" if self._last else ""
        return f"The {self._name} process ended unexpectedly.{said}"

    def close(self, linger_s: float = LINGER_S) -> None:
        """End its standard input and wait a little; a process that still works is left to finish."""
        self._hang_up()
        try:
            self._process.wait(linger_s)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, name=f"{self._name}-wait", daemon=True).start()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._hang_up()
        self._process.wait()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _complaints(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None
        with pipe:
            for raw in pipe:
                line = raw.decode("utf-8", "replace").rstrip()[:500]
                self._last.append(line)
                log.warning("%s: %s", self._name, line)


def environment() -> dict[str, str]:
    """What a child may know of the service's environment: an allow-list, no key among it."""
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    return kept | ours


class Probe:
    """The measuring process, kept warm and started again when it died.

    `heard` is called with every Part and Close and its line, from one thread; `lost` with the session
    that ended, after its last line. `arguments`: more for its command line, as settings say.
    """

    def __init__(
        self,
        data: Path,
        region: str,
        heard: Callable[[Part | Close, str], None],
        lost: Callable[[Session], None],
        arguments: Sequence[str] = (),
    ) -> None:
        self._arguments = ("--region", region, "--spool", str(data / "spool"), *arguments)
        self._heard, self._lost = heard, lost
        self._starting = threading.Lock()
        self._session: Session | None = None
        self._closed = False

    def warm(self) -> None:
        """Start it in the background; a failure shows at the first call."""
        threading.Thread(target=self._try, name="probe-start", daemon=True).start()

    def ready(self) -> Session:
        """The running probe, started when there is none. Raises ChildError."""
        with self._starting:
            if self._closed:
                raise ChildError("Streamgauge is shutting down; nothing was sent.")
            if self._session is None or not self._session.alive:
                self._session = self._start()
            return self._session

    @property
    def pid(self) -> int | None:
        """The running probe's process id, None when none runs."""
        session = self._session
        return session.child.pid if session is not None and session.alive else None

    def close(self, linger_s: float = LINGER_S) -> None:
        """Let it finish what is under way; what it cannot deliver it spools."""
        with self._starting:
            self._closed = True
            session = self._session
        if session is not None:
            session.child.close(linger_s)
            session.stop.set()

    def _try(self) -> None:
        try:
            self.ready()
        except ChildError as error:
            log.warning("%s", error)

    def _start(self) -> Session:
        session = Session(Child(PROBE, *self._arguments))
        threading.Thread(target=self._listen, args=(session,), name="probe-lines", daemon=True).start()
        session.greeted.wait(READY_S)
        if not session.alive:
            session.stop.set()
            session.child.kill()
            raise ChildError(f"{session.child.gone()} Nothing was sent. Try again.")
        return session

    def _listen(self, session: Session) -> None:
        for line in session.child.lines(session.stop):
            try:
                message = from_line(line)
            except DecodeError as error:
                log.warning("The probe's line was ignored. %s", error)
                continue
            if isinstance(message, Hello):
                session.greet(message)
            elif isinstance(message, Part | Close):
                self._heard(message, line)
        greeted = session.alive or session.greeted.is_set()
        session.greeted.set()
        if not session.stop.is_set():
            session.child.kill()
            if greeted:
                self._lost(session)


class Session:
    """One life of the probe, from its Hello to its end."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.stop = threading.Event()
        self.greeted = threading.Event()
        self._hello: Hello | None = None
        self._offset_ns = 0

    @property
    def hello(self) -> Hello:
        """Its first line; there is one once `greeted` is set by `greet`."""
        assert self._hello is not None
        return self._hello

    @property
    def alive(self) -> bool:
        """Whether it greeted and runs."""
        return self._hello is not None and self._child.alive

    @property
    def child(self) -> Child:
        """Its process."""
        return self._child

    def now_ns(self) -> int:
        """The probe's clock, now."""
        return time.perf_counter_ns() + self._offset_ns

    def send(self, message: Inbound) -> None:
        """One message to the probe. Raises ChildError when it is gone."""
        self._child.write(to_line(message))

    def greet(self, hello: Hello) -> None:
        """Take its first line. Two clocks less than a second apart are one clock, read late."""
        if hello.protocol == PROTOCOL:
            offset = hello.now_ns - time.perf_counter_ns()
            self._offset_ns = offset if abs(offset) > 1_000_000_000 else 0
            self._hello = hello
        self.greeted.set()


class Lab:
    """The reference endpoint, started at the first call that needs it. `replays`: a folder with scripts of
    saved experiments that it plays, too."""

    def __init__(self, replays: Path | None = None) -> None:
        self._arguments = () if replays is None else ("--replays", str(replays))
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._stop = threading.Event()
        self._base_url = ""

    def base_url(self) -> str:
        """Where it listens. Raises ChildError."""
        with self._lock:
            if self._stop.is_set():
                raise ChildError("Streamgauge is shutting down; nothing was sent.")
            if self._child is None or not self._child.alive:
                self._child, self._base_url = self._start()
            return self._base_url

    def close(self) -> None:
        """End it, even if it is just starting."""
        self._stop.set()
        with self._lock:
            if self._child is not None:
                self._child.close()
                self._child = None

    def _start(self) -> tuple[Child, str]:
        child = Child(LAB, *self._arguments)
        found: list[str] = []
        ready = threading.Event()
        threading.Thread(
            target=_first_address, args=(child, self._stop, found, ready), name="lab-lines", daemon=True
        ).start()
        if not ready.wait(READY_S) or not found:
            child.kill()
            raise ChildError(f"{child.gone()} Nothing was sent. Try again.")
        return child, found[0]


def _first_address(child: Child, stop: threading.Event, found: list[str], ready: threading.Event) -> None:
    """Take the lab's first line, then keep its pipe empty."""
    for line in child.lines(stop):
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("type") == "ready":
            found.append(str(message["base_url"]))
            ready.set()
    ready.set()
