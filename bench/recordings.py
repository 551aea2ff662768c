"""Makes lib/lab/recordings.json from a folder of traces: `python bench/recordings.py FOLDER`.

A trace is a JSON file with `source`, `request`, `blocking` and `stream.events` ([seconds, delta], as
the published notebook printed them). Times become whole 10 ms units, and each event gets its token
count from tiktoken: count(text so far) - count(text before it). tiktoken fetches a missing vocabulary
itself and checks it; TIKTOKEN_CACHE_DIR names a folder that already holds it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import sys
from typing import Any

import tiktoken

TARGET = pathlib.Path(__file__).resolve().parent.parent / "lib" / "lab" / "recordings.json"
ORDER = (
    "text-davinci-002-2022-09",
    "text-davinci-002-2022-10",
    "text-davinci-002-2023-03",
    "gpt-3.5-turbo-0301-2023-03",
    "gpt-3.5-turbo-0301-2023-03-slow",
    "gpt-3.5-turbo-0613-2023-12",
)
SAME_TEXT = None


def main() -> None:
    """Read every trace of ORDER and write the data file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    recordings = [compact(json.loads((folder / f"{name}.json").read_text())) for name in ORDER]
    TARGET.write_text(layout(recordings), encoding="utf-8")
    for made in recordings:
        print(
            f"{made['id']}: {len(made['texts'])} text events, {sum(made['tokens'])} {made['encoding']} tokens"
        )


def compact(trace: dict[str, Any]) -> dict[str, Any]:
    """One trace in the project's own form; see lib/lab/catalogue.py for what each field means."""
    deltas = [delta for _, delta in trace["stream"]["events"]]
    opening = deltas[0] if "role" in deltas[0] else None
    texts = [d.get("text") or d.get("content") for d in deltas if d.get("text") or d.get("content")]
    closes = deltas[-1] == {}
    if len(texts) + bool(opening) + closes != len(deltas):
        sys.exit(f"{trace['id']}: an event is neither the first role, nor text, nor the end")
    encoding = tiktoken.encoding_for_model(trace["model"])
    blocking = trace["blocking"]
    return {
        "id": trace["id"],
        "title": trace["title"],
        "source": trace["source"],
        "api": trace["api"],
        "model": trace["model"],
        "snapshot": trace["snapshot"],
        "request": trace["request"],
        "usage": trace["usage"],
        "blocking_cs": centiseconds(blocking["seconds"]),
        "blocking_text": SAME_TEXT if blocking["text"] == "".join(texts) else blocking["text"],
        "opening": opening,
        "finish": "stop" if closes else "length",
        "encoding": encoding.name,
        "delta_cs": deltas_of([centiseconds(t) for t, _ in trace["stream"]["events"]]),
        "texts": texts,
        "tokens": token_counts(encoding, texts),
    }


def centiseconds(seconds: float) -> int:
    """Whole 10 ms units; anything finer in a trace is a mistake."""
    units = round(seconds * 100)
    if abs(units / 100 - seconds) > 1e-9:
        sys.exit(f"{seconds} s is not a multiple of 10 ms")
    return units


def deltas_of(times: list[int]) -> list[int]:
    return [times[0], *(b - a for a, b in itertools.pairwise(times))]


def token_counts(encoding: tiktoken.Encoding, texts: list[str]) -> list[int]:
    sums = [len(encoding.encode_ordinary("".join(texts[:n]))) for n in range(len(texts) + 1)]
    return [b - a for a, b in itertools.pairwise(sums)]


def layout(recordings: list[dict[str, Any]]) -> str:
    """JSON with one field a line: short, and still readable in a diff."""
    rows = [
        "{\n"
        + ",\n".join(
            f"{json.dumps(k)}:{json.dumps(v, ensure_ascii=False, separators=(',', ':'))}"
            for k, v in recording.items()
        )
        + "\n}"
        for recording in recordings
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n"


if __name__ == "__main__":
    main()
