"""METRICS.md section 5: the same call under other names, as other tools would have reported it. Pure.

One function per tool, from the same events. The names are theirs, the definitions as read in their code or
documents; each row says why it differs from ours. None of these numbers is drawn beside ours in one chart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from lib.facts import NO_RECOUNT, NO_TEXT, Facts, Unknown, frame_times
from lib.reader import DEADLINES, Deadlines, Reader, Reading, fluidity_index
from lib.timeline import Recount, Timeline

WHOLE_BENCHMARK = "It divides by the time of a whole benchmark, which one call does not have."
FAILED = "A call without a sure end is a failed one there, and gets no numbers."
NOT_STREAMED = "The call was not streamed."
WHITE = "white space alone stops the clock"
ROLE = "a chunk that only names the role stops the clock"
WAIT = "the wait before the first token is part of it"
REASONED = "reasoning counts as the first token"
TAIL = "what follows the answer is part of it"
TOO_FEW = "There are fewer than two tokens, so there is no time between them."


@dataclass(frozen=True, slots=True)
class Row:
    """One number of one tool. `name`: as it is called there; `ours`: our nearest metric's name, or "".

    `value` None: `reason` says why. `definition`: what it is, in our words; `why`: how that differs.
    """

    tool: str
    name: str
    value: float | None
    unit: str
    definition: str
    why: str
    ours: str = ""
    reason: str | None = None


Asked = tuple[str, str, Callable[[], float], str, str, str]
"""(name, unit, number, definition, why, ours)."""


def vllm_bench(f: Facts) -> tuple[Row, ...]:
    """vLLM's `bench serve` on chat completions."""
    chunks = _Times(frame_times(e for e in f.timeline.events if e.kind in _CHOICES or e.sub == "tool"))
    every = "every chunk counts, with text or without"
    return _rows(f, "vLLM bench", [
        ("TTFT", "s", chunks.first, "first chunk with choices", ROLE, "ttfe_s"),
        ("E2EL", "s", chunks.last, "last chunk with choices", "the chunk with the finish reason ends it",
         "e2e_s"),
        ("TPOT", "s", lambda: _each(chunks.span(), f.reported("completion")), "(E2EL - TTFT) / (tokens - 1)",
         "the wait for reasoning is spread over all tokens", "tpot_s"),
        ("mean ITL", "s", lambda: fmean(chunks.gaps()), "mean gap between chunks", every, ""),
        ("median ITL", "s", lambda: median(chunks.gaps()), "median gap between chunks",
         f"{every}; chunks of one read are 0 apart", "gap_median_s"),
        ("output throughput", "tokens/s", lambda: _no(WHOLE_BENCHMARK), "tokens / duration of the benchmark",
         "it is a rate of the server under load, not of a call", "e2e_tps"),
    ])  # fmt: skip


def aiperf(f: Facts) -> tuple[Row, ...]:
    """AIPerf, with tokens as its own tokenizer counts them."""
    texts = _Times(f.text_times)

    def itl() -> float:
        return _each(texts.span(), _recount(f))

    return _rows(f, "AIPerf", [
        ("TTFT", "s", texts.first, "first chunk with text", REASONED, "ttft_s"),
        ("TTST", "s", lambda: texts.gaps()[0], "second chunk with text - first", "chunks, not tokens", ""),
        ("TTFO", "s", lambda: _content(f).first(), "first chunk with content",
         WHITE, "ttfo_s"),
        ("request latency", "s", texts.last, "last chunk with text", "the finish reason is not waited for",
         "last_content_s"),
        ("OSL", "tokens", lambda: _recount(f), "recounted tokens, reasoning included",
         "not what the server bills", "tokens_recount_content"),
        ("ITL", "s", itl, "(latency - TTFT) / (OSL - 1)", "a mean per token, not a gap; reasoning included",
         "tpot_s"),
        ("ITL, server's count", "s", lambda: _each(texts.span(), f.reported("completion")),
         "(latency - TTFT) / (reported tokens - 1)", "the same with the server's count", "tpot_s"),
        ("mean ICL", "s", lambda: fmean(texts.gaps()), "mean gap between chunks with text",
         "chunks of one read are 0 apart", ""),
        ("tokens per second per user", "tokens/s", lambda: _over(1, itl()), "1 / ITL", "reasoning included",
         "answer_tps"),
        ("output throughput", "tokens/s", lambda: _over(_recount(f), texts.last()), "OSL / latency",
         WAIT, "e2e_tps"),
        ("prefill throughput", "tokens/s", lambda: _over(f.reported("prompt"), texts.first()),
         "prompt tokens / TTFT", "network and queue are part of it", ""),
    ])  # fmt: skip


