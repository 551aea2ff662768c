"""A process that is there to be killed: a service that works at experiments and says what it has saved.

`alone` is such a process without Streamlit; tests.worker_app does the same inside the real web process.
What is told: `experiment ID`, `resumed ID`, `probe PID`, `saved ID N STATE`.
"""

import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from lib.calibration import Calibration
from lib.calibrator import Calibrated
from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec

MODEL = "slow:10"
PAIRS = 200
Tell = Callable[[str], None]


def alone(data: Path, base_url: str, id: str, pipe: "Connection[str, str]") -> None:
    """The whole life of one process."""
    service = Service.open(Settings(data=data, discover=False, download=False))
    service._runner._calibrator = Uncalibrated()  # type: ignore[assignment]
    work(service, base_url, id, pipe.send)


def work(service: Service, base_url: str, id: str, tell: Tell) -> None:
    """Go on with an experiment, or begin one, and tell what happens until the process is killed."""
    threading.Thread(target=_probes, args=(service, tell), daemon=True).start()
    while True:
        id = _begin(service, base_url, id, tell)
        cursor, ended = 0, False
        while not ended:
            items, cursor, ended = service.feed.read(id, cursor)
            for item in items:
                if item.state in ("done", "failed"):
                    tell(f"saved {id} {item.n} {item.state}")
            service.feed.wait(id, cursor, 0.2)


def _begin(service: Service, base_url: str, id: str, tell: Tell) -> str:
    if id and service.standing(id).resumable:
        service.resume(id)
        tell(f"resumed {id}")
        return id
    arm = Arm(Endpoint(base_url), CallSpec(model=MODEL, prompt="Say something."))
    started = service.start(ExperimentSpec((arm,), pairs=PAIRS, design="measure", stop_after=None))
    tell(f"experiment {started}")
    return started


def _probes(service: Service, tell: Tell) -> None:
    told = None
    while True:
        pid = service._dispatch.probe.pid
        if pid not in (None, told):
            tell(f"probe {pid}")
            told = pid
        time.sleep(0.01)


class Uncalibrated:
    """The calls come at once: how true their times are is not asked here."""

    def get(self, stop: threading.Event, *, lab: bool = False) -> Calibrated:
        found = Calibration("", 0, 0, None, None, None, "user", "other", (), "It was not asked for.")
        return Calibrated(found, 0.0)
