"""What takes minutes: killed servers by the dozen, and no call sent twice. Run by `make soak`."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.service import Service
from lib.settings import ROOT, Settings
from tests import endpoint as endpoints

pytestmark = [pytest.mark.soak, pytest.mark.real_time]

KILLS = 40
PATIENCE_S = 120
BUSY = """
import sys, time
from pathlib import Path
from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
service = Service.open(Settings(data=Path(sys.argv[1]), discover=False, download=False))
arm = Arm(Endpoint(sys.argv[2]), CallSpec(model="slow:6", prompt="Say something."))
print(service.start(ExperimentSpec((arm,), pairs=20, stop_after=None)), flush=True)
time.sleep(600)
"""


def killed(folder: Path, base_url: str, rng: random.Random) -> str:
    """One service that starts paid calls and is killed at a random moment; its experiment's id."""
    command = [sys.executable, "-c", BUSY, str(folder), base_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as web:
        assert web.stdout is not None
        experiment = web.stdout.readline().strip()
        time.sleep(rng.uniform(0.0, 3.0))
        children = Path(f"/proc/{web.pid}/task/{web.pid}/children")
        orphans = children.read_text().split() if children.exists() else []
        web.kill()
        if rng.random() < 0.3:
            for child in orphans:
                os.kill(int(child), signal.SIGKILL)
    return experiment


@pytest.mark.timeout(1500)
def test_forty_kills_send_no_call_twice_and_lose_no_finished_one(tmp_path: Path) -> None:
    rng = random.Random(7)
    with endpoints.endpoint() as server:
        experiments = [killed(tmp_path, server.base_url, rng) for _ in range(KILLS)]
        service = Service.open(Settings(data=tmp_path, discover=False, download=False))
        deadline = time.monotonic() + PATIENCE_S
        while any(service.experiment(e).state == "running" for e in experiments):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        calls = [call for e in experiments for call in service.experiment(e).calls]
        service.close()
    prompts = [json.dumps(ask["messages"]) + str(ask.get("stream", False)) for ask in server.asked]
    assert len(prompts) == len(set(prompts)) > KILLS / 2
    sent = [call for call in calls if call.state in ("done", "failed", "unknown")]
    assert len(prompts) <= len(sent)
    for call in calls:
        if call.state == "done":
            assert call.timeline is not None
            assert call.timeline.complete
