"""One experiment of this server: as JSON, as other files, its live events, and its page's status."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from lib.api.files import checked, download, file, found_or_error, refused
from lib.api.passing import Passing
from lib.errors import NotFound, StreamgaugeError

if TYPE_CHECKING:
    from lib.feed import FeedItem
    from lib.service import Service

UPDATE_S = 1 / 50
IDLE_S = 0.25
NUMBER = re.compile(r"[0-9]{1,9}")


class Live:
    """`service` is a function, since the service opens with the server."""

    def __init__(self, service: Callable[[], Service], index_html: str) -> None:
        self.service = service
        self.index_html = index_html
        self._passing = Passing()

    async def health(self, _: Request) -> Response:
        """200 while experiments can be started and saved, else 503; the body says which part fails."""
        found = await run_in_threadpool(self.service().health)
        return JSONResponse(found, status_code=200 if found.get("status") == "ok" else 503)

    async def experiment(self, request: Request) -> Response:
        """The versioned document of docs/json.md, a table of it, or a trace."""
        wanted, ending = request.path_params["id"], request.path_params["ending"]

        def made() -> Response:
            service = self.service()
            checked(wanted)
            if ending == "json":
                return download(service.json(wanted).encode(), ending, f"streamgauge-{wanted}")
            return file(service.experiment(wanted), ending, f"streamgauge-{wanted}", request)

        return await found_or_error(made)

    async def events(self, request: Request) -> Response:
        """What a live page is told, as server-sent events; `Last-Event-ID` resumes.

        `calls=3,4` tells of these calls only, so that a pair can be followed among hundreds.
        """
        try:
            wanted = checked(request.path_params["id"])
            await run_in_threadpool(self.service().require, wanted)
        except StreamgaugeError as error:
            return refused(error)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        asked = request.query_params.get("calls", "").split(",")
        only = {int(n) for n in asked if NUMBER.fullmatch(n)}
        stream = self._stream(wanted, request.headers.get("last-event-id", ""), only)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def page(self, request: Request) -> Response:
        """The page shell; its status says whether the experiment exists, or with `e` the share."""
        try:
            if "e" in request.query_params:
                await run_in_threadpool(self.service().library.shared, checked(request.query_params["e"]))
            else:
                await run_in_threadpool(self.service().require, checked(request.query_params.get("id", "")))
        except StreamgaugeError:
            return HTMLResponse(self.index_html, status_code=404)
        return HTMLResponse(self.index_html)

    async def replay(self, request: Request) -> Response:
        """On to the lab, which keeps time: any OpenAI client follows, and asks there what it asked here.

        From another computer the lab can't be reached, so a public server passes its answer on.
        """
        wanted, rest = request.path_params["id"], request.path_params["rest"]

        def made() -> RedirectResponse:
            return RedirectResponse(f"{self.service().replay(checked(wanted))}/{rest}", 307)

        found = await found_or_error(made)
        if isinstance(found, RedirectResponse) and self.service().settings.hosted:
            return await self._passing.on(request, found.headers["location"])
        return found

    async def _stream(self, wanted: str, last_id: str, only: set[int]) -> AsyncIterator[str]:
        feed = self.service().feed
        boot, _, index = last_id.partition(".")
        resumed = boot == feed.boot and NUMBER.fullmatch(index) is not None
        cursor = int(index) if resumed else 0
        if last_id and not resumed:
            yield _sse("reset", {})
        idle = 0.0
        while True:
            try:
                items, cursor, ended = await run_in_threadpool(feed.read, wanted, cursor)
            except NotFound:  # deleted meanwhile
                items, ended = [], True
            items = [item for item in items if not only or item.n in only or item.n < 0]
            if items:
                if any(item.state == "sent" for item in items) or idle == 0.0:
                    yield _sse("ages", feed.ages(wanted))
                yield _sse("", {"items": [_row(i) for i in items]}, f"{feed.boot}.{cursor}")
            if ended:
                yield _sse("end", {})
                return
            idle = UPDATE_S if items else min(IDLE_S, idle + UPDATE_S)
            await asyncio.sleep(idle)


def _row(item: FeedItem) -> list[object]:
    return [item.n, item.state, [list(event) for event in item.events]]


def _sse(event: str, data: object, cursor: str = "") -> str:
    head = (f"id: {cursor}\n" if cursor else "") + (f"event: {event}\n" if event else "")
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n"
