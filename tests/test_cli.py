import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.__main__ import main, printable
from lib.document import ExperimentDocument
from lib.service import Service
from lib.settings import Settings
from tests import endpoint as endpoints

ROOT = Path(__file__).parent.parent
FAST = "steady:first=0.05,rate=200,tokens=20"


@pytest.fixture
def endpoint() -> Iterator[endpoints.Endpoint]:
    with endpoints.endpoint() as server:
        yield server


def refused(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["run", *argv])
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.real_time
def test_without_arguments_the_recorded_example_is_played(data: Path, tmp_path: Path) -> None:
    """The streaming call's first text within 0.1 s of the recording's 0.16 s, on a busy machine."""
    file = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "lib", "run", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "STREAMGAUGE_DATA": str(data), "STREAMGAUGE_DISCOVER": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert "Time to first visible text" in done.stdout
    assert "call 1 of 2" in done.stderr
    assert done.stdout.count("The instrument's own error") == 1
    document = ExperimentDocument.model_validate_json(file.read_text("utf-8"))
    assert document.id in done.stderr
    streaming = next(c for c in document.calls if c.mode == "streaming")
    assert streaming.metrics is not None
    first = streaming.metrics["ttfo_s"]
    assert isinstance(first, float)
    assert abs(first - 0.16) < 0.1
    assert streaming.recount is not None
    assert list((data / "spool").glob("*")) == []


def test_one_blocking_and_one_streaming_call_are_sent(
    data: Path, endpoint: endpoints.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--base-url", endpoint.base_url, "--model", "slow:2", "--prompt", "Hi.", "--system", "Be brief."]
    assert main(["run", *flags, "--max-tokens", "9", "--temperature", "0.5", "--json", "-"]) == 0
    assert sorted(bool(a.get("stream")) for a in endpoint.asked) == [False, True]
    for ask in endpoint.asked:
        assert ask["max_completion_tokens"] == 9
        assert ask["temperature"] == 0.5
        assert ask["messages"][1]["content"].endswith("Hi.")
    out = capsys.readouterr()
    assert len(json.loads(out.out)["calls"]) == 2


def test_six_pairs_are_a_measurement_with_a_verdict(
    data: Path, endpoint: endpoints.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--base-url", endpoint.base_url, "--model", "slow:1", "--prompt", "Hi.", "--pairs", "6"]
    design = [
        "--consumer",
        "program",
        "--seed",
        "7",
        "--cache",
        "keep",
        "--margin",
        "0.2",
        "--stop-after",
        "2",
    ]
    assert main(["run", *flags, *design]) == 0
    assert len(endpoint.asked) == 14  # a warm-up of each kind
    assert len({json.dumps(a["messages"]) for a in endpoint.asked}) == 1  # no nonce
    assert "total time" in capsys.readouterr().out.lower()


def test_a_flag_puts_the_calls_under_contention(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--model", FAST, "--prompt", "Hi.", "--contention", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spec"]["arms"][0]["contention"] is True
    assert [c["group"] for c in told["calls"]] == [0, 0]


@pytest.mark.parametrize(
    ("flag", "value", "word"),
    [
        ("--warmups", "1", "look has no warm-ups"),
        ("--primary", "answer_tps", "between arms"),
        ("--half-width", "0.1", "10 pairs"),
        ("--margin", "0.9", "margin"),
        ("--stop-after", "0", "stop_after"),
        ("--seed", "-1", "seed"),
        ("--consumer", "cat", "reader"),
    ],
)
def test_a_design_that_means_nothing_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str], flag: str, value: str, word: str
) -> None:
    assert refused(flag, value) == 1
    assert word in capsys.readouterr().err


