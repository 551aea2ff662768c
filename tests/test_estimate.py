"""What an experiment will take is said beforehand; what nobody knows is not said to be 0."""

from decimal import Decimal

import pytest

from lib.estimate import NO_TIME, Beforehand, Cost, estimate, guess, sent
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec

ARM = Arm(Endpoint("https://api.openai.com/v1"), CallSpec(model="gpt-4o-mini", prompt="Why?", max_tokens=100))
KNOWN = Beforehand(20, True, Cost(Decimal("0.001")), {"blocking": 2.0, "streaming": 3.0})


def spec(**more: object) -> ExperimentSpec:
    return ExperimentSpec((ARM, ARM), pairs=6, warmups=1, design="measure", **more)  # type: ignore[arg-type]


def test_every_call_counts_warm_ups_included() -> None:
    found = estimate(spec(), [KNOWN, KNOWN._replace(prompt_tokens=30)])
    assert (found.calls, found.prompt_tokens, found.completion_most) == (28, 14 * 20 + 14 * 30, 2800)
    assert (found.usd_most, found.usd_reason) == (Decimal("0.028"), None)
    assert (found.seconds, found.seconds_reason) == (14 * 2.0 + 14 * 3.0, None)
    assert found.counted


def test_calls_at_once_take_as_long_as_the_slowest() -> None:
    found = estimate(ExperimentSpec((ARM,), pairs=5, together=True), [KNOWN])
    assert found.seconds == 5 * 3.0
    crowded = Arm(ARM.endpoint, ARM.call, contention=True)
    mixed = estimate(ExperimentSpec((ARM, crowded), pairs=5, warmups=1, design="measure"), [KNOWN, KNOWN])
    assert mixed.seconds == 5 * 5.0 + 5 * 3.0 + 2 * 5.0  # warm-ups are made one by one


@pytest.mark.parametrize("seconds", [None, {}, {"blocking": 2.0}])
def test_a_time_that_no_call_has_shown_is_unknown(seconds: dict[str, float] | None) -> None:
    found = estimate(spec(), [KNOWN, KNOWN._replace(seconds=seconds)])  # type: ignore[arg-type]
    assert (found.seconds, found.seconds_reason) == (None, NO_TIME)


def test_one_unknown_price_makes_the_whole_unknown() -> None:
    found = estimate(spec(), [KNOWN, KNOWN._replace(cost=Cost(None, "Not listed."))])
    assert (found.usd_most, found.usd_reason) == (None, "Not listed.")


def test_one_guess_makes_the_whole_a_guess() -> None:
    assert not estimate(spec(), [KNOWN, KNOWN._replace(counted=False)]).counted


def test_without_a_limit_nobody_knows_how_much_comes() -> None:
    endless = Arm(ARM.endpoint, CallSpec(model="m", prompt="Why?"))
    assert estimate(ExperimentSpec((endless,)), [KNOWN]).completion_most is None


def test_what_is_sent_has_the_nonce_and_the_system_message() -> None:
    told = Arm(ARM.endpoint, CallSpec(model="m", prompt="Why?", system="Be brief."))
    assert sent(spec(), told) == "[000000000000] Be brief.\n\n[000000000000] Why?"
    assert sent(spec(cache="keep"), told) == "Be brief.\n\nWhy?"
    assert (guess(""), guess("x" * 400)) == (1, 100)
