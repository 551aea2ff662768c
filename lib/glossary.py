"""Every number in one list: name, unit, formula, when it is missing, source. Pure.

Taken from the tables that also make the numbers; docs/metrics.md and the Method page are drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lib.metrics import METRICS, Metric, definition
from lib.reader import READER


class Term(NamedTuple):
    """One number. `label`: plain words; `null`: when there is none; `source`: who measured or counted it."""

    name: str
    label: str
    unit: str
    formula: str
    null: str
    source: str


class Section(NamedTuple):
    """Numbers of one kind, under a heading with a sentence of what they are of."""

    title: str
    said: str
    terms: tuple[Term, ...]


_BOTH = "either call cut or without visible text"
_TEXTS = "either call cut, or a text withheld"
_PAIR = (
    Term("blocking_speed_index_s", "mean time a character took, blocking", "s",
         "speed_index_s of the blocking call", "no visible text, or cut short", "measured"),
    Term("head_start_first_s", "first text earlier by", "s",
         "e2e_s of blocking - ttfo_s of streaming", "blocking cut, or streaming without visible text",
         "measured"),
    Term("mean_head_start_s", "text earlier by, on the mean", "s",
         "speed_index_s of blocking - of streaming: the area between the curves", _BOTH, "measured"),
    Term("total_difference_s", "end earlier by", "s", "e2e_s of blocking - of streaming", "either call cut",
         "measured"),
    Term("text_equal", "same text", "", "whether both texts are the same", _TEXTS, "counted"),
    Term("common_prefix_chars", "characters before the texts part", "characters",
         "length of the common beginning", _TEXTS, "counted"),
    Term("blocking_chars", "length, blocking", "characters", "visible characters", "never", "counted"),
    Term("streaming_chars", "length, streaming", "characters", "visible characters", "never", "counted"),
)  # fmt: skip
_FEW, _LOST = "fewer than 6 pairs", "fewer than 6 pairs, or a call failed"
_COMPARED = (
    Term("n", "pairs", "", "pairs of which both numbers are known, or one call failed", "never", "counted"),
    Term("kind", "verdict", "", "shown: the interval and the check exclude no difference; not settled: one "
         "does; equal: neither does and tost_p < 0.05; none; too few", "never", "counted"),
    Term("censored", "pairs with a failed call", "", "pairs of which one call failed or was cut; it keeps "
         "the worst rank", "never", "counted"),
    Term("both_failed", "pairs left out, both calls failed", "", "pairs of which both calls failed",
         "never", "counted"),
    Term("unknown", "pairs left out, a number is not known", "", "pairs of which a whole call lacks the "
         "number", "never", "counted"),
    Term("ratio", "mean ratio", "", "exp(mean of ln(streaming / blocking))", "a call failed", "measured"),
    Term("interval", "its interval, 95 %", "", "t interval of the mean log ratio", _LOST, "measured"),
    Term("t_p", "p of the t test", "", "one-sample t test of the log ratios against 0", _LOST, "measured"),
    Term("wilcoxon_p", "p of the check", "", "Wilcoxon's signed-rank test of the log ratios", _LOST,
         "measured"),
    Term("median_ratio", "median ratio", "", "exp(median of the log ratios)", "it falls on a failed call",
         "measured"),
    Term("median_interval", "its interval, 95 %", "", "exact, of order statistics", _FEW, "measured"),
    Term("median_p", "p of the median", "", "exact test of the median log ratio against 0", _FEW, "measured"),
    Term("difference", "median difference", "the number's own", "median of streaming - blocking",
         "it falls on a failed call", "measured"),
    Term("difference_interval", "its interval, 95 %", "the number's own", "exact, of order statistics", _FEW,
         "measured"),
    Term("tost_p", "p of equality", "", "two one-sided t tests with bounds ln(1 - m) and ln(1 + m)",
         "no margin m was declared, or a call failed", "measured"),
    Term("holm_p", "p among all models", "", "Holm's correction over the models that have a verdict", _FEW,
         "measured"),
)  # fmt: skip
_EXPERIMENT = (
    Term("success", "calls that came whole", "", "calls that came whole / calls that were made, with "
         "Wilson's interval; one that was cancelled under way is not counted", "no call was made", "counted"),
    Term("goodput_share", "calls that were good", "", "calls that came whole and hold every limit / calls "
         "that were made; a limit is at most, of a rate at least", "no limit was set", "counted"),
    Term("goodput", "good calls a second", "1/s", "good calls / time from the start of the first call to the "
         "end of the last", "no limit was set, or the time is unknown", "counted"),
    Term("percentile", "half of the calls, 95 % of the calls", "the number's own", "interpolated linearly, a "
         "failed call as the worst; interval exact, of order statistics: that of 95 % has no upper end below "
         "72 calls, that of 99 % below 368", "fewer than 20 calls, for 95 %", "measured"),
    Term("shifts", "streaming minus blocking at each tenth", "the number's own", "difference of both "
         "deciles; interval from two exact ones of 97.5 %", "a mode has no calls", "measured"),
    Term("drift", "change during the run", "", "Theil and Sen's slope of the logs over the run order; p of "
         "Spearman's rank correlation", "fewer than 6 calls, or they never change", "measured"),
    Term("pairs_needed", "pairs it takes to see a difference", "pairs", "pairs with which a t test at 5 % "
         "sees it in four of five experiments, at an earlier run's spread", "no earlier run of the same",
         "counted"),
    Term("window_rate", "rate in a sliding window", "tokens/s", "tokens in (t - w, t] / w, at each arrival "
         "and w after it; w is 1 s unless set", "no tokenizer", "recounted"),
    Term("cost_usd", "cost", "US dollars", "sum of tokens x price, cached input apart, exact decimals; the "
         "price table's date is shown", "the price or the tokens are unknown", "reported"),
)  # fmt: skip


def sections() -> tuple[Section, ...]:
    """In the order they are read."""
    return (
        Section("One call", "Times are in seconds after the request was sent.", terms(METRICS)),
        Section("One call and its reader", "At a speed in characters a second.", terms(READER)),
        Section("One pair", "Positive where streaming was earlier.", _PAIR),
        Section("Many pairs", "Streaming against blocking, or one model against another.", _COMPARED),
        Section("A whole experiment", "Of all its calls, or of one of them with a setting.", _EXPERIMENT),
    )


def terms(table: Mapping[str, Metric[Any]]) -> tuple[Term, ...]:
    """The rows of a table of metrics."""
    return tuple(Term(m.name, m.label, m.unit, m.formula, m.null, m.source) for m in table.values())


def markdown() -> str:
    """The whole list as a page of docs."""
    head = (
        "# Every number\n\n"
        "Made from the tables that make the numbers (`python -c 'from lib.glossary import markdown; "
        'print(markdown(), end="")\'`); a test holds both equal.\n'
        f"Definitions {definition()}. A number that cannot be known is null, with a reason, never 0.\n"
    )
    return head + "".join(_section(section) for section in sections())


def _section(section: Section) -> str:
    lines = [
        f"\n## {section.title}\n",
        f"{section.said}\n",
        "| Name | In words | Unit | How it is made | Missing when | Source |",
        "|---|---|---|---|---|---|",
        *(_line((f"`{t.name}`", *t[1:])) for t in section.terms),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
