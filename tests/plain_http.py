"""A bare HTTP/1.1 client on a socket: shows what a server really sent, chunk by chunk."""

import json
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Response:
    """`chunks`: of a chunked body, in order, without the terminating one; `ended`: it came."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON of each SSE event, "[DONE]" as text; comments left out."""
        frames = [f for f in self.body.split(b"\n\n") if b"data: " in f]
        datas = [f.partition(b"data: ")[2] for f in frames]
        return ["[DONE]" if d == b"[DONE]" else json.loads(d) for d in datas]

    @property
    def truth(self) -> dict[str, Any]:
        """The lab's own account of its writes."""
        _, _, rest = self.body.partition(b": streamgauge-lab ")
        found: dict[str, Any] = json.loads(rest.partition(b"\n")[0])
        return found


class Plain:
    """One connection to a loopback port."""

    def __init__(self, port: int, timeout: float = 20.0) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def ask(self, api_path: str, **body: Any) -> Response:
        self.post(api_path, json.dumps(body).encode())
        return self.response()

    def post(self, path: str, body: bytes, *, accept_encoding: str = "identity") -> None:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: lab\r\naccept-encoding: {accept_encoding}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self.sock.sendall(head.encode() + body)

    def get(self, path: str) -> Response:
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nhost: lab\r\n\r\n".encode())
        return self.response()

    def response(self, chunks: list[bytes] | None = None) -> Response:
        """The next response, as much of it as comes before the end of file.

        `chunks`: filled as they come, so that a reset leaves those before it.
        """
        lines = self._line(b"\r\n\r\n").decode().split("\r\n")
        pairs = (line.partition(": ")[::2] for line in lines[1:])
        found = Response(int(lines[0].split(" ")[1]), dict(pairs), [] if chunks is None else chunks)
        if "content-length" in found.headers:
            found.chunks += [self._exactly(int(found.headers["content-length"]))]
            return found
        if "transfer-encoding" not in found.headers:
            while self._more():
                pass
            found.chunks += [self._exactly(len(self._rest))]
            return found
        while size := int(self._line(b"\r\n") or b"-1", 16):
            if size < 0:
                return found
            found.chunks.append(self._exactly(size + 2)[:-2])
        found.ended = self._exactly(2) == b"\r\n"
        return found

    def _line(self, end: bytes) -> bytes:
        while end not in self._rest:
            if not self._more():
                return b""
        line, _, self._rest = self._rest.partition(end)
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size and self._more():
            pass
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self._rest += data
        return bool(data)
