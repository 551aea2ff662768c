"""The dashboard with two differences: all calls of an experiment start at once, and one starts by itself.

For bench/live.py only, which needs four busy lanes on one page. It starts when the data folder holds a
file `go`, and its id stands in `started`. The calls, the probe, the lab, the feed and the page are real.
"""

import dataclasses
import threading
import time

from lib import plan as plan_module
from lib.plan import PlannedCall, plan
from lib.settings import read
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec

MODEL = "steady:first=0.5,rate=100,tokens=1500"


def at_once(spec: ExperimentSpec) -> tuple[PlannedCall, ...]:
    """The plan with every call in the first group."""
    return tuple(dataclasses.replace(call, group=0) for call in plan(spec))


def start_when_told() -> None:
    """Wait for `go`, then start four arms of the lab's steady model."""
    data = read().data
    while not (data / "go").exists():
        time.sleep(0.1)
    arm = Arm(Endpoint("lab"), CallSpec(model=MODEL, prompt="go", max_tokens=1500))
    spec = ExperimentSpec((arm,) * 4, together=True, cache="as_is")
    (data / "started").write_text(session.service().start(spec))


plan_module.plan = at_once

from app import app  # noqa: E402  the plan must be replaced before the service opens
from lib.ui import session  # noqa: E402

threading.Thread(target=start_when_told, daemon=True).start()
__all__ = ["app"]
