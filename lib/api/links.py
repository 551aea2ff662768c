"""Shares: the page behind a link, its files and card, the page to embed, and the end of a link.

Whatever is asked of an unknown, a withdrawn or an expired share is answered alike, with 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lib import linkpage, teaser
from lib.api.elsewhere import gone
from lib.api.files import ID, bearer, download, file, found_or_error
from lib.errors import NotFound, StreamgaugeError
from lib.pictures.card import card
from lib.shelf import GONE, Shared

if TYPE_CHECKING:
    from lib.library import Library
    from lib.service import Service

ANYONE = {"access-control-allow-origin": "*"}
"""So that other viewers can open a file by its address. No cookie is ever read or set."""


class Links:
    """`service` is a function, since the service opens with the server."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    @property
    def _library(self) -> Library:
        return self._service().library

    async def page(self, request: Request) -> Response:
        """A title, a line and a picture for whoever shows the link, then on to the dashboard's page."""
        try:
            told, line = await run_in_threadpool(self._told, request)
        except StreamgaugeError:
            return gone()
        carried = [(k, v) for k, v in request.query_params.multi_items() if k not in ("e", "id")]
        page = linkpage.link_page(
            told,
            line=line,
            onward=f"../experiment?{urlencode([('e', told.id), *carried])}",
            origin=self._origin(request),
        )
        return HTMLResponse(page, headers={"content-security-policy": linkpage.LINK_POLICY} | _robots(told))

    async def file(self, request: Request) -> Response:
        """The frozen document as it is, its card, a table of it, or a trace."""
        id, ending = request.path_params["id"], request.path_params["ending"]

        def made() -> Response:
            told = self._shared(id)
            name = f"streamgauge-{id}"
            if ending == "json":
                return download(self._library.shared_json(id), ending, name)
            found = self._library.shared_experiment(id)
            if ending == "png":
                return Response(card(found, told.title, linkpage.made_of(found)), media_type="image/png")
            return file(found, ending, name, request)

        answer = await found_or_error(made)
        answer.headers.update(ANYONE)
        return answer

    async def embed(self, request: Request) -> Response:
        """A small static page for other people's pages: the replay with its events, and where it is from."""
        try:
            told = await run_in_threadpool(self._shared, request.path_params["id"])
            found = await run_in_threadpool(self._library.shared_experiment, told.id)
        except StreamgaugeError:
            return gone()
        page, policy = await run_in_threadpool(linkpage.embed_page, found, told)
        return HTMLResponse(page, headers={"content-security-policy": policy} | _robots(told))

    async def withdraw(self, request: Request) -> Response:
        """End a share; the token that came with it stands in `Authorization: Bearer`. 204, or 404."""
        token = bearer(request)

        def made() -> Response:
            self._shared(request.path_params["id"])
            self._library.withdraw(request.path_params["id"], token)
            return Response(status_code=204)

        return await found_or_error(made)

    def _shared(self, id: str) -> Shared:
        if not ID.fullmatch(id):
            raise NotFound(GONE)
        return self._library.shared(id)

    def _told(self, request: Request) -> tuple[Shared, str]:
        told = self._shared(request.path_params["id"])
        return told, teaser.line(self._library.shared_experiment(told.id))

    def _origin(self, request: Request) -> str:
        """Where this server is reached; pictures of links need a whole address."""
        return (self._service().settings.public_url or str(request.base_url)).rstrip("/")


def _robots(told: Shared) -> dict[str, str]:
    return {"x-robots-tag": "all"} if told.visibility == "public" else {}
