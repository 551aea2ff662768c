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
_PAIR = (
    Term("blocking_speed_index_s", "mean time a character took, blocking", "s",
         "speed_index_s of the blocking call", "no visible text, or cut short", "measured"),
    Term("head_start_first_s", "first text earlier by", "s",
         "e2e_s of blocking - ttfo_s of streaming", _BOTH, "measured"),
    Term("mean_head_start_s", "text earlier by, on the mean", "s",
         "speed_index_s of blocking - of streaming: the area between the curves", _BOTH, "measured"),
    Term("total_difference_s", "end earlier by", "s", "e2e_s of blocking - of streaming", _BOTH, "measured"),
    Term("text_equal", "same text", "", "whether both texts are the same", "either call cut", "counted"),
    Term("common_prefix_chars", "characters before the texts part", "characters",
         "length of the common beginning", "either call cut", "counted"),
    Term("blocking_chars", "length, blocking", "characters", "visible characters", "never", "counted"),
    Term("streaming_chars", "length, streaming", "characters", "visible characters", "never", "counted"),
)  # fmt: skip
_FEW, _LOST = "fewer than 6 pairs", "fewer than 6 pairs, or a call failed"
_COMPARED = (
    Term("n", "pairs", "", "pairs of which both numbers are known, or one call failed", "never", "counted"),
    Term("censored", "pairs with a failed call", "", "pairs of which one call failed or was cut; it keeps "
         "the worst rank", "never", "counted"),
    Term("ratio", "mean ratio", "", "exp(mean of ln(streaming / blocking))", "a call failed", "measured"),
    Term("interval", "its interval, 95 %", "", "t interval of the mean log ratio", _LOST, "measured"),
    Term("t_p", "p of the t test", "", "one-sample t test of the log ratios against 0", _LOST, "measured"),
    Term("wilcoxon_p", "p of the check", "", "Wilcoxon's signed-rank test of the log ratios", _LOST,
         "measured"),
    Term("median_ratio", "median ratio", "", "exp(median of the log ratios)", "it falls on a failed call",
         "measured"),
    Term("median_interval", "its interval, 95 %", "", "exact, of order statistics", _FEW, "measured"),
    Term("difference", "median difference", "the number's own", "median of streaming - blocking",
         "it falls on a failed call", "measured"),
    Term("difference_interval", "its interval, 95 %", "the number's own", "exact, of order statistics", _FEW,
         "measured"),
    Term("tost_p", "p of equality", "", "two one-sided t tests with bounds ln(1 - m) and ln(1 + m)",
         "no margin m was declared, or a call failed", "measured"),
    Term("holm_p", "p among all arms", "", "Holm's correction over the arms that have a verdict", _FEW,
         "measured"),
)  # fmt: skip


def sections() -> tuple[Section, ...]:
    """In the order they are read."""
    return (
        Section("One call", "Times are in seconds after the request was sent.", terms(METRICS)),
        Section("One call and its reader", "At a speed in characters a second.", terms(READER)),
        Section("One pair", "Positive where streaming was earlier.", _PAIR),
        Section("Many pairs", "Streaming against blocking, or one model against another.", _COMPARED),
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
