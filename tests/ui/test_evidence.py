"""The rows of every number: each has its note, whether it is missing or only to be taken with care."""

from __future__ import annotations

import dataclasses

from lib import metrics
from lib.experiment import CallResult
from lib.spec import Mode
from lib.timeline import Usage
from lib.ui.evidence import number_rows
from tests.experiments import Row, call

WORDS: list[Row] = [(1.0, "content", "One "), (1.1, "content", "two."), (2.0, "finish", "")]


def made(mode: Mode, rows: list[Row], finish: str = "stop") -> CallResult:
    found = call(0, mode, rows)
    assert found.timeline is not None
    line = dataclasses.replace(found.timeline, finish=finish, usage=Usage(completion=9))
    values, reasons = metrics.measure(line, None)
    return dataclasses.replace(found, timeline=line, recount=None, metrics=values, reasons=reasons)


def notes(streaming: CallResult) -> dict[str, str]:
    rows = number_rows(made("blocking", [(2.0, "content", "One two."), (2.0, "finish", "")]), streaming)
    return dict(zip(metrics.METRICS, rows["Note"], strict=True))


def test_a_rate_without_a_tokenizer_says_what_it_assumed() -> None:
    said = notes(made("streaming", WORDS))
    assert said["answer_tps"] == "Without a tokenizer, the first visible arrival counts as one token."
    assert said["tpot_s"] == said["answer_tps"]
    assert said["e2e_s"] == ""


def test_an_answer_that_ended_at_its_limit_says_so_beside_its_total_time() -> None:
    assert notes(made("streaming", WORDS, "length"))["e2e_s"] == "The answer ended at the token limit."


def test_bunched_delivery_is_said_beside_the_gaps() -> None:
    said = notes(made("streaming", [(1.0, "content", "a"), *WORDS]))
    assert said["gap_median_s"].startswith("Delivery was bunched: gaps describe the network or a proxy")
    assert said["coalesced_share"] == said["gap_median_s"]


def test_a_number_that_only_blocking_lacks_says_why() -> None:
    assert notes(made("streaming", WORDS))["gap_max_s"] == (
        "Blocking: Visible text arrived at fewer than two moments, so there is no gap."
    )
