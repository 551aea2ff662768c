"""Headers, origins and compression: what every response carries, and which hosts are answered at all.

Pure ASGI, so that web sockets and event streams pass through untouched.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.settings import is_loopback

Headers = list[tuple[bytes, bytes]]

_FOR_THE_OPERATOR = ("/_stcore/metrics",)


def middleware(index_html: str, *, loopback_only: bool, public_url: str = "") -> list[Middleware]:
    """What the server wraps around every route. `index_html`: the page shell whose scripts may run.

    `public_url`: where a proxy on this computer says that the server is; its name is answered too.
    """
    checks = [Middleware(HostCheck, public=urlsplit(public_url).hostname)] if loopback_only else []
    headers = Middleware(SecurityHeaders, headers=security_headers(index_html))
    paths = Middleware(PathCheck, hidden=() if loopback_only and not public_url else _FOR_THE_OPERATOR)
    return [*checks, headers, Middleware(OriginCheck), paths, Middleware(KeptCompressed)]


def security_headers(index_html: str) -> dict[str, str]:
    """Header → value. Inline scripts of the shell are allowed by hash, nothing else inline is."""
    return {
        "content-security-policy": content_security_policy(index_html),
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "cross-origin-opener-policy": "same-origin",
        "x-robots-tag": "noindex",
        "cache-control": "no-cache",
    }


def content_security_policy(index_html: str) -> str:
    """`blob:` is how Streamlit loads components, `unsafe-inline` styles are how it lays out."""
    scripts = " ".join(("'self'", "blob:", *inline_hashes(index_html)))
    rules = {
        "default-src": "'self'",
        "script-src": scripts,
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def inline_hashes(index_html: str) -> Iterable[str]:
    """CSP sources of the inline scripts, computed from the page itself: they change with releases."""
    for body in re.findall(r"<script>(.*?)</script>", index_html, re.DOTALL):
        digest = hashlib.sha256(body.encode()).digest()
        yield f"'sha256-{base64.b64encode(digest).decode()}'"


class SecurityHeaders:
    """Adds the headers to every HTTP response that does not set them itself."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers: Headers = [(k.encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything but HTTP through."""
        await self.app(scope, receive, self._adding(send) if scope["type"] == "http" else send)

    def _adding(self, send: Send) -> Callable[[Message], Any]:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                if message["status"] == 304:  # what it says of keeping would replace what the file said
                    present.add(b"cache-control")
                added = [(k, v) for k, v in self.headers if k not in present and not _said(k, present)]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        return wrapped


def _said(name: bytes, present: set[bytes]) -> bool:
    """A response with a policy of its own says in it who may frame it."""
    return name == b"x-frame-options" and b"content-security-policy" in present


class OriginCheck:
    """Whatever changes something through our own routes comes from this origin, or from no page at all.

    Streamlit's routes have a check of their own, which does not reach ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to an unsafe request that a page of another origin sent."""
        ours = scope["type"] == "http" and "/_stcore/" not in scope["path"]
        if ours and scope["method"] not in ("GET", "HEAD", "OPTIONS") and _foreign(dict(scope["headers"])):
            text = b"This can be asked for by this server's own pages and by programs only.\n"
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await _answer(send, 403, headers, text)
            return
        await self.app(scope, receive, send)


def _foreign(headers: dict[bytes, bytes]) -> bool:
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        return True
    origin = headers.get(b"origin")
    return origin is not None and _place(origin).encode() != headers.get(b"host")


def _place(origin: bytes) -> str:
    """Host and port of an origin; "" of what is none."""
    try:
        return urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        return ""


