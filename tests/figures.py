"""METRICS.md's worked example and its edge cases: timelines in a compact form, with what must come out.

Times in ms, tokens per event as a tokenizer counts them; expected values in seconds and per second.
"""

from typing import Any, NamedTuple

from lib.timeline import Event, Kind, Recount, Timeline, Usage

TEXT = (
    "Streaming shows text early, so readers begin sooner. "
    "But a stall hurts and partial text is hard to moderate."
)


class Row(NamedTuple):
    """One event."""

    read: int
    ms: int
    kind: Kind
    text: str = ""
    tokens: int = 0


ROLE = [Row(0, 100, "role")]
REASONING = [
    Row(1, 300, "reasoning", "Think: ", 2),
    Row(2, 500, "reasoning", "short and", 2),
    Row(3, 750, "reasoning", " plain", 1),
    Row(4, 1000, "reasoning", ".", 1),
]
CONTENT = [
    Row(5, 1200, "content", "Streaming", 1),
    Row(6, 1250, "content", " shows text", 2),
    Row(7, 1300, "content", " early", 1),
    Row(8, 1400, "content", ", so readers begin", 4),
    Row(8, 1400, "content", " sooner.", 2),
    Row(9, 1900, "content", " But a stall", 3),
    Row(10, 1950, "content", " hurts", 1),
    Row(11, 2050, "content", " and partial text", 4),
    Row(12, 2150, "content", " is hard", 2),
    Row(13, 2200, "content", " to moderate.", 4),
]
FINISH = [Row(14, 2220, "finish")]
USAGE = [Row(15, 2250, "usage")]
DONE = [Row(15, 2250, "done")]
REPORTED = Usage(prompt=12, completion=31, reasoning=6, cached=0)


class Case(NamedTuple):
    """A timeline, its recount and what must come out."""

    timeline: Timeline
    recount: Recount
    expect: dict[str, Any]


def streaming(
    rows: list[Row],
    usage: Usage | None = REPORTED,
    *,
    headers: int = 90,
    first: int = 100,
    eof: int = 2260,
    finish: str | None = "stop",
    complete: bool = True,
) -> tuple[Timeline, Recount]:
    """Each row is a frame of its own, ten bytes long."""
    events = tuple(
        Event(r.ms * 1_000_000, r.kind, finish or "" if r.kind == "finish" else "", r.text, len(r.text),
              r.read, 10 * i, 10 * i + 10)
        for i, r in enumerate(rows)
    )  # fmt: skip
    marks = {"headers": headers, "first_byte": first} | ({"eof": eof} if complete else {})
    timeline = _timeline("streaming", events, marks, usage, finish, complete=complete)
    return timeline, Recount("cl100k_base", "exact", tuple(r.tokens for r in rows))


def blocking(text: str = TEXT, usage: Usage | None = REPORTED, end: int = 2300) -> tuple[Timeline, Recount]:
    """The same answer in one piece."""
    events = tuple(
        Event(end * 1_000_000, kind, sub, t, len(t), 0, 0, 500)
        for kind, sub, t in (("content", "", text), ("finish", "stop", ""), ("usage", "", ""))
        if t or kind != "content"
    )
    marks = {"headers": 2280, "first_byte": 2290, "eof": end}
    tokens = tuple(24 if e.kind == "content" else 0 for e in events)
    return _timeline("blocking", events, marks, usage, "stop", complete=True), Recount(
        "cl100k_base", "exact", tokens
    )


def _timeline(
    mode: Any, events: Any, marks: dict[str, int], usage: Usage | None, finish: str | None, *, complete: bool
) -> Timeline:
    return Timeline(
        version=1,
        source="measured",
        api="chat.completions",
        mode=mode,
        connection="reused",
        t_send_monotonic_ns=0,
        marks=tuple((name, ms * 1_000_000) for name, ms in marks.items()),
        reads=(),
        events=events,
        usage=usage,
        model=None,
        fingerprint=None,
        finish=finish,
        complete=complete,
        why="",
        error=None,
        pauses=(),
    )


