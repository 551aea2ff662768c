"""Do the pictures stay small, and how long do they take? `python -m bench pictures`

The race as SVG and GIF and the filmstrip as SVG and PNG: of the preset, the slow recording, a reasoning
stream, and eight lanes of 2,000 events each. Every one must be ≤ 300 kB; the preset's SVG must take
≤ 100 ms and its GIF ≤ 2 s of this process's time.
"""

import time
from collections.abc import Callable, Sequence

from bench.table import show, verdict
from lib import lanes
from lib.lab import recordings
from lib.lanes import Entry
from lib.pictures.filmstrip import film_png, film_svg
from lib.pictures.gif import race_gif
from lib.pictures.look import LIMIT
from lib.pictures.race import race_svg
from tests.experiments import Row, call, experiment

PRESET = "text-davinci-002-2022-10"
SLOW = "gpt-3.5-turbo-0301-2023-03-slow"
DRAWN: dict[str, Callable[..., str | bytes]] = {
    "race, SVG": race_svg,
    "race, GIF": race_gif,
    "filmstrip, SVG": film_svg,
    "filmstrip, PNG": film_png,
}
TARGETS_S = {("preset", "race, SVG"): 0.1, ("preset", "race, GIF"): 2.0}


def main() -> int:
    """Print sizes and times; returns 1 when one missed its target."""
    rows = [measure(name, entries, kind) for name, entries in subjects().items() for kind in DRAWN]
    show("pictures", ("of", "what", "bytes", "CPU, s", ""), rows)
    return int(any(row[-1] != verdict(True) for row in rows))


def measure(name: str, rows: Sequence[Entry], kind: str) -> tuple[str, ...]:
    """One picture, drawn for the second time: the first one reads fonts and widths."""
    DRAWN[kind](rows, title=name)
    begin = time.process_time()
    drawn = DRAWN[kind](rows, title=name)
    took = time.process_time() - begin
    size = len(drawn.encode() if isinstance(drawn, str) else drawn)
    met = size <= LIMIT and took <= TARGETS_S.get((name, kind), float("inf"))
    return name, kind, f"{size:,}", f"{took:.3f}", verdict(met)


def subjects() -> dict[str, list[Entry]]:
    """What is drawn."""
    return {
        "preset": lanes.entries(recordings.experiment(PRESET)),
        "slow recording": lanes.entries(recordings.experiment(SLOW)),
        "reasoning": reasoning(),
        "8 × 2,000 events": crowd(),
    }


def reasoning() -> list[Entry]:
    """Six seconds of reasoning, then an answer; beside its blocking twin."""
    thought: list[Row] = [(0.4 + i * 0.02, "reasoning", f"step {i}, ") for i in range(300)]
    answer: list[Row] = [(6.5 + i * 0.02, "content", f"word {i}. ") for i in range(200)]
    whole = "".join(text or "" for _, _, text in answer)
    return lanes.entries(
        experiment(
            call(0, "blocking", [(10.9, "content", whole), (10.9, "finish", "")]),
            call(1, "streaming", [*thought, *answer, (10.5, "finish", "")]),
        )
    )


def crowd() -> list[Entry]:
    """Eight models, each of its own pace."""
    calls = [
        call(
            arm, "streaming", [(0.4 + arm / 5 + i * (20 + arm) / 1000, "content", f"word{i % 97} ")
                               for i in range(2000)], arm=arm
        )
        for arm in range(8)
    ]  # fmt: skip
    return lanes.entries(experiment(*calls, models=tuple(f"model-{arm}" for arm in range(8))))


if __name__ == "__main__":
    raise SystemExit(main())