def guidellm(f: Facts) -> tuple[Row, ...]:
    """GuideLLM, with tokens as the server reports them."""
    texts = _Times(f.text_times)

    def end() -> float:
        done = [e.t_ns / 1e9 for e in f.timeline.events if e.kind == "done"]
        return done[0] if done else _closed(f)

    return _rows(f, "GuideLLM", [
        ("TTFT", "s", texts.first, "first chunk with text", REASONED, "ttft_s"),
        ("TTFOT", "s", lambda: _content(f).first(), "first chunk with content",
         WHITE, "ttfo_s"),
        ("request latency", "s", end, "after [DONE]", "usage and [DONE] are waited for", "e2e_s"),
        ("TPOT", "s", lambda: _over(texts.last(), f.reported("completion")), "last text / tokens",
         WAIT, "tpot_s"),
        ("ITL", "s", lambda: _each(texts.span(), f.reported("completion")),
         "(last text - TTFT) / (tokens - 1)", "a mean per token, not a gap; reasoning included", "tpot_s"),
        ("output tokens per second", "tokens/s", lambda: _over(f.reported("completion"), end()),
         "tokens / latency", WAIT, "e2e_tps"),
    ])  # fmt: skip


def llmperf(f: Facts) -> tuple[Row, ...]:
    """LLMPerf."""
    chunks = frame_times(e for e in f.timeline.events if e.kind in _CHOICES or e.sub == "tool")
    return _rows(f, "LLMPerf", [
        ("TTFT", "s", lambda: _content(f).first(), "first chunk with content",
         "reasoning is part of the wait; white space alone stops the clock", "ttfo_s"),
        ("chunks counted as tokens", "", lambda: len(chunks), "chunks with choices",
         "chunks are not tokens, and some hold none", "content_events"),
        ("end-to-end latency", "s", lambda: _closed(f), "stream closed", TAIL, "eof_s"),
        ("inter-token latency", "s", lambda: _over(_content(f).last(), len(chunks)),
         "last content / chunks", "the wait before the first token is part of it, and chunks are not tokens",
         "tpot_s"),
        ("output throughput", "tokens/s", lambda: _over(f.content_tokens, _closed(f)),
         "recounted visible tokens / latency", WAIT, "e2e_tps"),
    ])  # fmt: skip


def etalon(f: Facts, deadlines: Deadlines = DEADLINES) -> tuple[Row, ...]:
    """Etalon. Its fluidity index depends on the deadlines, so the row names them."""
    reading = Reading(f, Reader(1), deadlines=deadlines)
    due = f"deadlines {deadlines.first_s:g} s and {deadlines.token_s:g} s"
    return _rows(f, "Etalon", [
        ("TTFT", "s", lambda: _content(f).first(), "first chunk with content",
         "reasoning is part of the wait; white space alone stops the clock", "ttfo_s"),
        ("end-to-end latency", "s", lambda: _content(f).last(), "last chunk with content",
         "the finish reason is not waited for", "last_content_s"),
        ("TPOT", "s", lambda: _each(_content(f).span(), f.content_tokens), "mean gap per recounted token",
         "tokens of one chunk are 0 apart", "tpot_s"),
        ("output throughput", "tokens/s", lambda: _over(f.content_tokens, _content(f).last()),
         "recounted visible tokens / latency", WAIT, "e2e_tps"),
        ("fluidity index", "", lambda: fluidity_index(reading), f"share of token deadlines met, {due}",
         "it is a share, and of deadlines that someone chose", "fluidity_index"),
    ])  # fmt: skip


