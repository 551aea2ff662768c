"""What no other route answers: addresses that are none, and methods that an address does not have.

Without it the dashboard's page would answer, with 200, or a bare word instead of a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import HTMLResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from lib import linkpage
from lib.api.files import problem, refused
from lib.errors import NotFound

_NOTHING = "There is nothing at this address. docs/api.md and /api/openapi.json list what there is."


class Elsewhere:
    """Stands behind `routes`. `page`: people come here by a link, so 404 is a page."""

    def __init__(self, routes: Sequence[Route], *, page: bool = False) -> None:
        self._routes = routes
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """405 with what may be asked of this address, else 404."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        methods = {m for r in self._routes if r.matches(scope)[0] is Match.PARTIAL for m in r.methods or ()}
        if methods:
            told = ", ".join(sorted(methods))
            answer = problem(405, f"This address answers {told} only.")
            answer.headers["allow"] = told
            return answer
        return gone() if self._page else refused(NotFound(_NOTHING))


def gone() -> Response:
    """The page of a link that shows nothing (any more)."""
    return HTMLResponse(linkpage.gone(), 404, {"content-security-policy": linkpage.LINK_POLICY})
