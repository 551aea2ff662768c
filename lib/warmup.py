"""Throw-away calls inside this process, so that the first timed call is as true as the tenth.

The client loads types on first use and a new process pays for every first step: up to 450 ms inside the
first call. The calls go to a socket of our own on loopback; no model is asked and nothing is kept.
"""

from __future__ import annotations

import socket
import threading

from lib.capture import METHODS, Door
from lib.recording import Request
from lib.spec import Limits

_ANSWERS = {
    "blocking": (b"application/json", b"{}"),
    "streaming": (b"text/event-stream", b"data: {}\n\ndata: [DONE]\n\n"),
}
_FIELDS = '{"model":"m","messages":[],"prompt":"p","input":"i","max_tokens":1,"temperature":0,"stream":%s}'


def warm(door: Door) -> None:
    """One call for each API kind and mode, twice; returns when they are done. Never raises."""
    limits = Limits(connect_s=5.0, silence_s=5.0, total_s=10.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server,), name="warm-up", daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        for _ in range(2):
            for api in METHODS:
                for mode in ("blocking", "streaming"):
                    body = "{}" if api == "models" else _FIELDS % str(mode == "streaming").lower()
                    request = Request(api, mode, url, "", body, "new", "identity", limits)
                    call = door.call("warm-up", request)
                    call.run()
                    call.part()


def _serve(server: socket.socket) -> None:
    """Answer each connection once, until the socket is closed."""
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        with peer:
            peer.settimeout(5.0)
            try:
                _answer(peer)
            except OSError:
                continue


def _answer(peer: socket.socket) -> None:
    asked = b""
    while b"\r\n\r\n" not in asked and (piece := peer.recv(65536)):
        asked += piece
    kind, body = _ANSWERS["streaming" if b'"stream":true' in asked else "blocking"]
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind)
    peer.sendall(b"%x\r\n%b\r\n" % (len(body), body))
    peer.sendall(b"0\r\n\r\n")
