"""Traps that refuse, fall silent, or never end: what a client must stop by itself.

What never ends stops when the client goes, and after 60 s all the same.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, count, cycle, islice, repeat, takewhile

from lib.dialects import DIALECTS
from lib.lab import scripts
from lib.lab.asks import PREFIX, Ask, error_body
from lib.lab.frames import FRAMES
from lib.lab.scripts import SSE, Part, Script
from lib.lab.shapes import beginning
from lib.lab.steady import WORDS
from lib.lab.trap import ALL, FIRST_S, KEPT, STEP_S, Play, Trap, told, whole
from lib.recording import ErrorKind

STOP_S = 60.0
"""When anything endless ends by itself, with a FIN in the middle."""
_HTML = b"<!doctype html><html><title>Welcome</title><body><h1>Welcome to this proxy</h1></body></html>\n"
_OPEN_LINE = b'data: {"choices":[{"index":0,"delta":{"content":"'
_BLOCK = b"a" * 65536
_MEBI = 1 << 20
_BOMB_MEBI = 16
_BOMB_BLOCKS = 64
_FILLERS = 2000
_DRIP_S = 0.02
_ENDLESS = Script((), end="fin", stop_s=STOP_S)


def _refusal(name: str, line: str, naive: str, response: Callable[[Ask], Script], *errors: ErrorKind) -> Trap:
    """The same response in both modes, and nothing that is an answer."""

    def stream(ask: Ask) -> Play:
        made = response(ask)
        return Play([Part(*w) for w in made.writes], None, None, errors, made)

    return Trap(name, line, naive, ALL, stream, response)


def _endless(
    name: str, line: str, naive: str, first: int, tail: Callable[[Ask], Iterator[Part]], *errors: ErrorKind
) -> Trap:
    """`first` words as usual, then a tail that never ends; the blocking call answers."""

    def stream(ask: Ask) -> Play:
        parts = beginning(scripts.parts(told(ask), ask), first) if first else []
        return Play(parts, None, None, errors, _ENDLESS, tail(ask))

    return Trap(name, line, naive, ALL, stream, whole())


def status(status: int, message: str, code: str | None = None, **headers: str) -> Callable[[Ask], Script]:
    """An error object at once; an underscore in a header's name is a hyphen."""

    def response(ask: Ask) -> Script:
        refusal = scripts.whole(0.0, error_body(status, message, code=code), status)
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return dataclasses.replace(refusal, headers=(*refusal.headers, *more))

    return response


def _html(ask: Ask) -> Script:
    return scripts.whole(0.0, _HTML, headers=(("content-type", "text/html; charset=utf-8"),))


def _redirect(ask: Ask) -> Script:
    path = PREFIX + DIALECTS[ask.api].path
    headers = (("location", f"http://127.0.0.1:{ask.elsewhere}{path}"),)
    return scripts.whole(0.0, b"", 307, headers)


def _header_bomb(ask: Ask) -> Script:
    bomb = tuple((f"x-filler-{i}", "a" * 1000) for i in range(_FILLERS))
    return scripts.whole(0.0, b"{}", headers=(*scripts.JSON, *bomb))


def _silent(ask: Ask) -> Script:
    return Script([], end="hold")


def _paced(every_s: float, data: Iterable[bytes], start_s: float = FIRST_S) -> Iterator[Part]:
    """One after the other until STOP_S."""
    times = (start_s + i * every_s for i in count())
    return takewhile(lambda part: part.t_s < STOP_S, map(Part, times, data))


def _words(ask: Ask) -> Iterator[Part]:
    frames = FRAMES[ask.api](ask.model)
    texts = (frames.text(text, None) for text in cycle(WORDS))
    return _paced(0.005, texts, FIRST_S + KEPT * STEP_S)


def _line(ask: Ask) -> Iterator[Part]:
    return _paced(0.01, chain([_OPEN_LINE], repeat(_BLOCK)), FIRST_S + KEPT * STEP_S)


