"""`python -m lib.lab`: it says where it listens, and ends with its stdin."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.plain_http import Plain

ROOT = Path(__file__).resolve().parent.parent


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lib.lab", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_where_it_listens_and_ends_with_its_stdin() -> None:
    process = start()
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert list(ready) == ["type", "port", "base_url"]
    assert ready["base_url"] == f"http://127.0.0.1:{ready['port']}/v1"
    with Plain(ready["port"]) as plain:
        assert plain.get("/healthz").json == {"status": "ok"}
        plain.post("/v1/completions", b'{"model":"steady:first=60","prompt":"x"}')
        out, err = process.communicate(timeout=20)  # closes stdin, with a call still waiting
    assert (process.returncode, out, err) == (0, "", "")


def test_sigterm_ends_it() -> None:
    process = start()
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == ""
    assert err.startswith(f"The lab cannot listen on port {port}: ")
