"""A server that does exactly what its script says, and a few words to make and record calls with."""

import contextlib
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import trustme

from lib.capture import Call, Door
from lib.guard import Address, Anywhere
from lib.messages import PROTOCOL, Hello, Key, Part, Start, fold
from lib.recording import Instrument, Recording, Request
from lib.spec import Limits

FLOOD = "flood"  # the step before it again and again, as fast as it is taken
HOLD = "hold"  # keep the connection open until the client or the test ends it
FIN = "fin"  # close now
RST = "rst"  # break off
Step = bytes | float | str | Callable[[], Any]

BODIES = {
    "chat.completions": '{"messages":[{"content":"hi","role":"user"}],"model":"m"',
    "completions": '{"model":"m","prompt":"hi"',
    "responses": '{"input":"hi","model":"m"',
    "models": "{",
    "moderations": '{"input":"hi"',
}
SOON = Limits(connect_s=5.0, silence_s=5.0, total_s=10.0)
INSTRUMENT = Instrument("p", "here", "user", "other", 1, (("python", "3"),))


class Scripted:
    """Plays one script per request, the last one again when they run out. Keeps what it was sent."""

    def __init__(self, scripts: Sequence[Sequence[Step]], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.sent: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/v1"
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.accepting.join()
        for thread in self._threads:
            thread.join()

    @property
    def heads(self) -> list[str]:
        return [head.decode("latin-1") for head, _ in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket) -> None:
        peer.settimeout(20)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)
            while (asked := self._asked(peer)) is not None:
                with self._lock:
                    self.requests.append(asked)
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                if not self._play(peer, script):
                    break
        peer.close()

    def _play(self, peer: socket.socket, script: Sequence[Step]) -> bool:
        for before, step in zip([b"", *script], script, strict=False):
            if step == FLOOD:
                assert isinstance(before, bytes)
                while not self._over.is_set():
                    peer.sendall(before)
            elif isinstance(step, bytes):
                peer.settimeout(20)
                at = time.perf_counter_ns()
                peer.sendall(step)
                self.sent.put((at, len(step)))
            elif isinstance(step, float):
                if self._over.wait(step):
                    return False
            elif step == HOLD:
                while not self._over.is_set() and self._more(peer) != b"":
                    pass
                return False
            elif step == RST:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step == FIN:
                return False
            else:
                assert callable(step)
                step()
        return True

    def _more(self, peer: socket.socket) -> bytes | None:
        """What came; b"" at the end of file, None when nothing came for a moment."""
        peer.settimeout(0.05)
        try:
            return peer.recv(65536)
        except TimeoutError:
            return None

    def _asked(self, peer: socket.socket) -> tuple[bytes, bytes] | None:
        data = b""
        while not self._over.is_set():
            piece = self._more(peer)
            if piece == b"":
                return None
            data += piece or b""
            head, end, body = data.partition(b"\r\n\r\n")
            if end and len(body) >= _length(head):
                return head, body
        return None


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def head(status: int = 200, kind: str = "text/event-stream", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> list[Step]:
    """One answer in one send, on a connection that stays open."""
    return [head(status, kind, content_length=str(len(body)), **headers) + body]


def chunked(*pieces: bytes) -> list[Step]:
    """A stream: the head, each piece in a send of its own, and the end. A pause parts the reads."""
    steps: list[Step] = [head(transfer_encoding="chunked")]
    for piece in pieces:
        steps += [0.03, chunk(piece)]
    return [*steps, 0.03, b"0\r\n\r\n"]


def asking(url: str, api: Any = "chat.completions", mode: Any = "streaming", **fields: Any) -> Request:
    """A request of that kind; `fields` replace those of Request."""
    body = BODIES[api] + ("" if api == "models" else ',"stream":true' if mode == "streaming" else "") + "}"
    rest = {"key_ref": "", "connection": "new", "accept_encoding": "identity", "limits": SOON, "body": body}
    return Request(api=api, mode=mode, base_url=url, **{**rest, **fields})


def finish(call: Call) -> Recording:
    """Run a call to its end and fold what it says about itself."""
    call.run()
    parts: list[Part] = []
    while (part := call.part()) is not None:
        parts.append(part)
    return fold(Start(call.name, call.request), Hello(PROTOCOL, INSTRUMENT, 0), parts, call.close())


class Telling(Anywhere):
    """A policy that dials what the test says."""

    def __init__(self, addresses: Callable[[str, int], Sequence[Address]]) -> None:
        self.addresses = addresses  # type: ignore[method-assign, assignment]


def record(request: Request, *, door: Door | None = None, key: Key | None = None) -> Recording:
    """One call through a door of its own, unless one is given."""
    used = door or Door()
    try:
        return finish(used.call("e/0", request, key))
    finally:
        if door is None:
            used.close()


@contextlib.contextmanager
def in_background(call: Call) -> Iterator[threading.Thread]:
    """The call runs beside the test, and has ended afterwards."""
    thread = threading.Thread(target=call.run)
    thread.start()
    yield thread
    thread.join(20)
    assert not thread.is_alive()


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that another thread or process does; generous, so that it is never what fails."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"waited 20 s for {what}"
        time.sleep(0.005)


class Authority:
    """A certificate authority of the tests' own, and what both sides need of it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.client = ssl.create_default_context()
        self._authority.configure_trust(self.client)

    def to_file(self, path: Path) -> Path:
        """The authority's certificate, as SSL_CERT_FILE wants it."""
        self._authority.cert_pem.write_to_path(str(path))
        return path

    def server(self, name: str = "localhost") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context
