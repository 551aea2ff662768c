"""Whether intervals and verdicts hold what they promise, in simulated experiments. `python -m bench coverage`

Each experiment has log-normal times that drift by a third from its first pair to its last, as a server that
warms up does, and calls of a pair are neighbours in time. Targets: the t interval covers the true ratio in
95 ± 1.5 % of them, the exact interval of the median in 94 % or more, and where there is no difference one is
"shown" in 6 % or fewer. The verdicts are `lib.comparison`'s own; intervals by the thousand are SciPy's, a row
an experiment.
"""

import argparse
import math
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from bench.table import show, verdict
from lib.comparison import Pair, compare
from lib.intervals import exact

SIZES = (6, 10, 30)
EXPERIMENTS = 2_000
RATIO = 0.9
"""The true one, streaming / blocking, in the experiments whose coverage is counted."""
SPREAD = 0.15
"""Of the log of one call's time."""
DRIFT = math.log(4 / 3)
SEED = 20260101
Floats = npt.NDArray[np.float64]


def experiments(rng: np.random.Generator, n: int, of: int, ratio: float) -> tuple[Floats, Floats]:
    """(blocking, streaming) seconds, a row an experiment, a column a pair."""
    start = rng.normal(math.log(2.0), 0.5, (of, 1)) + np.linspace(0, DRIFT, n)
    times = np.exp(start[..., None] + rng.normal(0, SPREAD, (of, n, 2)))
    # Which call of a pair goes first is drawn; half a step of the drift lies between them.
    later = rng.integers(0, 2, (of, n))
    step = DRIFT / max(1, n - 1) / 2
    return times[..., 0] * np.exp(step * later), times[..., 1] * np.exp(step * (1 - later)) * ratio


def means(logs: Floats) -> float:
    """Share of the experiments whose t interval holds the true ratio: all rows in one call."""
    low, high = stats.ttest_1samp(logs, 0, axis=1).confidence_interval(0.95)
    return float(np.mean((low <= math.log(RATIO)) & (math.log(RATIO) <= high)))


def medians(logs: Floats) -> float:
    """As `means`, of the exact interval of the median."""
    truth, held = math.log(RATIO), 0
    for row in logs:
        found, _ = exact(row.tolist())
        held += found.low <= truth <= found.high
    return held / len(logs)


def false(blocking: Floats, streaming: Floats) -> float:
    """Share of the experiments without a difference in which one is shown."""
    shown = 0
    for base, other in zip(blocking.tolist(), streaming.tolist(), strict=True):
        found = compare([Pair(i, b, s) for i, (b, s) in enumerate(zip(base, other, strict=True))])
        shown += found.kind == "shown"
    return shown / len(blocking)


def main(arguments: Sequence[str] = ()) -> int:
    """Print the table; returns 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench coverage")
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS)
    of = parser.parse_args(list(arguments)).experiments
    rng, rows, met = np.random.default_rng(SEED), [], list[bool]()
    began = time.perf_counter()
    for n in SIZES:
        blocking, streaming = experiments(rng, n, of, RATIO)
        logs = np.log(streaming / blocking)
        mean, median, wrong = means(logs), medians(logs), false(*experiments(rng, n, of, 1.0))
        held = (abs(mean - 0.95) <= 0.015, median >= 0.94, wrong <= 0.06)
        met += held
        rows.append((n, f"{mean:.1%}", f"{median:.1%}", f"{wrong:.1%}", verdict(all(held))))
    heads = ("pairs", "t interval holds (95 ± 1.5 %)", "median interval holds (≥ 94 %)",
             "false differences (≤ 6 %)", "")  # fmt: skip
    took = time.perf_counter() - began
    show(f"{of:,} simulated experiments a line, drift of a third within each ({took:.0f} s)", heads, rows)
    return int(not all(met))


if __name__ == "__main__":
    raise SystemExit(main())
