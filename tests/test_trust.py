"""Which numbers belong together, and what makes calls less comparable than they look."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from lib.calibration import Calibration
from lib.comparison import Pair
from lib.experiment import CallResult, Experiment
from lib.outline import from_json, to_json
from lib.sample import arms, good, modes, numbers, pairs, success
from lib.spec import Mode
from lib.timeline import Usage, decode
from lib.trust import doubts
from lib.verdict import verdict
from tests.experiments import call, experiment
from tests.recorded import delta, recording, spaced, sse

Change = Callable[[CallResult], CallResult]


def run(
    n: int = 8,
    *,
    blocking: float = 2.0,
    streaming: float = 1.0,
    arm: int = 0,
    change: dict[tuple[int, Mode], Change] | None = None,
) -> list[CallResult]:
    """`n` pairs of which streaming shows its first text at `streaming` s and ends with blocking's text."""
    calls: list[CallResult] = []
    for number in range(n):
        jitter = number / 1000
        for mode, first in (("blocking", blocking), ("streaming", streaming)):
            rows: Any = [(first + jitter, "content", "Hello."), (blocking + jitter, "finish", "")]
            made = call(len(calls), mode, rows, arm=arm)  # type: ignore[arg-type]
            made = dataclasses.replace(made, planned=dataclasses.replace(made.planned, pair=number))
            calls.append((change or {}).get((number, mode), lambda c: c)(made))  # type: ignore[call-overload]
    return calls


def line(**changes: Any) -> Change:
    """Changes a call's timeline."""
    return lambda c: dataclasses.replace(c, timeline=dataclasses.replace(c.timeline, **changes))  # type: ignore[type-var]


def failing(c: CallResult) -> CallResult:
    return dataclasses.replace(c, state="failed", timeline=None, metrics=None)


def names(made: Experiment, **more: Any) -> list[str]:
    return [d.name for d in doubts(made, metric="ttfo_s", **more)]


def test_blocking_is_the_base_and_streaming_the_other() -> None:
    assert pairs(experiment(*run(2)), "ttfo_s") == [Pair(0, 2.0, 1.0), Pair(1, 2.001, 1.001)]


def test_warm_ups_and_calls_to_come_are_no_rows() -> None:
    calls = run(3)
    calls[0] = dataclasses.replace(calls[0], planned=dataclasses.replace(calls[0].planned, role="warmup"))
    calls[2] = dataclasses.replace(calls[2], state="planned", metrics=None)
    assert [p.number for p in pairs(experiment(*calls), "ttfo_s")] == [2]


def test_a_failed_call_is_a_row_and_an_unseen_end_is_not_known() -> None:
    def unseen(c: CallResult) -> CallResult:
        return dataclasses.replace(c, state="unknown", metrics=None)

    calls = run(3, change={(0, "streaming"): failing, (1, "blocking"): unseen})
    found = experiment(*calls)
    assert numbers(found, "ttfo_s", 0, "streaming")[0] == (None, True)
    assert numbers(found, "ttfo_s", 0, "blocking")[1] == (None, False)
    assert (success(found, 0, "streaming").good, success(found, 0, "streaming").total) == (2, 3)
    assert (success(found, 0, "blocking").good, success(found, 0, "blocking").total) == (2, 3)


def test_what_a_cut_call_showed_before_counts() -> None:
    found = experiment(*run(1, change={(0, "streaming"): line(complete=False)}))
    assert numbers(found, "ttfo_s", 0, "streaming") == {0: (1.0, True)}


def test_the_verdict_of_an_experiment() -> None:
    found = modes(experiment(*run(8)), "ttfo_s")
    assert [c.kind for c in found] == ["shown"]
    assert verdict("ttfo_s", found[0]).sentence == "first visible text 1.000 s sooner, 1.000 to 1.000"
    assert modes(experiment(*run(8)))[0] == found[0]  # the declared one is ttfo_s


def test_arms_are_compared_with_a_baseline() -> None:
    calls = [*run(8), *run(8, streaming=1.5, arm=1)]
    found = arms(experiment(*calls, models=("a", "b")), base=0)
    assert list(found) == [1]
    assert found[1].kind == "shown"
    assert found[1].difference is not None
    assert abs(found[1].difference - 0.5) < 1e-9


def test_goodput_counts_whole_calls_within_every_limit() -> None:
    found = experiment(*run(3, change={(0, "streaming"): failing}))
    assert good(found, {"ttfo_s": 1.001}, 0, "streaming") == [False, True, False]


def test_calls_alike_raise_no_doubt() -> None:
    assert names(experiment(*run(8))) == []


def cached(n: int | None) -> Change:
    return line(usage=Usage(10, 5, 0, n))


