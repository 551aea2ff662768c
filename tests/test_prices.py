"""Costs come from an installed table, without a network; an unlisted price is unknown, never 0."""

import dataclasses
import socket
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

import pytest

from lib.experiment import Experiment
from lib.prices import AS_OF, TABLE, cost, spent
from lib.rates import cost_usd
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec
from lib.timeline import Usage
from tests.experiments import call, experiment

AT_MS = 1_795_000_000_000
OPENAI = "https://api.openai.com/v1"


def arm(base_url: str = OPENAI, model: str = "gpt-4o-mini", extra: str = "{}") -> Arm:
    return Arm(Endpoint(base_url), CallSpec(model=model, prompt="Why?", extra_body=extra))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a price was asked for on the network")

    monkeypatch.setattr(socket.socket, "connect", refused)


def test_the_table_is_the_one_that_is_installed_and_not_of_the_future() -> None:
    assert f"genai-prices {version('genai-prices')}" == TABLE
    assert datetime.fromisoformat(AS_OF).replace(tzinfo=UTC) < datetime.now(UTC)


@pytest.mark.parametrize("cached", [None, 0, 400, 1000])
def test_tokens_cost_what_the_list_says_and_cached_ones_less(cached: int | None) -> None:
    usage = Usage(prompt=1000, completion=100, cached=cached)
    listed = cost_usd(usage, Decimal("0.15"), Decimal("0.6"), Decimal("0.075"))
    assert cost(arm(), usage, AT_MS) == (listed, None)


@pytest.mark.parametrize(
    ("asked", "usage", "word"),
    [
        (arm(model="nonsense"), Usage(1, 1), "No price is known"),
        (arm("http://localhost:8000/v1"), Usage(1, 1), "No price is known"),
        (arm(extra='{"service_tier": "flex"}'), Usage(1, 1), "tier"),
        (arm(), Usage(None, 5), "did not report"),
        (arm(), Usage(5, None), "did not report"),
    ],
)
def test_what_is_not_known_is_unknown_and_says_why(asked: Arm, usage: Usage, word: str) -> None:
    found = cost(asked, usage, AT_MS)
    assert found.usd is None
    assert word in (found.reason or "")


def asked(*usages: Usage | None, model: str = "gpt-4o-mini", base_url: str = OPENAI) -> Experiment:
    calls = [call(n, "streaming", [(1.0, "content", "One.")]) for n in range(len(usages))]
    found = [
        dataclasses.replace(c, timeline=c.timeline and dataclasses.replace(c.timeline, usage=usage))
        for c, usage in zip(calls, usages, strict=True)
    ]
    spec = ExperimentSpec((arm(base_url, model),))
    return dataclasses.replace(experiment(*found), spec=spec, created_ms=AT_MS)


DATED = f"({TABLE}, prices as of {AS_OF})."


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (asked(Usage(1000, 100), Usage(1000, 100)), f"Its calls cost 0.00042 US dollars {DATED}"),
        (
            asked(Usage(1000, 100), None),
            f"Its calls cost at least 0.00021 US dollars {DATED} "
            "Of 1 of 2 it is not known: The server did not report its tokens.",
        ),
        (asked(None), "What its calls cost is not known. The server did not report its tokens."),
        (
            asked(Usage(1, 1), model="nonsense"),
            f"What its calls cost is not known. No price is known for this model at this address ({TABLE}).",
        ),
        (asked(Usage(9, 9), base_url=LAB), "Its calls cost nothing."),
        (asked(), "Its calls cost nothing."),
    ],
)
def test_what_an_experiment_cost_is_told_as_far_as_it_is_known(made: Experiment, sentence: str) -> None:
    assert spent(made) == sentence


def test_a_call_that_was_never_sent_costs_nothing() -> None:
    made = asked(Usage(1000, 100), None)
    unsent = dataclasses.replace(made.calls[1], state="dropped", timeline=None)
    assert spent(dataclasses.replace(made, calls=(made.calls[0], unsent))).startswith(
        "Its calls cost 0.00021"
    )


def test_more_cached_tokens_than_tokens_cost_no_less_than_all_of_them() -> None:
    assert cost(arm(), Usage(10, 1, cached=99), AT_MS) == cost(arm(), Usage(10, 1, cached=10), AT_MS)


def test_the_lab_costs_nothing_and_loads_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert cost(arm("lab"), Usage(), AT_MS) == (0, None)
