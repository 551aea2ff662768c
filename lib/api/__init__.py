"""The routes beside Streamlit's pages. `live` is about experiments of this server, `links` about shares;
`files` has what both need.

What changes something asks for a token, and never comes from a page of another origin (lib/middleware.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import Route

from lib.api.links import Links
from lib.api.live import Live

if TYPE_CHECKING:
    from lib.service import Service


def routes(service: Callable[[], Service], index_html: str) -> list[Route]:
    """Routes for the server. `service` is a function, since the service opens with the server."""
    live, links = Live(service, index_html), Links(service)
    return [
        Route("/healthz", live.health),
        Route("/api/experiments/{id:stem}.{ending:ending}", live.experiment),
        Route("/api/experiments/{id}/events", live.events),
        Route("/api/shares/{id}", links.withdraw, methods=["DELETE"]),
        Route("/experiment", live.page),
        Route("/replay/{id}/v1/{rest:path}", live.replay, methods=["GET", "POST"]),
        Route("/e/{id:stem}.{ending:ending}", links.file),
        Route("/e/{id}", links.page),
        Route("/embed/{id}", links.embed),
    ]