def mlperf(f: Facts) -> tuple[Row, ...]:
    """MLPerf's loadgen; the tested system reports its first token there, here the first text stands in."""
    first = _Times(f.text_times).first
    return _rows(f, "MLPerf loadgen", [
        ("TTFT", "s", first, "first token as the tested system reports it; here the first text",
         "the system measures itself", "ttft_s"),
        ("latency", "s", lambda: f.e2e_ns / 1e9, "sample complete; here the finish", "as ours", "e2e_s"),
        ("TPOT", "s", lambda: _each(f.e2e_ns / 1e9 - first(), f.reported("completion")),
         "(latency - TTFT) / (tokens - 1)", "reasoning included", "tpot_s"),
        ("tokens per second", "tokens/s", lambda: _no(WHOLE_BENCHMARK), "tokens / duration of the benchmark",
         "it is a rate of the server under load, not of a call", "e2e_tps"),
    ])  # fmt: skip


def opentelemetry(f: Facts) -> tuple[Row, ...]:
    """OpenTelemetry's GenAI client metrics, and the server's time per token from where a client stands."""
    chunks = _Times(frame_times(e for e in f.timeline.events if e.kind not in ("comment", "done")))
    first = _Times(f.text_times).first
    tool, any_kind = "OpenTelemetry", "chunks of any kind count, usage included"
    duration: Asked = (
        "gen_ai.client.operation.duration", "s", lambda: _closed(f), "the operation ends",
        TAIL, "eof_s",
    )  # fmt: skip
    streamed = _rows(f, tool, [
        ("gen_ai.client.operation.time_to_first_chunk", "s", chunks.first, "first chunk of any kind",
         ROLE, "ttfe_s"),
        ("gen_ai.client.operation.time_per_output_chunk", "s", lambda: fmean(chunks.gaps()),
         "gap of every chunk after the first, here their mean", any_kind, ""),
        ("gen_ai.server.time_per_output_token", "s",
         lambda: _each(_closed(f) - first(), f.reported("completion")),
         "(end - first text) / (tokens - 1), by a client's clock", "the server's clock has no network in it",
         "tpot_s"),
    ])  # fmt: skip
    return (streamed[0], streamed[1], *_rows(f, tool, [duration], streamed=False), streamed[2])


def artificial_analysis(f: Facts) -> tuple[Row, ...]:
    """Artificial Analysis, with our recount for its tokens."""
    texts = _Times(f.text_times)

    def visible() -> float:
        tokens = f.content_tokens - _early(f, "content")
        return _over(tokens, _content(f).span())

    return _rows(f, "Artificial Analysis", [
        ("TTFT", "s", texts.first, "first chunk with text", REASONED, "ttft_s"),
        ("time to first answer token", "s", lambda: _content(f).first(), "first chunk with content",
         WHITE, "ttfo_s"),
        ("output speed, answer", "tokens/s", visible, "tokens after the first chunk with content / time",
         "tokens are recounted", "answer_tps"),
        ("output speed, with reasoning", "tokens/s",
         lambda: _over(_recount(f) - _early(f, "reasoning", "content"), texts.span()),
         "tokens after the first chunk with text / time", "the pause before the answer is part of it", ""),
        ("end-to-end, 500 tokens", "s", lambda: _content(f).first() + _over(500, visible()),
         "time to first answer token + 500 / output speed", "worked out, not measured", "e2e_s"),
    ])  # fmt: skip