WORKED = Case(
    *streaming([*ROLE, *REASONING, *CONTENT, *FINISH, *USAGE, *DONE]),
    {
        "headers_s": 0.09,
        "ttfb_s": 0.1,
        "ttfe_s": 0.1,
        "ttft_s": 0.3,
        "ttfo_s": 1.2,
        "ttfs_s": 1.9,
        "last_content_s": 2.2,
        "e2e_s": 2.22,
        "eof_s": 2.26,
        "reasoning_s": 0.9,
        "answer_s": 1.0,
        "content_events": 10,
        "content_arrivals": 9,
        "coalesced_share": 0.1,
        "gap_median_s": 0.075,
        "gap_p95_s": 0.36,
        "gap_max_s": 0.5,
        "gap_cv": 1.1489125293076057,
        "freeze_count": 1,
        "freeze_s": 0.5,
        "tokens_recount_content": 24,
        "tokens_recount_reasoning": 6,
        "visible_tokens": 25,
        "visible_tokens_source": "reported",
        "first_arrival_tokens": 1,
        "answer_tps": 24,
        "tpot_s": 0.041666667,
        "e2e_tps": 13.963963964,
        "tokens_per_content_event": 2.4,
        # phases
        "request_to_headers": 0.09,
        "headers_to_first_event": 0.01,
        "first_event_to_first_token": 0.2,
        "reasoning": 0.9,
        "answer": 1.0,
        "tail": 0.06,
        # completeness
        "t50_s": 1.9,
        "t90_s": 2.2,
        "t100_s": 2.2,
        "speed_index_s": 1.702777778,
        # tokens
        "reported_completion": 31,
        "reported_reasoning": 6,
        "unexplained": 1,
        "text_events": 14,
        "events_as_tokens_rate": 9,
        "rate_error": -0.625,
        "tokens_per_text_event": 2.142857143,
    },
)
GAPS_S = [0.05, 0.05, 0.1, 0.5, 0.05, 0.1, 0.1, 0.05]
CURVE = [
    (1.2, 9, 0.083333333),
    (1.25, 20, 0.185185185),
    (1.3, 26, 0.240740741),
    (1.4, 52, 0.481481481),
    (1.9, 64, 0.592592593),
    (1.95, 70, 0.648148148),
    (2.05, 87, 0.805555556),
    (2.15, 95, 0.87962963),
    (2.2, 108, 1.0),
]
WINDOW_500MS = {1.4: 20.0, 1.9: 6.0, 2.05: 16.0, 2.2: 28.0}
PAIR = {
    "blocking_speed_index_s": 2.3,
    "head_start_first_s": 1.1,
    "mean_head_start_s": 0.597222222,
    "total_difference_s": 0.08,
    "text_equal": True,
    "common_prefix_chars": 108,
    "blocking_chars": 108,
    "streaming_chars": 108,
}

EDGES = {
    # Reasoning billed, never streamed: it must not enter the answer rate.
    "hidden_reasoning": Case(
        *streaming([*ROLE, *CONTENT, *FINISH, *USAGE, *DONE], Usage(12, 625, 600, 0)),
        {
            "ttfe_s": 0.1, "ttft_s": 1.2, "ttfo_s": 1.2, "e2e_s": 2.22, "content_arrivals": 9,
            "coalesced_share": 0.1, "gap_max_s": 0.5, "freeze_count": 1, "visible_tokens": 25,
            "visible_tokens_source": "reported", "answer_tps": 24, "tpot_s": 0.041666667,
            "e2e_tps": 281.531531532,
        },
    ),
    # No usage: visible tokens come from the recount, and say so.
    "no_usage": Case(
        *streaming([*ROLE, *REASONING, *CONTENT, *FINISH, *DONE], None),
        {
            "ttfe_s": 0.1, "ttft_s": 0.3, "ttfo_s": 1.2, "e2e_s": 2.22, "content_arrivals": 9,
            "coalesced_share": 0.1, "gap_max_s": 0.5, "freeze_count": 1, "visible_tokens": 24,
            "visible_tokens_source": "recount", "answer_tps": 23, "tpot_s": 0.043478261, "e2e_tps": None,
        },
    ),
    # A proxy held everything back: no gap, no rate.
    "buffered_one_read": Case(
        *streaming(
            [r._replace(read=0, ms=2200) for r in [*ROLE, *CONTENT, *FINISH, *USAGE, *DONE]],
            headers=2190,
            first=2200,
        ),
        {
            "ttfe_s": 2.2, "ttft_s": 2.2, "ttfo_s": 2.2, "e2e_s": 2.2, "content_arrivals": 1,
            "coalesced_share": 0.9, "gap_max_s": None, "freeze_count": 0, "visible_tokens": 25,
            "visible_tokens_source": "reported", "answer_tps": None, "tpot_s": None,
            "e2e_tps": 14.090909091,
        },
    ),
    # No text at all: times to something are null, never 0.
    "empty_answer": Case(
        *streaming([*ROLE, *FINISH, *USAGE, *DONE], Usage(12, 1, 0, 0)),
        {
            "ttfe_s": 0.1, "ttft_s": None, "ttfo_s": None, "e2e_s": 2.22, "content_arrivals": 0,
            "coalesced_share": None, "gap_max_s": None, "freeze_count": 0, "visible_tokens": 1,
            "visible_tokens_source": "reported", "answer_tps": None, "tpot_s": None, "e2e_tps": 0.45045045,
        },
    ),
    # The connection was lost before the finish: the total is censored.
    "cut_short": Case(
        *streaming([*ROLE, *REASONING, *CONTENT[:7]], None, finish=None, complete=False),
        {
            "ttfe_s": 0.1, "ttft_s": 0.3, "ttfo_s": 1.2, "e2e_s": None, "content_arrivals": 6,
            "coalesced_share": 0.142857143, "gap_max_s": 0.5, "freeze_count": 1, "visible_tokens": 14,
            "visible_tokens_source": "recount", "answer_tps": 17.333333333, "tpot_s": 0.057692308,
            "e2e_tps": None,
        },
    ),
}  # fmt: skip
