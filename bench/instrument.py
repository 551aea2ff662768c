"""How true are the arrival times? `python -m bench instrument [--quick] [--json FILE]`

The lab, in a process of its own, says when it really sent each event; every reader is a process of its own
and reads the same schedule, one after the other in each repeat, so that all meet the same machine. An error
is measured minus sent. Rows: Streamgauge's probe; a bare reader of ours as the limit; and, for one stream,
what others would have said: the Cookbook's own loop and a plain reader of lines. Medians over the repeats.
Streams of one case begin evenly over 0.5 s (64) or 2 s (256).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.readers import Bare, Heard, Peer, Probe, model
from bench.table import show, verdict
from lib.calibration import compared, first_text_error_ns, quantile, stamps
from lib.children import Lab
from lib.recording import Recording
from lib.timeline import decode

MS = 1e6
RATES = (4_000, 8_000, 16_000, 24_000)
LATE_NS = 5_000_000
CLOCKS_NS = 50_000
"""What two clock readings may disagree by, and so a converted stamp."""
HOG = (
    "import gc,json\nwhile True:\n    json.dumps([{'x': i, 'y': i * i} for i in range(20000)]); gc.collect()"
)
"""A page that redraws without a rest: JSON by the megabyte, and Streamlit's collection after each rerun."""


class Figure(NamedTuple):
    """One figure of one case. `values`: a reader's, one a repeat; `target`: at most, or at least."""

    case: str
    what: str
    values: dict[str, list[float]]
    target: float | None = None
    at_least: bool = False
    goal: bool = False

    def of(self, reader: str) -> float | None:
        """The reader's median over the repeats."""
        return median(self.values[reader]) if self.values.get(reader) else None

    @property
    def met(self) -> str:
        """A word for the last column."""
        ours = self.of("probe")
        if self.target is None or ours is None:
            return ""
        met = ours >= self.target if self.at_least else ours <= self.target
        return ("reached" if met else "not reached") if self.goal else verdict(met)

    @property
    def row(self) -> tuple[str, ...]:
        """For the table."""
        sign = "≥" if self.at_least else "≤"
        target = "-" if self.target is None else f"{sign} {self.target:,g}"
        cells = (self.of(name) for name in READERS)
        return (self.case, self.what, target, *("-" if c is None else f"{c:,.4g}" for c in cells), self.met)


READERS = ("probe", "bare", "cookbook", "lines")
Reads = Callable[[str, str], Heard]


