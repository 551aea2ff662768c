"""Run benchmarks by name: `python -m bench [NAME …] [OPTION …]`; without a name, all of them.

What comes after the first option goes to the one that takes options (`instrument --quick --json FILE`).
"""

import importlib
import sys

NAMES = {
    "preset": "the six recordings played by the lab, against their published times",
    "live": "the live page at 400 events a second: updates, event to pixel, CPU of the web process",
    "replay": "the hero playing 8 lanes of 2,000 events: frames a second, CPU of the browser",
    "pages": "start-up and page loads, as ratios to a one-line Streamlit page in the same run",
    "instrument": "arrival times against what was really sent, beside a bare reader and others",
    "pictures": "the race and the filmstrip as files: sizes, and how long they take",
    "metrics": "all numbers of a stream of 10,000 events: how long they take",
    "coverage": "do the intervals and verdicts hold what they promise, in simulated experiments",
    "timeline": "a timeline of 100,000 events: build, message, drawn, redrawn for a selection",
    "visitors": "forty visitors open and close the parts of one result page",
    "experiment": "planning, saving and showing experiments of 1,600 calls, and long lists",
    "memory": "memory of the web process after 20 runs",
}


def main(arguments: list[str]) -> int:
    """Run each; returns 1 when one of them missed its target."""
    names = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    wanted, options = arguments[:names], arguments[names:]
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"No benchmark is called {unknown[0]!r}. There are:", file=sys.stderr)
        print("\n".join(f"  {name:10} {what}" for name, what in NAMES.items()), file=sys.stderr)
        return 2
    return max(_run(name, options) for name in wanted or NAMES)


def _run(name: str, options: list[str]) -> int:
    run = importlib.import_module(f"bench.{name}").main
    met: int = run(options) if options else run()
    return met


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
