"""`python -m lib.lab [--port N] [--replays FOLDER]`: the lab in a process of its own, until its stdin ends.

Prints one JSON line when it listens: {"type":"ready","port":N,"base_url":"http://127.0.0.1:N/v1"}.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from lib.lab.server import Lab

_PR_SET_TIMERSLACK = 29
_SWITCH_S = 0.0005


def main() -> None:
    """Serve until stdin is closed or a SIGTERM comes. Exit code 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m lib.lab", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="a loopback port; 0 takes any free one")
    parser.add_argument("--replays", type=Path, help="a folder with scripts of saved experiments")
    options = parser.parse_args()
    port: int = options.port
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    _keep_time()
    try:
        lab = Lab(options.replays).start(port)
    except (OSError, OverflowError) as error:
        sys.exit(f"The lab cannot listen on port {port}: {error}.")
    ready = {"type": "ready", "port": lab.port, "base_url": lab.base_url}
    sys.stdout.write(json.dumps(ready, separators=(",", ":")) + "\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(4096):
        pass
    lab.close()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _keep_time() -> None:
    """Wake on time: Linux may add 50 µs to each sleep, and Python hands the interpreter over every 5 ms.

    Threads started later inherit the timer slack. What is loaded already need never be collected.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


if __name__ == "__main__":
    main()