class Bench:
    """The processes under test, warm, and what they have shown so far."""

    def __init__(self, stack: ExitStack, repeats: int, seconds: float) -> None:
        self.repeats, self.seconds = repeats, seconds
        lab = Lab()
        stack.callback(lab.close)
        self.url = lab.base_url()
        self.probe, self.bare = Probe(), Bare()
        self.peers = {name: Peer(name) for name in ("cookbook", "lines")}
        warm: list[Probe | Bare | Peer] = [self.probe, self.bare, *self.peers.values()]
        for process in warm:
            stack.callback(process.close)
            process.read(self.url, model(50, 0.2))
        self.figures: list[Figure] = []
        self.stamps = ""

    def add(
        self,
        case: str,
        what: str,
        values: dict[str, list[float]],
        target: float | None = None,
        *,
        at_least: bool = False,
        goal: bool = False,
    ) -> Figure:
        """One more figure, told at once."""
        figure = Figure(case, what, values, target, at_least, goal)
        self.figures.append(figure)
        print("  " + "  ".join(figure.row), file=sys.stderr)
        return figure

    def one_stream(self) -> None:
        """50 events a second, all readers; and what the probe's CPU costs at that rate."""
        case, name = "1 stream × 50/s", model(50, self.seconds)
        readers: dict[str, Reads] = {"probe": self.probe.read, "bare": self.bare.read}
        readers |= {peer: process.read for peer, process in self.peers.items()}
        heard = self._interleaved(readers, name)
        self.stamps = stamps(heard["probe"][0].heard.recordings[0])
        middle = {reader: [h.at(0.5) for h in runs] for reader, runs in heard.items()}
        limit = 1.5 * median(middle["bare"]) + 0.01
        self.add(case, "arrival error p50, ms", middle, min(0.05, limit))
        self.add(case, "arrival error p99, ms", {r: [h.at(0.99) for h in x] for r, x in heard.items()}, 0.5)
        self.add(case, "first-text error, ms", {r: [h.first for h in x] for r, x in heard.items()}, 0.5)
        self._cpu(case, readers, heard)

    def _cpu(self, case: str, readers: dict[str, Reads], heard: dict[str, list[Run]]) -> None:
        """What an event costs apart from what a call costs: a long stream minus a short one."""
        short = self._interleaved(readers, model(50, 0.2))
        count = 50 * (self.seconds - 0.2)
        paced = {
            reader: [
                (a.heard.cpu_ns - b.heard.cpu_ns) / MS / count * 1000
                for a, b in zip(runs, short[reader], strict=True)
            ]
            for reader, runs in heard.items()
        }
        self.add(case, "CPU per 1,000 paced events, ms", paced, 200)
        self.add(
            case,
            "CPU of a call of 10 events, ms",
            {r: [h.heard.cpu_ns / MS for h in x] for r, x in short.items()},
        )

    def fresh(self) -> None:
        """The first call of a new process."""
        made: dict[str, Callable[[], Probe | Bare | Peer]] = {
            "probe": Probe,
            "bare": Bare,
            "cookbook": lambda: Peer("cookbook"),
            "lines": lambda: Peer("lines"),
        }
        found: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(self.repeats):
            for name, make in made.items():
                process = make()
                found[name].append(_judged(process.read, self.url, model(50, 0.2)).first)
                process.close()
        self.add("first call of a process", "first-text error, ms", found, 0.5)

    def many(self, count: int, spread_s: float, first_ms: float, p50_ms: float, p99_ms: float | None) -> None:
        """So many streams of 50 events a second; all of them are under way for 0.5 s or more."""
        case, name = f"{count} streams × 50/s", model(50, max(self.seconds, spread_s + 0.5))
        readers: dict[str, Reads] = {
            "probe": lambda url, name: self.probe.read(url, name, count, spread_s),
            "bare": lambda url, name: self.bare.read(url, name, count, spread_s),
        }
        heard, goal = self._interleaved(readers, name), count > 64
        figures: tuple[tuple[str, Callable[[Run], float], float | None], ...] = (
            ("arrival error p50, ms", lambda h: h.at(0.5), p50_ms),
            ("arrival error p99, ms", lambda h: h.at(0.99), p99_ms),
            ("first-text error, median, ms", lambda h: h.first, first_ms),
            ("CPU per 1,000 events, calls included, ms", lambda h: h.cpu, None),
            ("late events outside their stated range", lambda h: h.unmarked, 0),
        )
        for what, of, target in figures:
            self.add(case, what, {r: [of(h) for h in x] for r, x in heard.items()}, target, goal=goal)
        if goal:
            self.add(case, "sent a second", {r: [h.rate for h in x] for r, x in heard.items()})

    def rising(self) -> None:
        """One stream, faster and faster: the highest rate with p99 ≤ 5 ms, and the CPU it costs."""
        best: dict[str, list[float]] = {"probe": [], "bare": []}
        cpu: dict[str, list[float]] = {"probe": [], "bare": []}
        silent: list[float] = []
        for _ in range(self.repeats):
            for reader, process in (("probe", self.probe), ("bare", self.bare)):
                runs = [_judged(process.read, self.url, model(rate, 0.5)) for rate in RATES]
                good = [h.rate for h in runs if h.at(0.99) <= LATE_NS / MS]
                best[reader].append(max(good, default=0.0))
                cpu[reader].append(median(h.cpu for h, rate in zip(runs, RATES, strict=True) if rate > 5000))
                silent += [h.unmarked for h in runs] if reader == "probe" else []
        case = "1 stream, rising rate"
        self.add(case, "highest events/s with p99 ≤ 5 ms", best, 16_000, at_least=True, goal=True)
        self.add(case, "CPU per 1,000 events at ≥ 5,000/s, ms", cpu, 60)
        self.add(case, "late events outside their stated range", {"probe": [sum(silent)]}, 0, goal=True)

    def beside_a_hog(self) -> None:
        """The same stream with and without a process that redraws as hard as it can beside it."""
        name, quiet, loud = model(50, self.seconds), list[float](), list[float]()
        for _ in range(self.repeats):
            quiet.append(_judged(self.probe.read, self.url, name).at(0.5))
            hog = subprocess.Popen([sys.executable, "-c", HOG])
            loud.append(_judged(self.probe.read, self.url, name).at(0.5))
            hog.kill()
            hog.wait()
        change = {"probe": [b - a for a, b in zip(quiet, loud, strict=True)]}
        self.add("a page redrawing beside it", "arrival error p50, change, ms", change, 0.05)

    def _interleaved(self, readers: dict[str, Reads], name: str) -> dict[str, list[Run]]:
        """One run of each reader, then the next repeat."""
        heard: dict[str, list[Run]] = {reader: [] for reader in readers}
        for _ in range(self.repeats):
            for reader, read in readers.items():
                heard[reader].append(_judged(read, self.url, name))
        return heard