CASES: dict[str, tuple[dict[tuple[int, Mode], Change], str]] = {
    "cache": (
        {(0, "blocking"): cached(0), (0, "streaming"): cached(512), (1, "blocking"): cached(None)},
        "In 1 of 8 pairs the prompt cache answered one call and not the other (512 cached tokens",
    ),
    "finish": ({(2, "streaming"): line(finish="length")}, "In 1 of 8 pairs the answers ended"),
    "connection": ({(2, "streaming"): line(connection="reused")}, "In 1 of 8 pairs one call used a new"),
    "model": (
        {(0, "blocking"): line(model="a"), (1, "blocking"): line(model="b\nc")},
        "The server named more than one model: a 1×, b c 1×.",
    ),
    "fingerprint": (
        {(0, "blocking"): line(fingerprint="x"), (1, "blocking"): line(fingerprint="y")},
        "The server's configuration changed during the run",
    ),
    "service_tier": (
        {
            (n, mode): line(service_tier=tier)
            for n, tier in enumerate(("default", "default", "flex"))
            for mode in ("blocking", "streaming")
        },
        "The server changed the service tier during the run: default 4×, flex 2×.",
    ),
    "reasoning": (
        {(0, "streaming"): line(usage=Usage(10, 90, 80))},
        "1 of 16 calls spent tokens on reasoning",
    ),
    "pauses": (
        {(0, "streaming"): line(pauses=((0, 7_000_000),))},
        "The measuring process stood still during 1 of 16 calls, for up to 7 ms",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_doubt_is_found_with_its_evidence(name: str) -> None:
    change, sentence = CASES[name]
    found = doubts(experiment(*run(8, change=change)), metric="ttfo_s")
    assert [d.name for d in found] == [name]
    assert found[0].sentence.startswith(sentence)
    assert found[0].calls


def test_the_evidence_names_the_calls() -> None:
    (found,) = doubts(experiment(*run(8, change={(2, "streaming"): line(finish="length")})), metric="ttfo_s")
    assert found.calls == (4, 5)


def test_pairs_served_in_different_tiers_are_told_with_both_calls() -> None:
    tiers = {(0, "blocking"): "default", (0, "streaming"): "default", (3, "blocking"): "default",
             (3, "streaming"): "flex\nor so"}  # fmt: skip
    change: Any = {place: line(service_tier=tier) for place, tier in tiers.items()}
    (found,) = doubts(experiment(*run(8, change=change)), metric="ttfo_s")
    assert (found.name, found.calls) == ("service_tier", (6, 7))
    assert found.sentence == (
        "In 1 of 8 pairs the calls were served in different tiers (default 3×, flex or so 1×): "
        "their difference may be the tier's."
    )


def test_the_tier_that_was_asked_for_is_not_the_one_that_served() -> None:
    change: Any = {(0, "blocking"): line(service_tier="default"), (0, "streaming"): line(service_tier="auto")}
    assert names(experiment(*run(8, change=change))) == []


def test_a_tier_is_told_from_the_bytes_on() -> None:
    def served(tier: str, mode: Mode) -> Change:
        choice = {"message": {"content": "Hi."}, "finish_reason": "stop"}
        body = json.dumps({"service_tier": tier, "choices": [choice]}).encode()
        chunks = [{"service_tier": tier} | delta(content="Hi."), {"service_tier": tier} | delta("stop")]
        pieces = [(100, body)] if mode == "blocking" else spaced(sse(*chunks))
        decoded = decode(recording(pieces, mode=mode))
        return lambda c: from_json(c.planned, c.state, to_json(dataclasses.replace(c, timeline=decoded)))

    change: Any = {
        (n, mode): served("priority" if (n, mode) == (1, "streaming") else "default", mode)
        for n in range(2)
        for mode in ("blocking", "streaming")
    }
    found = [d for d in doubts(experiment(*run(2, change=change))) if d.name == "service_tier"]
    assert [(d.calls, "(default 3×, priority 1×)" in d.sentence) for d in found] == [((2, 3), True)]


def test_answers_of_other_lengths_are_told() -> None:
    def longer(c: CallResult) -> CallResult:
        assert c.timeline is not None
        events = tuple(e._replace(chars=e.chars * 2) for e in c.timeline.events)
        return line(events=events)(c)

    assert names(experiment(*run(8, change={(0, "blocking"): longer}))) == ["lengths"]


def test_a_drift_within_the_run_is_told() -> None:
    calls = []
    for i, c in enumerate(run(12)):
        assert c.metrics is not None
        calls.append(dataclasses.replace(c, metrics=c.metrics | {"ttfo_s": 1.05 ** (i // 2)}))
    found = doubts(experiment(*calls), metric="ttfo_s")
    assert [d.name for d in found] == ["drift", "drift"]
    assert found[0].sentence.startswith("First visible text, blocking, rose by 71 % during the run.")


def error(p95: float | None) -> Calibration:
    return Calibration("p", 0, 200, p95, p95, p95, "kernel", "other", ())


def test_a_difference_below_the_instruments_error_is_doubted() -> None:
    found = experiment(*run(8))
    result = modes(found, "ttfo_s")[0]
    for calibration, expected in ((error(0.001), []), (error(0.6), ["calibration"]), (None, ["calibration"])):
        known = dataclasses.replace(found, calibration=calibration)
        assert names(known, found=result) == expected


def test_few_pairs_are_a_doubt() -> None:
    found = experiment(*run(3))
    assert names(found, found=modes(found, "ttfo_s")[0]) == ["few"]
