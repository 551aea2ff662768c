"""Large experiments and long lists: what a page has to wait for. `python -m bench experiment`"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, update

from bench.table import show, verdict
from lib import sample
from lib.ledger import Closed
from lib.migrations import schema
from lib.outline import to_json
from lib.plan import plan
from lib.recording import Instrument, Read, Recording, Request, Write, to_bytes
from lib.results import version
from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, Limits, Mode
from lib.store import experiment_row, new_call

CALLS, EVENTS, LISTED, SAVED = 1_600, 200, 10_000, 500
ARM = Arm(Endpoint("https://api.example.com/v1"), CallSpec(model="gpt-4o-mini", prompt="Why?"))
LARGE = ExperimentSpec((ARM,) * 8, pairs=100, design="measure", seed=7)
TARGETS = {
    "planning 1,600 calls": 0.050,
    "numbers of 1,600 calls, and 8 verdicts": 2.0,
    "the same again": 2.0,
    "one pair of them, whole": 2.0,
    "50 out of 10,000 experiments": 0.020,
    "saving a recording, p99": 0.020,
}


def main() -> int:
    """Print each time beside its target; returns 1 when one was missed."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service.open(Settings(data=Path(folder), discover=False, download=False))
        found = {"planning 1,600 calls": best(lambda: plan(LARGE))}
        _fill(service)
        before, _ = timed(lambda: service.numbers("large"))
        service._results.forget("large")
        loaded, _ = timed(lambda: sample.modes(service.numbers("large"), "ttfo_s"))
        service._results.forget("large")
        found["numbers of 1,600 calls, and 8 verdicts"], _ = timed(
            lambda: sample.modes(service.numbers("large"), "ttfo_s")
        )
        found["the same again"] = best(lambda: sample.modes(service.numbers("large"), "ttfo_s"))
        found["one pair of them, whole"] = best(lambda: service.calls("large", [800, 801]))
        found["50 out of 10,000 experiments"] = best(lambda: service.listing())
        found["saving a recording, p99"] = _saving(service)
        service.close()
    rows = [
        (name, f"{found[name] * 1e3:,.1f} ms", f"<= {target * 1e3:,.0f} ms", verdict(found[name] <= target))
        for name, target in TARGETS.items()
    ]
    rows.append(("all 1,600 decoded and kept, once after an update", f"{before:.1f} s", "-", ""))
    rows.append(("the first verdicts of a process, which load SciPy", f"{loaded:.1f} s", "-", ""))
    show("large experiments", ("what", "took", "target", ""), rows)
    return int(any(row[3] == verdict(False) for row in rows))


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what came of it."""
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def best(work: Callable[[], object], times: int = 5) -> float:
    """The median of a few."""
    return sorted(timed(work)[0] for _ in range(times))[times // 2]


def recording(mode: Mode, slower_ns: int = 0) -> Recording:
    """An answer of 200 events, 20 ms apart."""
    text = [f"word{i} " for i in range(EVENTS)]
    if mode == "streaming":
        frames = [_frame("delta", word, None) for word in text]
        bodies = [*(b"data: %b\n\n" % f for f in frames), b"data: %b\n\n" % _frame("delta", "", "stop")]
        bodies.append(b"data: [DONE]\n\n")
    else:
        bodies = [_frame("message", "".join(text), "stop")]
    reads, body, at = [Read(0, 90_000_000, None, 200, 0)], b"", 300_000_000 + slower_ns
    for piece in bodies:
        body += piece
        at += 20_000_000 if mode == "streaming" else 20_000_000 * EVENTS
        reads.append(Read(at - 1000, at, None, len(piece) + 6, len(body)))
    request = Request("chat.completions", mode, ARM.endpoint.base_url, "", "{}", "new", "identity", Limits())
    return Recording(
        request=request,
        instrument=Instrument("p", "local", "user", "other", 1, ()),
        wall_ms=1_760_000_000_000,
        connection="new",
        marks=(),
        writes=(Write(0, 50_000, 300),),
        reads=tuple(reads),
        headers_read=0,
        body_read=len(reads) - 1,
        status=200,
        http_version="HTTP/1.1",
        headers=(("content-type", "text/event-stream"),),
        body=body,
        clocks=(),
        pauses=(),
    )


def _frame(part: str, text: str, finish: str | None) -> bytes:
    choice = {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"id": "chatcmpl-1", "model": "gpt-4o-mini", "choices": [choice]}).encode()


def _fill(service: Service) -> None:
    """One experiment of 1,600 calls with what arrived, and 10,000 small ones with their numbers."""
    store, calls = service._store, plan(LARGE)
    store.add("large", LARGE, calls, owner="nobody")
    kept = [
        {"experiment_id": "large", "n": c.n, "form": "recording", "fmt": 1, "bytes": _bytes(c.mode, c.n)}
        for c in calls
    ]
    small = ExperimentSpec((ARM,), seed=1)
    with store.write() as connection:
        connection.execute(insert(schema.evidence), kept)
        connection.execute(update(schema.call).values(state="done", done_ms=1))
        connection.execute(update(schema.experiment).values(state="done"))
    outline = to_json(service.calls("large", [0])[0])
    with store.write() as connection:
        for i in range(LISTED):
            row = experiment_row(f"small{i}", small, created_ms=i, state="done", title=f"Experiment {i}")
            connection.execute(insert(schema.experiment), row)
            pair = plan(small)
            connection.execute(insert(schema.call), [new_call(f"small{i}", c, i) for c in pair])
            numbers = {"experiment_id": f"small{i}", "definition": version(), "recount": "{}"}
            connection.execute(
                insert(schema.derived), [{**numbers, "n": c.n, "metrics": outline} for c in pair]
            )


def _bytes(mode: Mode, n: int) -> bytes:
    return to_bytes(recording(mode, slower_ns=n * 7_919_000 % 90_000_000))


def _saving(service: Service) -> float:
    """The 99th percentile of one recording's own transaction, as the saver's thread makes it."""
    spec = ExperimentSpec((ARM,), pairs=200, design="measure", seed=1)
    calls = [c for c in plan(spec) if c.mode == "streaming"]
    took, owner = [], service._owner.id
    for i in range(0, SAVED, len(calls)):
        id = f"saved{i}"
        service._store.add(id, spec, plan(spec), owner=owner)
        for c in calls:
            service._ledger.sent(owner, id, [(c.n, "hello", "start")])
            end = Closed(id, c.n, "done", _bytes(c.mode, c.n))
            seconds, _ = timed(lambda end=end: service._ledger.save(owner, [], [end]))
            took.append(seconds)
    return sorted(took)[len(took) * 99 // 100]