def _comments(ask: Ask) -> Iterator[Part]:
    return _paced(0.1, repeat(b": keep-alive\n\n"))


def _drip(ask: Ask) -> Play:
    """Each event byte by byte; it is told with its last one."""
    slow: list[Part] = []
    for part in scripts.parts(told(ask), ask):
        last = len(part.data) - 1
        for i in range(len(part.data)):
            t_s = round(FIRST_S + len(slow) * _DRIP_S, 6)
            slow.append(Part(t_s, part.data[i : i + 1], part.tells if i == last else ()))
    kept = [part for part in slow if part.t_s < STOP_S]
    return Play(kept, None, None, ("deadline", "cut"), _ENDLESS, ())


@cache
def _bomb() -> tuple[bytes, bytes]:
    """The beginning of a gzip stream that is inside an event, and a block of it that inflates 1,000 times."""
    packer = zlib.compressobj(wbits=31)
    opening = packer.compress(_OPEN_LINE) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks = (packer.compress(b"a" * _MEBI) for _ in range(_BOMB_MEBI))
    return opening, b"".join(blocks) + packer.flush(zlib.Z_FULL_FLUSH)


def _gzip_bomb(ask: Ask) -> Play:
    opening, block = _bomb()
    tail = islice(_paced(0.01, chain([opening], repeat(block))), 1 + _BOMB_BLOCKS)
    shape = dataclasses.replace(_ENDLESS, headers=(*SSE, ("content-encoding", "gzip")))
    return Play([], None, None, ("limit",), shape, tail)


FAULTS: tuple[Trap, ...] = (
    _refusal(
        "html",
        "Answers with an HTML page and status 200.",
        "The status is right and no event comes, so it reports an empty answer.",
        _html,
        "protocol",
    ),
    _refusal(
        "401",
        "Refuses the key.",
        "It counts a very fast call.",
        status(401, "Incorrect API key provided.", "invalid_api_key"),
        "status",
    ),
    _refusal(
        "429",
        "Says that there were too many requests.",
        "It tries again unseen, and counts the wait as the model's.",
        status(429, "Rate limit reached. Try again in 2 s.", "rate_limit_exceeded", retry_after="2"),
        "status",
    ),
    _refusal(
        "500",
        "Fails before it answers.",
        "It tries again unseen, and shows one slow call where there were three.",
        status(500, "The server had an error."),
        "status",
    ),
    _refusal(
        "redirect",
        "Sends the client to another port with a 307.",
        "It follows, and takes the prompt and the key along.",
        _redirect,
        "status",
    ),
    _refusal(
        "header-bomb",
        "Sends 2 MB of response headers.",
        "It keeps them all.",
        _header_bomb,
        "protocol", "limit",
    ),
    _refusal(
        "silent",
        "Accepts the request and never answers.",
        "It waits for as long as its library does, ten minutes or for ever.",
        _silent,
        "timeout", "deadline",
    ),
    _endless(
        "endless",
        "Never stops talking: 200 events a second until the client goes.",
        "It reads until its memory is full.",
        KEPT, _words,
        "limit", "deadline", "cut",
    ),
    _endless(
        "endless-line",
        "After 5 events, one event whose line never ends, 6 MB a second.",
        "It waits for the end of the line with all of it in memory.",
        KEPT, _line,
        "limit", "deadline", "cut",
    ),
    _endless(
        "keep-alive",
        "Sends a comment every 0.1 s and never an event.",
        "Bytes keep coming, so its timeout never strikes.",
        0, _comments,
        "deadline", "cut",
    ),
    Trap(
        "drip",
        "Sends its answer one byte at a time, 50 a second.",
        "Bytes keep coming, so its timeout never strikes; it may call each byte an event.",
        ALL, _drip, whole(),
    ),
    Trap(
        "gzip-bomb",
        "Sends 1 MB of gzip, wanted or not, that inflates to 1 GB inside one event.",
        "It inflates all of it.",
        ALL, _gzip_bomb, whole(),
    ),
)  # fmt: skip
