"""The packed events of the hero's lanes, taken apart again, for tests of what they hold."""

import re
from itertools import accumulate
from typing import Any


def events(lane: dict[str, Any]) -> list[tuple[float, str, str]]:
    """(seconds, kind, text) of each event. Sizes count UTF-16 units, as browsers do."""
    words = lane["kinds"].split()
    kinds = [k for k, n in zip(words[::2], words[1::2], strict=True) for _ in range(int(n))]
    times = accumulate(int(step) for step in lane["dt"].split())
    sizes = iter([int(long or one) for long, one in re.findall(r"\((\d+)\)|(\d)", lane["sizes"])])
    units, at, found = lane["text"].encode("utf-16-le", "surrogatepass"), 0, []
    for t, kind in zip(times, kinds, strict=True):
        size = 2 * next(sizes) if kind in ("reasoning", "content") else 0
        found.append((t / 10_000, kind, units[at : at + size].decode("utf-16-le", "surrogatepass")))
        at += size
    assert at == len(units)
    assert next(sizes, None) is None
    return found


def times(lane: dict[str, Any]) -> list[float]:
    """When its events came."""
    return [t for t, _, _ in events(lane)]