def test_pairs_multiply_the_calls(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--model", FAST, "--prompt", "Hi.", "--pairs", "2"]) == 0
    assert "The first of 2 pairs" in capsys.readouterr().out


def test_a_stream_that_was_held_back_is_said_to_be(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--model", "trap-proxy", "--prompt", "Hi."]) == 0
    out = capsys.readouterr().out
    assert "Something on the way held the text back" in out
    assert "X-Accel-Buffering: no" in out


def test_a_refused_call_exits_with_1_and_says_why(
    data: Path, endpoint: endpoints.Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--base-url", endpoint.base_url, "--model", "refuse", "--prompt", "Hi."]) == 1
    assert "401" in capsys.readouterr().err


def test_a_closed_port_exits_with_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--prompt", "Hi."]) == 1
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "flag"),
    [
        (["--max-tokens", "0"], "--max-tokens"),
        (["--max-tokens", "-5"], "--max-tokens"),
        (["--max-tokens", "many"], "--max-tokens"),
        (["--temperature", "hot"], "--temperature"),
        (["--temperature", "nan"], "--temperature"),
        (["--temperature", "9"], "--temperature"),
        (["--pairs", "0"], "--pairs"),
        (["--prompt", " "], "--prompt"),
        (["--prompt", "x" * 1_000_001], "--prompt"),
        (["--prompt", "\udcff"], "--prompt"),
        (["--api", "assistants"], "--api"),
        (["--base-url", "http://127.0.0.1:9/v1"], "--model"),
        (["--base-url", "http://127.0.0.1:9/v1", "--model", "m"], "--prompt"),
        (["--base-url", "gopher://x", "--model", "m", "--prompt", "p"], "--base-url"),
        (["--base-url", "http://u:p@h/v1", "--model", "m", "--prompt", "p"], "--base-url"),
        (["--base-url", "http://h/v1", "--model", "m", "--prompt", "p", "--key-env", "NOT_SET"], "--key-env"),
        (["--json", "/nowhere/at/all.json"], "--json"),
        (["--unknown"], "--unknown"),
    ],
)
def test_bad_input_exits_with_1_and_names_the_flag(
    data: Path,
    argv: list[str],
    flag: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lib.children.Probe.warm", lambda self: None)  # none of these gets as far as a call
    assert refused(*argv) == 1
    out = capsys.readouterr()
    assert flag in out.err
    assert "Traceback" not in out.err
    assert out.out == ""


def test_an_unusable_data_folder_exits_with_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.write_text("a file")
    assert refused() == 1
    assert "STREAMGAUGE_DATA" in capsys.readouterr().err


def test_a_key_is_taken_from_the_named_variable(
    data: Path, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    flags = ["--base-url", endpoint.base_url, "--model", "slow:1", "--prompt", "Hi.", "--key-env", "MY_KEY"]
    assert main(["run", *flags]) == 0
    assert endpoint.authorizations == ["sk-mine", "sk-mine"]


def test_ctrl_c_keeps_what_arrived(data: Path, endpoint: endpoints.Endpoint) -> None:
    flags = ["--base-url", endpoint.base_url, "--model", "hold", "--prompt", "Hi."]
    with subprocess.Popen(
        [sys.executable, "-m", "lib", "run", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "STREAMGAUGE_DATA": str(data)},
    ) as process:
        assert endpoint.begun.acquire(timeout=60)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "what arrived is kept" in errors
    assert "Traceback" not in errors
    service = Service.open(Settings(data=data, discover=False, download=False))
    (entry,) = service.listing()
    assert entry.state == "cancelled"
    assert len(endpoint.asked) == 1
    service.close()


def test_it_runs_beside_a_server_on_the_same_folder(data: Path) -> None:
    server = Service.open(Settings(data=data, discover=False, download=False))
    assert main(["run", "--model", FAST, "--prompt", "Hi."]) == 0
    (entry,) = server.listing()
    assert entry.state == "done"
    server.close()


def test_a_terminal_is_never_given_control_characters() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


def test_a_limit_that_is_missed_exits_with_2_and_one_that_is_kept_with_0(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--model", FAST, "--limit", "events_as_tokens_rate=1"]
    assert main([*run, "--limit", "ttfo_s=60"]) == 0
    assert main([*run, "--limit", "ttfo_s=0.001"]) == 2
    assert "limit missed: ttfo_s is 0.0" in capsys.readouterr().err


def test_a_limit_on_nothing_is_refused_before_anything_is_sent() -> None:
    assert refused("--limit", "speed=1") == 1
    assert refused("--limit", "ttfo_s=fast") == 1


def test_sharing_prints_the_link_and_the_token_once(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGAUGE_PUBLIC_URL", "https://gauge.example/")
    assert main(["run", "--model", FAST, "--share", "timing"]) == 0
    told = capsys.readouterr()
    link = told.out.strip().splitlines()[-1]
    assert link.startswith("https://gauge.example/e/")
    assert "Delete token, shown once: " in told.err
    service = Service.open(Settings(data=data, discover=False))
    try:
        assert service.library.shared(link.rpartition("/")[2]).form == "timing"
    finally:
        service.close()


def test_a_file_is_imported(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ROOT / "tests" / "samples" / "aiperf_raw.jsonl"
    assert main(["import", str(file)]) == 0
    assert "Imported, not measured here." in capsys.readouterr().err
    for wrong in (tmp_path / "missing.json", ROOT / "tests" / "samples" / "aiperf_summary.jsonl"):
        with pytest.raises(SystemExit) as left:
            main(["import", str(wrong)])
        assert left.value.code == 1
