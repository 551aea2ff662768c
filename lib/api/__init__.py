"""The routes beside Streamlit's pages. `live` is about experiments of this server, `links` about shares,
`control` starts experiments for programs; `files` has what they all need.

What changes something asks for a token, and never comes from a page of another origin (lib/middleware.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import Route

from lib.api import openapi
from lib.api.control import Control
from lib.api.elsewhere import Elsewhere
from lib.api.links import Links
from lib.api.live import Live

if TYPE_CHECKING:
    from lib.service import Service


def routes(service: Callable[[], Service], index_html: str) -> list[Route]:
    """Routes for the server. `service` is a function, since the service opens with the server."""
    live, links, control = Live(service, index_html), Links(service), Control(service)
    found = [
        Route("/healthz", live.health),
        Route("/api/openapi.json", openapi.serve),
        Route("/api/experiments", control.start, methods=["POST"]),
        Route("/api/experiments/{id:stem}.{ending:ending}", live.experiment),
        Route("/api/experiments/{id}/events", live.events),
        Route("/api/experiments/{id:stem}", control.standing, methods=["GET"]),
        Route("/api/experiments/{id:stem}", control.delete, methods=["DELETE"]),
        Route("/api/shares/{id}", links.withdraw, methods=["DELETE"]),
        Route("/experiment", live.page),
        Route("/replay/{id}/v1/{rest:path}", live.replay, methods=["GET", "POST"]),
        Route("/e/{id:dotted}.{ending:ending}", links.file),
        Route("/e/{id}", links.page),
        Route("/embed/{id}", links.embed),
    ]
    none, no_page = Elsewhere(found), Elsewhere(found, page=True)
    below = "{rest:below}"
    return [
        *found,
        *(Route(path, none) for path in ("/healthz", "/api", "/api/{rest:path}", f"/replay{below}")),
        *(Route(f"/{top}{below}", no_page) for top in ("e", "embed")),
    ]
