"""Do the lab, the wire and the decoder reproduce each recording? `python -m bench preset`

Every recording is run once through the service, both calls at once over real HTTP; first event, last
event and blocking total must lie within 10 ms of what was published.
"""

import tempfile
import time
from pathlib import Path

from bench.table import show, verdict
from lib.experiment import Experiment, pair
from lib.lab import recordings
from lib.service import Service
from lib.settings import Settings

TARGET_S = 0.010


def main() -> int:
    """Print measured against recorded; returns 1 when a time is off by more than the target."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service.open(Settings(data=Path(folder), discover=False, download=False))
        try:
            rows = [row for name in recordings.RECORDINGS for row in compare(service, name)]
        finally:
            service.close()
    show(
        "measured against recorded, seconds",
        ("recording", "what", "recorded", "measured", "off, ms", ""),
        rows,
    )
    return int(any(row[-1] != verdict(True) for row in rows))


def compare(service: Service, name: str) -> list[tuple[str, ...]]:
    """Three rows for one recording."""
    recorded = recordings.experiment(name)
    measured = finished(service, service.start(recorded.spec))
    return [
        (
            name,
            what,
            f"{true:.2f}",
            f"{got:.4f}",
            f"{(got - true) * 1e3:+.2f}",
            verdict(abs(got - true) <= TARGET_S),
        )
        for (what, true), (_, got) in zip(times(recorded), times(measured), strict=True)
    ]


def finished(service: Service, experiment_id: str) -> Experiment:
    """The experiment, once it has ended."""
    while (found := service.experiment(experiment_id)).state == "running":
        time.sleep(0.2)
    return found


def times(experiment: Experiment) -> list[tuple[str, float]]:
    """First event, last content event and blocking total, in seconds."""
    both = pair(experiment)
    assert both is not None
    blocking, streaming = (call.metrics or {} for call in both)
    named = (("first event", streaming["ttfe_s"]), ("last text", streaming["last_content_s"]))
    return [(what, float(value or 0)) for what, value in (*named, ("blocking total", blocking["e2e_s"]))]


if __name__ == "__main__":
    raise SystemExit(main())
