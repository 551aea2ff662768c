"""The lab's answers passed on as they come: on a public server the lab stays on loopback, out of reach.

Only replays of saved experiments pass, a bounded number at once; when each piece leaves is up to the lab.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from lib.api.files import body, problem

MOST_AT_ONCE = 16
MOST_BYTES = 1 << 20
LONGEST_S = 900.0
"""For how long one plays."""
_BUSY = f"{MOST_AT_ONCE} experiments are being played here, which is the most. Try again in a moment."


class Passing:
    """One per server."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def on(self, request: Request, url: str) -> Response:
        """The answer of `url` to this request; 413 and 503 as JSON with a sentence."""
        sent = await body(request, MOST_BYTES)
        if sent is None:
            return problem(413, f"The body has more than {MOST_BYTES:,} bytes.")
        if self._places.locked():
            return problem(503, _BUSY)
        return _Passed(self._places, httpx2.Request(request.method, url, content=sent))


class _Passed(Response):
    """Asks when it is sent, so that whatever ends it gives its place back: a client that left, too."""

    def __init__(self, places: asyncio.Semaphore, asked: httpx2.Request) -> None:
        super().__init__()
        self._places, self._asked = places, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._places, httpx2.AsyncClient(timeout=LONGEST_S, trust_env=False) as client:
            passing = asyncio.create_task(self._pass(client, scope, receive, send))
            gone = asyncio.create_task(_gone(receive))
            await asyncio.wait({passing, gone}, timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            passing.cancel()
            with suppress(asyncio.CancelledError, ClientDisconnect):
                await passing

    async def _pass(self, client: httpx2.AsyncClient, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await client.send(self._asked, stream=True)
        except httpx2.HTTPError:
            answered = problem(503, "The built-in endpoint does not answer. Try again.")
            return await answered(scope, receive, send)
        try:
            await _Stream(answer).stream_response(send)
        finally:
            await answer.aclose()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Stream(StreamingResponse):
    """Where the lab breaks off, as it was asked to, this ends without an ending, too."""

    def __init__(self, answer: httpx2.Response) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        kind = answer.headers.get("content-type")
        super().__init__(answer.aiter_raw(), answer.status_code, headers, kind)

    async def stream_response(self, send: Send) -> None:
        with suppress(httpx2.HTTPError):
            await super().stream_response(send)
