"""Answers that deceive on purpose, one table entry each: model ids that start with `trap-`.

These streams are complete; those that break off are in `broken`, refusals and what never ends in
`faults`, and what every entry has in `trap`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from lib.lab import shapes
from lib.lab.asks import Ask, Refused
from lib.lab.broken import BROKEN
from lib.lab.faults import FAULTS
from lib.lab.frames import DONE, Usage, frame
from lib.lab.scripts import SSE, Answer, Part, Script
from lib.lab.steady import spoken
from lib.lab.trap import (
    ALL,
    CHAT,
    CHUNKS,
    FIRST_S,
    KEPT,
    PREFIX,
    STEP_S,
    Play,
    Trap,
    later,
    streamed,
    told,
    whole,
)

__all__ = ["PREFIX", "STALL_S", "TRAPS", "Trap", "script", "trap"]

STALL_S = 3.0
WAIT_S = 1.0
"""How late a slow answer is, or how long a hidden thought takes."""
BUFFER = 16_384
_BURST_S = 0.12
_GARBAGE = b'data: {"left":"over\n\nevent: epilogue\ndata: <html>\n\n'
_NOISE = b'event: ping\n\nevent: lab.unknown.delta\ndata: {"type":"lab.unknown.delta","delta":"no text"}\n\n'
_THOUGHTS = (" I", " should", " think", " about", " rivers", " before", " I", " speak.")
_FLOWING = ("Der", " Fluß", " trägt", " Boote,", " 水は", "静かに", "流れる。", " 🌊", " 🚣🏽‍♀️", " Ende.")
_VIA = (*SSE, ("via", "1.1 proxy.example"))
_HIDDEN = 64


def trap(name: str) -> Trap:
    """A trap by its name or its model id. Raises KeyError."""
    return TRAPS[PREFIX + name.removeprefix(PREFIX)]


def script(ask: Ask) -> Script:
    """The trap's response. Raises Refused for an unknown trap or another API kind."""
    found = TRAPS.get(ask.model)
    if found is None:
        raise Refused(404, f"There is no trap {ask.model!r} here.", param="model", code="model_not_found")
    if ask.api not in found.apis:
        sentence = f"{ask.model!r} answers through {' and '.join(found.apis)}, not through {ask.api}."
        raise Refused(404, sentence, param="model", code="wrong_api")
    return found.script(ask)


def _stalled(parts: Iterable[Part]) -> list[Part]:
    parts = list(parts)
    at = len(shapes.beginning(parts, KEPT))
    return [*parts[:at], *shapes.moved(parts[at:], lambda t_s: round(t_s + STALL_S, 6))]


def _undone(parts: Iterable[Part]) -> list[Part]:
    *kept, last = parts
    tells = tuple(t for t in last.tells if t[0] != "done")
    return [*kept, Part(last.t_s, last.data.removesuffix(DONE), tells)]


def _littered(parts: Iterable[Part]) -> list[Part]:
    parts = list(parts)
    return [*parts, Part(parts[-1].t_s + STEP_S / 4, _GARBAGE)]


def _noisy(parts: Iterable[Part]) -> list[Part]:
    return [quiet for part in parts for quiet in (Part(part.t_s, _NOISE), part)]


def _merged_finish(parts: Iterable[Part]) -> list[Part]:
    """The finish reason on the last text, for chat completions, which give it a chunk of its own."""
    *kept, text, finish, end = parts
    data = text.data.replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    return [*kept, Part(text.t_s, data, (*text.tells, *finish.tells)), end]


def _renamed(parts: Iterable[Part]) -> list[Part]:
    return [p._replace(data=p.data.replace(b'"reasoning_content":', b'"reasoning":')) for p in parts]


def _slept(ask: Ask) -> Answer:
    made = told(ask)
    return dataclasses.replace(made, blocking_s=made.blocking_s + STALL_S)


def _empty_first(ask: Ask) -> Answer:
    """A role, then white space, then words: only the words are visible."""
    made = told(ask, ("\n\n", *spoken(20)))
    blank, *words = made.pieces
    put_off = later(dataclasses.replace(made, pieces=tuple(words)), 0.3)
    return dataclasses.replace(put_off, pieces=(blank, *put_off.pieces))