def cookbook(f: Facts) -> tuple[Row, ...]:
    """The notebook this project began with: a clock around each chunk the client hands over."""
    chunks = _Times(frame_times(e for e in f.timeline.events if e.kind not in ("comment", "done")))
    return _rows(f, "OpenAI Cookbook", [
        ("time of the first chunk", "s", chunks.first, "first chunk of any kind",
         ROLE, "ttfe_s"),
        ("full response", "s", chunks.last, "last chunk of any kind", "the usage chunk is waited for",
         "e2e_s"),
    ])  # fmt: skip


TOOLS: tuple[Callable[[Facts], tuple[Row, ...]], ...] = (
    vllm_bench, aiperf, guidellm, llmperf, etalon, mlperf, opentelemetry, artificial_analysis, cookbook,
)  # fmt: skip
"""In the order of the table."""


def table(timeline: Timeline, recount: Recount | None) -> tuple[Row, ...]:
    """Every number of every tool from one call's events, nulls with their reason."""
    facts = Facts(timeline, recount)
    return tuple(row for tool in TOOLS for row in tool(facts))


_CHOICES = frozenset({"role", "reasoning", "content", "finish"})
"""What a chunk with `choices` carries; usage comes in one without."""


@dataclass(frozen=True, slots=True)
class _Times:
    """When each chunk of a class came, ns, in order."""

    at: list[int]

    def first(self) -> float:
        return self._some()[0] / 1e9

    def last(self) -> float:
        return self._some()[-1] / 1e9

    def span(self) -> float:
        return (self._some()[-1] - self.at[0]) / 1e9

    def gaps(self) -> list[float]:
        if len(self._some()) < 2:
            raise Unknown("There is one such chunk, so there is no gap.")
        return [(b - a) / 1e9 for a, b in pairwise(self.at)]

    def _some(self) -> list[int]:
        if not self.at:
            raise Unknown("No such chunk arrived.")
        return self.at


def _content(f: Facts) -> _Times:
    return _Times(f.visible_times)


def _rows(f: Facts, tool: str, asked: list[Asked], *, streamed: bool = True) -> tuple[Row, ...]:
    """Each number asked for; none of a failed call, nor of a blocking one unless `streamed` is False."""
    found = []
    for name, unit, of, definition, why, ours in asked:
        value, reason = None, None
        try:
            if not f.timeline.complete:
                raise Unknown(FAILED)
            if f.blocking and streamed:
                raise Unknown(NOT_STREAMED)
            value = float(of())
        except Unknown as unknown:
            reason = str(unknown)
        found.append(Row(tool, name, value, unit, definition, why, ours, reason))
    return tuple(found)


def _no(reason: str) -> float:
    raise Unknown(reason)


def _closed(f: Facts) -> float:
    """When the body was complete, s."""
    if "eof" not in f.marks:
        raise Unknown("When the stream ended is not known.")
    return f.marks["eof"] / 1e9


def _recount(f: Facts) -> int:
    """Recounted tokens, reasoning included."""
    return f.content_tokens + f.reasoning_tokens


def _early(f: Facts, *kinds: str) -> int:
    """Recounted tokens of the first frame with text of these kinds."""
    if f.recount is None:
        raise Unknown(NO_RECOUNT)
    rows = zip(f.timeline.events, f.recount.tokens, strict=True)
    texts = [(e, n) for e, n in rows if e.kind in kinds]
    if not texts:
        raise Unknown(NO_TEXT)
    first = texts[0][0]
    return sum(n for e, n in texts if e is first or (e.end and e.end == first.end))


def _each(seconds: float, tokens: int) -> float:
    """seconds / (tokens - 1)."""
    if tokens < 2:
        raise Unknown(TOO_FEW)
    return seconds / (tokens - 1)


def _over(amount: float, of: float) -> float:
    if of <= 0:
        raise Unknown("There is nothing to divide by: no time passed, or nothing was counted.")
    return amount / of
