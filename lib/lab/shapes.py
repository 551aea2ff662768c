"""What happens to a stream on its way: its parts are held back, joined, cut or split. Pure.

Each function takes the parts of one stream in order and gives new ones; what a part tells goes with the
bytes that complete it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator

from lib.lab.frames import frame
from lib.lab.scripts import Part

HALF_STEP_S = 0.01


def moved(parts: Iterable[Part], change: Callable[[float], float]) -> list[Part]:
    """Each part at another time."""
    return [p._replace(t_s=change(p.t_s)) for p in parts]


def held(parts: Iterable[Part]) -> list[Part]:
    """Everything when the last part is due."""
    parts = list(parts)
    return moved(parts, lambda _: parts[-1].t_s)


def bursts(parts: Iterable[Part], every_s: float) -> list[Part]:
    """What is due leaves at the next multiple of `every_s`."""
    return moved(parts, lambda t_s: round(math.ceil(round(t_s / every_s, 6)) * every_s, 6))


def replayed(parts: Iterable[Part], gap_s: float) -> list[Part]:
    """Nothing until the last part is due, then one part after the other, `gap_s` apart."""
    parts = list(parts)
    return [p._replace(t_s=parts[-1].t_s + i * gap_s) for i, p in enumerate(parts)]


def beginning(parts: Iterable[Part], events: int) -> list[Part]:
    """The parts up to the given number of text events."""
    kept: list[Part] = []
    for part in parts:
        kept.append(part)
        events -= any(kind == "content" for kind, _ in part.tells)
        if not events:
            break
    return kept


def filled(parts: Iterable[Part], size: int) -> list[Part]:
    """Through a buffer that is passed on each time it is full, and at the end."""
    parts = list(parts)
    blocks: list[Part] = []
    full, held_bytes = 0, 0
    for part in parts:
        data, rest = part.data, b""
        while held_bytes + len(data) >= size:
            data, rest = data[: size - held_bytes], data[size - held_bytes :]
            blocks[full:] = [p._replace(t_s=part.t_s) for p in blocks[full:]]
            blocks.append(Part(part.t_s, data, () if rest else part.tells))
            full, held_bytes, data = len(blocks), 0, rest
        if data:
            blocks.append(Part(part.t_s, data, part.tells))
            held_bytes += len(data)
    blocks[full:] = [p._replace(t_s=parts[-1].t_s) for p in blocks[full:]]
    return blocks


def awkward(parts: Iterable[Part]) -> list[Part]:
    """Each event in a legal but rare dress, and, if it stands alone, cut where careless readers stumble."""
    pieces: list[Part] = []
    for i, part in enumerate(parts):
        data = dressed(part.data, i)
        if part.data.count(b"\n\n") > 1:
            pieces.append(Part(part.t_s + HALF_STEP_S, data, part.tells))
            continue
        cut = _CUTS[i % len(_CUTS)](data)
        # A lone CR ends a line, so the event is whole before the LF of its last CR LF.
        early = data[cut:] == b"\n"
        pieces.append(Part(part.t_s, data[:cut], part.tells if early else ()))
        pieces.append(Part(part.t_s + HALF_STEP_S, data[cut:], () if early else part.tells))
    return pieces


def dressed(data: bytes, i: int) -> bytes:
    """The same events with CR LF, a comment, an id, a retry time and JSON over two data lines."""
    fields = f": Zwischenruf № {i}\nid: {i}\nretry: 3000\n".encode()
    return (fields + data.replace(b"data: {", b"data: {\ndata: ", 1)).replace(b"\n", b"\r\n")


def with_usage(parts: Iterable[Part], prompt: int) -> Iterator[Part]:
    """A running usage in every chunk that has text, as some servers send."""
    done = 0
    for part in parts:
        if not any(kind == "content" for kind, _ in part.tells):
            yield part
            continue
        done += 1
        chunk = json.loads(part.data.removeprefix(b"data: "))
        chunk["usage"] = {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": prompt + done}
        yield Part(part.t_s, frame(chunk), (*part.tells, ("usage", "")))


def _in_character(data: bytes) -> int:
    """Inside the last character of several bytes."""
    at = max(i for i, byte in enumerate(data) if byte >= 0xC0)
    return at + 1


_CUTS: tuple[Callable[[bytes], int], ...] = (
    _in_character,
    lambda data: len(data) - 1,  # between the CR and the LF of the blank line
    lambda data: data.index(b"data: {") + 2,
    lambda data: len(data) - 2,  # before the blank line
)