def _with_blanks(parts: Iterable[Part]) -> list[Part]:
    """After the role a chunk of empty text and one without choices, as Azure sends them."""
    opening, *rest = parts
    empty = opening.data.replace(b'"role":"assistant",', b"")
    bare = frame({"id": "", "object": "chat.completion.chunk", "created": 0, "model": "", "choices": []})
    first = Part(opening.t_s, opening.data, opening.tells)
    return [
        Part(opening.t_s - STEP_S, bare),
        first,
        Part(opening.t_s + STEP_S / 2, empty, (("role", ""),)),
        *rest,
    ]


def _reasoning(ask: Ask) -> Answer:
    made = told(ask)
    thoughts = tuple((round(FIRST_S + i * STEP_S, 6), text) for i, text in enumerate(_THOUGHTS))
    usage = _thought(len(made.pieces), len(thoughts))
    return dataclasses.replace(later(made, len(thoughts) * STEP_S), reasoning=thoughts, usage=usage)


def _hidden(ask: Ask) -> Answer:
    made = told(ask)
    return dataclasses.replace(later(made, WAIT_S), usage=_thought(len(made.pieces), _HIDDEN))


def _thought(visible: int, hidden: int) -> Usage:
    return {
        "prompt_tokens": 1,
        "completion_tokens": visible + hidden,
        "total_tokens": 1 + visible + hidden,
        "completion_tokens_details": {"reasoning_tokens": hidden},
    }


def _fours(ask: Ask) -> Answer:
    """Four words an event, at the usual pace of words."""
    made = told(ask)
    texts = [text for _, text in made.pieces]
    pieces = tuple((made.pieces[i][0], "".join(texts[i : i + 4])) for i in range(0, len(texts), 4))
    return dataclasses.replace(made, pieces=pieces)


def _long(ask: Ask) -> Answer:
    return told(ask, spoken(400), step_s=0.005)


def _unreported(ask: Ask) -> Answer:
    return dataclasses.replace(told(ask), usage=None)


def _late(ask: Ask) -> Answer:
    made = later(told(ask), WAIT_S)
    return dataclasses.replace(made, opening_s=made.pieces[0][0] - STEP_S)


def _flowing(ask: Ask) -> Answer:
    return told(ask, _FLOWING, step_s=2 * STEP_S)


def _zipped(ask: Ask) -> Play:
    return streamed(shape=Script((), gzip=ask.gzip))(ask)


def _zip_held(ask: Ask) -> Play:
    if not ask.gzip:
        return streamed(shape=Script((), headers=_VIA))(ask)
    return streamed(change=shapes.held, delivery="buffered", shape=Script((), headers=_VIA, gzip=True))(ask)


