"""Retry-After, as RFC 9110 10.2.3 has it and as endpoints write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.waits import MOST_S, asked_s, reason

NOW_MS = 784_111_777_000
"""Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:50:07 GMT", 30.0),
        ("Sun, 06 Nov 1994 09:50:07 +0100", 30.0),
        ("Sun, 06 Nov 1994 08:50:07 -0000", 30.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("99999999999", MOST_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MOST_S),
    ],
)
def test_seconds_and_dates_are_understood_and_capped(value: str, seconds: float) -> None:
    assert asked_s(429, (("retry-after", value),), NOW_MS) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e9", "٣", "Sun, 99 Nov 1994 08:50:07 GMT", "1.2.3"])
def test_what_is_no_time_asks_for_nothing(value: str) -> None:
    assert asked_s(429, (("retry-after", value),), NOW_MS) is None


@pytest.mark.parametrize("status", [None, 200, 401, 500])
def test_only_refusals_ask(status: int | None) -> None:
    assert asked_s(status, (("retry-after", "3"),), NOW_MS) is None


def test_an_unavailable_server_may_ask_too() -> None:
    assert asked_s(503, (("Retry-After", "3"),), NOW_MS) == 3.0
    assert asked_s(429, (), NOW_MS) is None


@given(st.text(max_size=40))
def test_no_header_is_a_surprise(value: str) -> None:
    found = asked_s(429, (("retry-after", value),), NOW_MS)
    assert found is None or 0 <= found <= MOST_S


def test_the_sentence_says_who_and_how_long() -> None:
    assert reason(429, 2.0, "h:443") == "h:443 refused a call (HTTP 429) and asked for 2 s without another."
    assert reason(429, MOST_S, "h").endswith("600 s without another, the longest that is waited here.")
