"""A small OpenAI-compatible endpoint that counts its requests; the model's name says how it answers.

`slow:N` streams N words, 50 ms apart (blocking: after them all); `hold` streams three words, then waits until
`release`; `moody:N` refuses two calls, then is `slow:N`; `echo` puts the key it was given into its answer;
`refuse` answers 401 with the key in the message.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STEP_S = 0.05


class Endpoint(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers.get("Authorization", ""))
        self._json(200, {"object": "list", "data": [{"id": "slow:3"}, {"id": "hold"}]})

    def do_POST(self) -> None:
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.asked.append(ask)
        self.server.authorizations.append(key)
        name, _, count = ask["model"].partition(":")
        if name == "refuse" or (name == "moody" and len(self.server.asked) <= 2):
            self._json(401, {"error": {"message": f"Incorrect API key provided: {key}", "code": key}})
            return
        words = [f"Your key is {key}."] if name == "echo" else [f"word{i} " for i in range(int(count or 3))]
        if ask.get("stream"):
            self._stream(words, hold=name == "hold")
        else:
            self._wait(words, hold=name == "hold")
            self._json(200, {"model": "m", "choices": [_choice("message", "".join(words), "stop")]})

    def log_message(self, *_: object) -> None:
        pass

    def _wait(self, words: list[str], *, hold: bool) -> None:
        self.server.begun.release()
        if hold:
            self.server.release.wait(60)
        time.sleep(STEP_S * len(words))

    def _stream(self, words: list[str], *, hold: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in words:
            self._event({"choices": [_choice("delta", word, None)]})
            time.sleep(STEP_S)
        self.server.begun.release()
        if hold:
            self.server.release.wait(60)
        self._event({"choices": [_choice("delta", "", "stop")]})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, value: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(value)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _choice(part: str, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": finish}
