"""Experiments built by hand, for tests of what is drawn from them."""

from collections.abc import Sequence

from lib import metrics
from lib.experiment import CallResult, Experiment
from lib.plan import PlannedCall
from lib.recording import CallError
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, Mode, State
from lib.timeline import Arrival, Event, Kind, Recount, Timeline

Row = tuple[float, Kind, str | None]


def timeline(mode: Mode, rows: Sequence[Row], *, cut: CallError | None = None) -> Timeline:
    """Events at seconds after send, each completed by a read of its own."""
    events = tuple(
        Event(round(t * 1e9), kind, "", text, len(text or ""), i, 0, 0)
        for i, (t, kind, text) in enumerate(rows)
    )
    return Timeline(
        version=1,
        source="measured",
        api="chat.completions",
        mode=mode,
        connection="new",
        t_send_monotonic_ns=0,
        marks=(("eof", events[-1].t_ns),) if events and cut is None else (),
        reads=tuple(Arrival(e.t_ns, e.t_ns, 100) for e in events),
        events=events,
        usage=None,
        model=None,
        fingerprint=None,
        finish="stop",
        complete=cut is None,
        why="" if cut is None else "It ended before its last event.",
        error=cut,
        pauses=(),
    )


def call(
    n: int,
    mode: Mode,
    rows: Sequence[Row] | None,
    *,
    arm: int = 0,
    state: State = "done",
    cut: CallError | None = None,
    tokens: Sequence[int] | None = None,
) -> CallResult:
    """One call; rows None: nothing is known of it."""
    line = None if rows is None else timeline(mode, rows, cut=cut)
    recount = None if tokens is None else Recount("cl100k_base", "exact", tuple(tokens))
    numbers, reasons = (None, None) if line is None else metrics.measure(line, recount)
    planned = PlannedCall(n, arm, mode, pair=0, group=n)
    return CallResult(planned, state, line, recount, None, numbers, reasons, error=cut)


def experiment(*calls: CallResult, models: Sequence[str] = ("a-model",), prompt: str = "Why?") -> Experiment:
    """A finished experiment with one arm per model."""
    arms = tuple(
        Arm(Endpoint(f"https://host-{i}.example/v1", "env:SECRET_KEY"), CallSpec(model=m, prompt=prompt))
        for i, m in enumerate(models)
    )
    return Experiment("AbCdEfGhIjKlMnOpQrStUv", ExperimentSpec(arms), "done", 1_760_000_000_000, calls)


def simple() -> Experiment:
    """Blocking lands at 2.3 s; streaming shows reasoning at 0.3 s, text at 1.2 s, ends at 1.62 s."""
    streamed: list[Row] = [
        (0.1, "role", ""),
        (0.3, "reasoning", "Hm. "),
        (1.2, "content", "One "),
        (1.4, "content", "two "),
        (1.4, "content", "three"),
        (1.6, "content", "."),
        (1.62, "finish", ""),
        (1.65, "usage", ""),
        (1.65, "done", ""),
    ]
    return experiment(
        call(0, "blocking", [(2.3, "content", "One two three."), (2.3, "finish", "")]),
        call(1, "streaming", streamed, tokens=[0, 2, 1, 1, 1, 1, 0, 0, 0]),
    )
