"""Recordings from a script: what arrives and when, as the probe would have stamped it."""

import json
from collections.abc import Sequence
from typing import Any

from lib.recording import CallError, Clock, Instrument, Read, Recording, Request, Write
from lib.spec import Limits

BASE = 5_000_000_000_000
WALL = 1_700_000_000_000_000_000
MS = 1_000_000
INSTRUMENT = Instrument("probe", "local", "kernel", "other", 1, (("python", "3"),))


def request(api: Any = "chat.completions", mode: Any = "streaming", limits: Limits | None = None) -> Request:
    return Request(api, mode, "http://h/v1", "", "{}", "new", "identity", limits or Limits())


def recording(
    pieces: Sequence[tuple[float, bytes]],
    api: Any = "chat.completions",
    mode: Any = "streaming",
    *,
    ended: bool = True,
    error: CallError | None = None,
    status: int = 200,
    limits: Limits | None = None,
    kernel_early_ns: int | None = None,
    clocks: tuple[Clock, ...] = (),
) -> Recording:
    """`pieces`: (ms after send, bytes of the body that this read brought). Headers come at 90 ms.

    `ended`: the last piece completed the body, else it never did. `kernel_early_ns`: how much the
    kernel's stamp lies before the end of each read.
    """
    reads = [Read(BASE, BASE + 90 * MS, None, 200, 0)]
    body = b""
    for ms, data in pieces:
        body += data
        after = BASE + round(ms * MS)
        kernel = None if kernel_early_ns is None else after - kernel_early_ns + WALL - BASE
        reads.append(Read(after - MS, after, kernel, len(data) + 6, len(body)))
    return Recording(
        request=request(api, mode, limits),
        instrument=INSTRUMENT,
        wall_ms=1_700_000_000_000,
        connection="new",
        marks=(("connect.start", BASE - 3 * MS), ("connect.end", BASE - 1 * MS)),
        writes=(Write(BASE, BASE + 50_000, 300),),
        reads=tuple(reads),
        headers_read=0,
        body_read=len(reads) - 1 if ended else None,
        status=status,
        http_version="HTTP/1.1",
        headers=(),
        body=body,
        clocks=clocks,
        pauses=((BASE + 10 * MS, BASE + 20 * MS),),
        error=error,
    )


def steady_clocks(step_ns: int = 0) -> tuple[Clock, Clock]:
    """Readings 10 s apart; the wall clock moved by `step_ns` against the monotonic one in between."""
    end = 10_000 * MS
    return Clock(BASE - MS, WALL - MS, 100), Clock(BASE + end, WALL + end + step_ns, 100)


def sse(*values: Any, done: bool = True, name: str = "", end: str = "\n") -> list[bytes]:
    """One frame per value: text as it is, anything else as JSON."""
    texts = [v if isinstance(v, str) else json.dumps(v) for v in [*values, *(["[DONE]"] if done else [])]]
    head = f"event: {name}{end}" if name else ""
    return [f"{head}data: {t}{end}{end}".encode() for t in texts]


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk of chat completions."""
    return {"model": "m-1", "system_fingerprint": "fp", "choices": [
        {"index": 0, "delta": fields, "finish_reason": finish}]}  # fmt: skip


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    """A chunk of legacy completions."""
    return {"model": "m-1", "choices": [{"index": 0, "text": text, "finish_reason": finish}]}


def spoke(kind: str, text: str = "", **fields: Any) -> dict[str, Any]:
    """An event of the Responses API."""
    return {"type": f"response.{kind}", **({"delta": text} if text else {}), **fields}


USED = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "completion_tokens_details": {"reasoning_tokens": 2},
    "prompt_tokens_details": {"cached_tokens": 1},
}
USED_RESPONSES = {
    "input_tokens": 5,
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "input_tokens_details": {"cached_tokens": 1},
}
STREAMS: dict[Any, list[bytes]] = {
    "chat.completions": sse(
        delta(role="assistant", content=""),
        delta(reasoning_content="Hm. "),
        delta(content="Grüße "),
        delta(content="aus\nUlm 🙂"),
        delta("stop"),
        {"model": "m-1", "choices": [], "usage": USED},
    ),
    "completions": sse(said("Grüße "), said("aus\nUlm"), said(" 🙂", "length")),
    "responses": sse(
        spoke("created", response={"model": "m-1", "usage": None}),
        spoke("reasoning_summary_text.delta", "Hm. "),
        spoke("output_text.delta", "Grüße "),
        spoke("output_text.delta", "aus\nUlm 🙂"),
        spoke("completed", response={"model": "m-1", "usage": USED_RESPONSES}),
        done=False,
    ),
}
"""A whole answer of each API kind."""


def spaced(frames: Sequence[bytes], every: float = 100) -> list[tuple[float, bytes]]:
    """One frame a read, `every` ms, from 100 ms on."""
    return [(100 + every * i, frame) for i, frame in enumerate(frames)]
