"""The hero's view as the address tells it."""

import pytest

from lib import view


def test_everything_the_hero_writes_is_read():
    told = {"t": "1.25", "speed": "0.5", "wpm": "238", "cpm": "700", "film": "equal", "lanes": "3.0.11"}
    assert view.parse(told) == {
        "t": 1.25,
        "speed": 0.5,
        "wpm": 238.0,
        "cpm": 700.0,
        "film": "equal",
        "lanes": [0, 3, 11],
    }


def test_what_is_not_there_is_not_asked_for():
    assert view.parse({}) == {}
    assert view.parse({"id": "abc", "align": "text"}) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t", "-1"),
        ("t", "nan"),
        ("t", "1e9"),
        ("t", "<script>"),
        ("speed", "3"),
        ("speed", "inf"),
        ("wpm", "59"),
        ("wpm", "1001"),
        ("cpm", "6001"),
        ("film", "quick"),
        ("lanes", ""),
        ("lanes", "0.16"),
        ("lanes", "-1"),
        ("lanes", "0.1.2.3.4.5.6.7.8"),
        ("lanes", "٣"),
    ],
)
def test_what_makes_no_sense_is_dropped(name, text):
    assert view.parse({name: text}) == {}