class Run:
    """One run of one reader, judged against the lab's account; each figure made once."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.compared = [compared(r) for r in heard.recordings]
        self.errors = [at - written for pairs in self.compared for written, at in pairs]

    def at(self, q: float) -> float:
        """A quantile of the arrival errors of all streams, ms."""
        return quantile(self.errors, q) / MS

    @cached_property
    def first(self) -> float:
        """Median first-text error over the streams, ms."""
        found = [first_text_error_ns(r) for r in self.heard.recordings]
        return median(e for e in found if e is not None) / MS

    @property
    def cpu(self) -> float:
        """CPU time for a thousand events, the calls' own included, ms."""
        return self.heard.cpu_ns / MS / len(self.errors) * 1000

    @cached_property
    def rate(self) -> float:
        """Events a second that the lab really sent, all streams together."""
        times = sorted(written for pairs in self.compared for written, _ in pairs)
        return (len(times) - 1) / max(1, times[-1] - times[0]) * 1e9

    @cached_property
    def unmarked(self) -> float:
        """Events more than 5 ms late whose read does not say so: the truth lies outside [earliest, t]."""
        return float(sum(map(_unmarked, self.heard.recordings, self.compared)))


def _unmarked(recording: Recording, pairs: Sequence[tuple[int, int]]) -> int:
    late = [(written, at) for written, at in pairs if at - written > LATE_NS]
    if not late:
        return 0
    timeline = decode(recording)
    base = timeline.t_send_monotonic_ns or 0
    earliest = {base + r.t_ns: base + r.earliest_ns for r in timeline.reads}
    return sum(written < earliest[at] - CLOCKS_NS for written, at in late)


def _judged(read: Reads, url: str, name: str) -> Run:
    """A run that can be judged: the lab's account comes last, and on a loaded machine may come too late."""
    for _ in range(5):
        if (run := Run(read(url, name))).errors:
            return run
    raise RuntimeError(f"{name}: the lab's account was lost five times in a row")


def main(argv: Sequence[str] = ()) -> int:
    """Print the table; returns 1 when a target that is no goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench instrument")
    parser.add_argument(
        "--quick", action="store_true", help="two short repeats instead of five, without the 256 streams"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every repeat's figures, too")
    options = parser.parse_args(argv)
    load = os.getloadavg()
    with ExitStack() as stack:
        bench = Bench(stack, *((2, 1.0) if options.quick else (5, 2.0)))
        bench.one_stream()
        bench.fresh()
        bench.many(64, 0.5, 1.0, 0.05, 1.0)
        if not options.quick:
            bench.many(256, 2.0, 2.0, 0.1, None)
        bench.rising()
        bench.beside_a_hog()
    machine = {
        "cores": os.cpu_count(),
        "load_before": load,
        "load_after": os.getloadavg(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "stamps": bench.stamps,
        "repeats": bench.repeats,
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }
    show(
        f"arrival times against what was really sent, {bench.stamps} stamps, medians of {bench.repeats}; "
        f"{os.cpu_count()} cores, load {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after",
        ("case", "figure", "target", *READERS, ""),
        [figure.row for figure in bench.figures],
    )
    if options.json:
        rows = [f._asdict() | {"met": f.met} for f in bench.figures]
        options.json.write_text(json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n", "utf-8")
    return int(any(figure.met == verdict(False) for figure in bench.figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