_ENTRIES = (
    Trap(
        "empty-first",
        "Sends a chunk without choices, a role, an empty text and white space; words come 0.3 s later.",
        "It stops its clock at the first chunk, long before anything can be read.",
        CHAT,
        streamed(_empty_first, _with_blanks),
        whole(_empty_first),
    ),
    Trap(
        "reasoning",
        "Streams 8 pieces of reasoning before its answer.",
        "It takes reasoning for the answer, or takes the wait for slowness.",
        CHAT,
        streamed(_reasoning),
        whole(_reasoning),
    ),
    Trap(
        "reasoning-field",
        "Streams 8 pieces of reasoning in the field that OpenRouter and newer vLLM use.",
        "It knows only the other name, and reports one long silence.",
        CHAT,
        streamed(_reasoning, _renamed),
        whole(_reasoning),
    ),
    Trap(
        "hidden-reasoning",
        "Thinks for 1 s in silence: 64 reasoning tokens are reported and none is streamed.",
        "It divides all reported tokens by the time of the visible ones: a rate four times too high.",
        ALL,
        streamed(_hidden),
        whole(_hidden),
    ),
    Trap(
        "four-tokens",
        "Puts four tokens in each event.",
        "It counts events as tokens, and reports a quarter of the rate.",
        ALL,
        streamed(_fours),
        whole(_fours),
    ),
    Trap(
        "bunched",
        "Holds events back and sends them in bursts, as some proxies do.",
        "It reports gaps of zero between the events of a burst, and calls the model uneven.",
        ALL,
        streamed(change=lambda parts: shapes.bursts(parts, _BURST_S), delivery="bunched"),
        whole(),
    ),
    Trap(
        "burst-16k",
        "Passes its text on each time 16 kB have gathered.",
        "It reports the time of the buffer as the model's, and a rate of thousands.",
        ALL,
        streamed(_long, lambda parts: shapes.filled(parts, BUFFER), delivery="buffered"),
        whole(_long),
    ),
    Trap(
        "proxy",
        "A proxy in between keeps the whole stream until it is over.",
        "It says that the model does not stream.",
        ALL,
        streamed(change=shapes.held, delivery="buffered", shape=Script((), headers=_VIA)),
        whole(),
    ),
    Trap(
        "proxy-told",
        "A proxy in between that honours X-Accel-Buffering: no, and lets every event through.",
        "It blames the proxy because its header is there.",
        ALL,
        streamed(shape=Script((), headers=(*_VIA, ("x-accel-buffering", "no")))),
        whole(),
    ),
    Trap(
        "gzip",
        "Compresses each event as it leaves, when the client takes gzip.",
        "It inflates the stream as a whole, or decodes bytes that it has not inflated.",
        ALL,
        _zipped,
        whole(),
    ),
    Trap(
        "gzip-held",
        "A proxy in between keeps the stream until it is over, but only for clients that take gzip.",
        "It asks without gzip and finds nothing, though a browser would wait.",
        ALL,
        _zip_held,
        whole(),
    ),
    Trap(
        "fake",
        "Calls itself a stream and sends everything at the end.",
        "It divides by almost nothing, and reports millions of tokens a second.",
        ALL,
        streamed(change=shapes.held, delivery="replayed"),
        whole(),
    ),
    Trap(
        "replayed",
        "Waits for its whole answer, then tells it again word by word, 1 ms apart.",
        "It sees even gaps and one word in each, and believes the rate.",
        ALL,
        streamed(change=lambda parts: shapes.replayed(parts, 0.001), delivery="replayed"),
        whole(),
    ),
    Trap(
        "stall",
        "Stops for 3 s after 5 events, then goes on.",
        "It reports a mean gap of 0.18 s, which nobody saw.",
        ALL,
        streamed(change=_stalled, delivery="stalled"),
        whole(_slept),
    ),
    Trap(
        "slow-headers",
        "Sends nothing for 1 s, then headers and events at the usual pace.",
        "It takes the wait for a network problem, since no byte came.",
        ALL,
        streamed(_late),
        whole(_late),
    ),
    Trap(
        "early-headers",
        "Sends its headers at once and its first event 1 s later.",
        "It stops its clock at the headers.",
        ALL,
        streamed(_late, shape=Script((), head_s=0.0)),
        whole(_late),
    ),
    Trap(
        "split",
        "Splits characters, fields and line ends over writes; CR LF, comments, ids, data over two lines.",
        "It decodes each read alone and shows broken characters, or reports events one read late.",
        ALL,
        streamed(_flowing, shapes.awkward),
        whole(_flowing),
    ),
    Trap(
        "finish-with-text",
        "Gives its finish reason together with its last word.",
        "It drops the last word, or waits for an end that was there.",
        CHAT,
        streamed(change=_merged_finish),
        whole(),
    ),
    Trap(
        "unknown-events",
        "Sends a ping without data and an event of an unknown type before each event.",
        "It fails on the ping, or counts them as text.",
        ALL,
        streamed(change=_noisy),
        whole(),
    ),
    Trap(
        "no-done",
        "Ends without [DONE].",
        "It waits for it, or calls a whole answer cut.",
        CHUNKS,
        streamed(change=_undone),
        whole(),
    ),
    Trap(
        "after-done",
        "Sends garbage after the end of its answer.",
        "It fails on it, and loses a whole answer.",
        ALL,
        streamed(change=_littered),
        whole(),
    ),
    Trap(
        "no-usage",
        "Never reports usage, even when asked.",
        "It reports 0 tokens, or counts events in their place.",
        ALL,
        streamed(_unreported),
        whole(_unreported),
    ),
    Trap(
        "usage-everywhere",
        "Reports its usage so far in every chunk.",
        "It adds them up: 230 tokens where there were 20.",
        CHUNKS,
        streamed(change=lambda parts: shapes.with_usage(parts, 1)),
        whole(),
    ),
    *BROKEN,
    *FAULTS,
)

TRAPS: dict[str, Trap] = {entry.model: entry for entry in _ENTRIES}
"""Every trap by its model id, the deceptive ones first, then the broken and the faults."""