class PathCheck:
    """Addresses that the server beneath refuses with a bare word get a sentence; `hidden` ones are none.

    Below our own routes they are asked as what no id can be, and so look like every unknown one.
    """

    REFUSED = re.compile(r"\x00|(?<=[/\\])\.\.(?=[/\\]|$)|^/(?:[/\\]|[A-Za-z]:)")
    OURS = re.compile(r"/(?:api|e|embed|replay)/")

    def __init__(self, app: ASGIApp, hidden: Iterable[str] = ()) -> None:
        self.app = app
        self.hidden = tuple(hidden)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through but such addresses."""
        if scope["type"] == "http":
            path: str = scope["path"]
            refused = self.REFUSED.search(path) is not None
            if refused and self.OURS.match(path):
                scope = {**scope, "path": self.REFUSED.sub("~", path)}
            elif refused or path.rstrip("/").endswith(self.hidden):
                headers = [(b"content-type", b"text/plain; charset=utf-8")]
                return await _answer(send, 404, headers, b"There is nothing at this address.\n")
        await self.app(scope, receive, send)


class KeptCompressed:
    """Sends the dashboard's own scripts and styles compressed, each compressed once.

    Their names hold a hash of their content, so what was compressed stays right. The server beneath sends
    them as they are: compressing them anew for every visitor would hold it up.
    """

    NAMES = re.compile(r"/static/(?:js|css)/[\w.-]+\.(?:js|css)$")
    MOST = 64 << 20

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept: dict[str, tuple[Headers, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through but whole files that the visitor takes as gzip."""
        if not self._fits(scope):
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path not in self.kept:
            status, headers, body = await self._read(scope, receive)
            if status != 200 or any(name == b"content-encoding" for name, _ in headers):
                await _answer(send, status, headers, body)
                return
            packed = await asyncio.to_thread(gzip.compress, body, 6, mtime=0)
            self._keep(path, _packed(headers, len(packed)), packed)
            await _answer(send, 200, _packed(headers, len(packed)), packed)
            return
        await _answer(send, 200, *self.kept[path])

    def _fits(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "GET" or not self.NAMES.search(scope["path"]):
            return False
        headers = dict(scope["headers"])
        asked = (b"range", b"if-none-match", b"if-modified-since")
        return b"gzip" in headers.get(b"accept-encoding", b"") and not any(h in headers for h in asked)

    async def _read(self, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        """The answer of the server beneath, whole."""
        head: Message = {}
        body = bytearray()

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self.app({**scope, "extensions": {}}, receive, take)
        return head["status"], list(head["headers"]), bytes(body)

    def _keep(self, path: str, headers: Headers, packed: bytes) -> None:
        if sum(len(body) for _, body in self.kept.values()) + len(packed) <= self.MOST:
            self.kept[path] = headers, packed


def _packed(headers: Headers, length: int) -> Headers:
    kept = [(k, v) for k, v in headers if k.lower() not in (b"content-length", b"accept-ranges", b"etag")]
    new = {b"content-encoding": b"gzip", b"vary": b"accept-encoding", b"content-length": str(length).encode()}
    return [*kept, *new.items()]


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class HostCheck:
    """On a loopback server only loopback names and the one that its operator gave it are answered, so that
    no outside page can rebind one.

    A page of another origin, another port of this computer included, is refused too: through a web
    socket it could start paid calls. It may read the files of a share, whose address nobody can guess.
    """

    def __init__(self, app: ASGIApp, public: str | None = None) -> None:
        self.app = app
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to anything that comes neither by a loopback name nor by the server's public one."""
        if scope["type"] in ("http", "websocket") and not _is_ours(scope, self.public):
            await _refuse(scope["type"], receive, send)
            return
        await self.app(scope, receive, send)


def _is_ours(scope: Scope, public: str | None) -> bool:
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    try:
        name = urlsplit("//" + host).hostname or ""
    except ValueError:
        return False
    if not is_loopback(name) and (public is None or name != public):
        return False
    return origin is None or _place(origin) == host or _is_shared(scope)


def _is_shared(scope: Scope) -> bool:
    """Whether it is a file of a share that is read: other viewers open those by their address."""
    read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return read and scope["path"].startswith("/e/")


async def _refuse(kind: str, receive: Receive, send: Send) -> None:
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    text = b"This server answers on this computer's own names only, such as localhost.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})
