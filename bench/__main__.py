"""Run benchmarks by name: `python -m bench [NAME …]`; without a name, all that need no argument."""

import importlib
import sys

NAMES = {
    "preset": "the six recordings played by the lab, against their published times",
    "live": "the live page at 400 events a second: updates, event to pixel, CPU of the web process",
    "pages": "start-up and page loads, as ratios to a one-line Streamlit page in the same run",
    "memory": "memory of the web process after 20 runs",
}


def main(wanted: list[str]) -> int:
    """Run each; returns 1 when one of them missed its target."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"No benchmark is called {unknown[0]!r}. There are:", file=sys.stderr)
        print("\n".join(f"  {name:8} {what}" for name, what in NAMES.items()), file=sys.stderr)
        return 2
    return max(importlib.import_module(f"bench.{name}").main() for name in wanted or NAMES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
