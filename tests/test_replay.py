"""Saved experiments as endpoints: read by the plain client, and timed by our own instrument."""

import contextlib
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib import api, document, replay, share
from lib.api.passing import MOST_AT_ONCE
from lib.errors import NotAllowed, NotFound
from lib.lab.asks import Refused
from lib.lab.replays import Pace, pace
from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
from tests.experiments import Row, call, experiment, simple

STREAM: list[Row] = [
    (0.1, "role", ""),
    *((0.2 + 0.01 * i, "content", f"word{i} ") for i in range(40)),
    (0.62, "finish", ""),
]
WHOLE = "".join(text or "" for _, kind, text in STREAM if kind == "content")
MADE = experiment(call(0, "blocking", [(0.7, "content", WHOLE)]), call(1, "streaming", STREAM))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Service.open(Settings(data=Path(folder), discover=False, download=False))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def saved(service: Service) -> str:
    return service.library.bring(document.to_json(MADE).encode())


def client(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)


def told(base_url: str, model: str) -> list[str]:
    messages = [{"role": "user", "content": "Anything."}]
    stream = client(base_url).chat.completions.create(model=model, messages=messages, stream=True)  # type: ignore[call-overload]
    return [c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content]


def test_the_plain_client_reads_the_same_words_in_either_mode(service: Service, saved: str) -> None:
    base_url = service.replay(saved)
    assert "".join(told(base_url, "any:10x")) == WHOLE
    answer = client(base_url).chat.completions.create(
        model="any:10x", messages=[{"role": "user", "content": "Anything."}]
    )
    assert answer.choices[0].message.content == WHOLE
    assert [m.id for m in client(base_url).models.list()] == ["a-model"]


@pytest.mark.real_time
def test_our_own_instrument_times_a_replay_as_the_original(service: Service, saved: str) -> None:
    """Median difference of an event's time within 5 ms, on a busy machine; most are far below."""
    spec = ExperimentSpec(
        (Arm(Endpoint(service.replay(saved)), CallSpec(model="m", prompt="x")),), cache="as_is"
    )
    id = service.start(spec)
    service.wait(id, 60)
    found = {c.planned.mode: c for c in service.experiment(id).calls}
    streaming, blocking = found["streaming"], found["blocking"]
    assert streaming.timeline is not None
    assert blocking.metrics is not None
    times = [e.t_ns / 1e9 for e in streaming.timeline.events if e.kind == "content"]
    original = [t for t, kind, _ in STREAM if kind == "content"]
    assert len(times) == len(original)
    differences = [abs(a - b) for a, b in zip(times, original, strict=True)]
    assert statistics.median(differences) < 0.005
    assert blocking.metrics["e2e_s"] == pytest.approx(0.7, abs=0.1)


def test_a_replay_is_cut_where_it_was_asked(service: Service, saved: str) -> None:
    pieces: list[str] = []
    with contextlib.suppress(openai.APIError, Exception):
        pieces += told(service.replay(saved), "any:cut=5:20x")
    spec = ExperimentSpec((Arm(Endpoint(service.replay(saved)), CallSpec(model="m:cut=5:20x", prompt="x")),))
    id = service.start(spec)
    service.wait(id, 60)
    cut = next(c for c in service.experiment(id).calls if c.planned.mode == "streaming")
    assert cut.state == "failed"
    assert cut.metrics is not None
    assert cut.metrics["content_events"] == 5


def test_options_stand_at_the_end_of_a_models_name() -> None:
    assert pace("llama3:8b") == Pace()
    assert pace("llama3:8b:2x:stall=3@10:cut=20") == Pace(2.0, 3.0, 10, 20)
    assert pace("m:stall=1.5") == Pace(stall_s=1.5)
    for wrong in ("m:0.01x", "m:1000x", "m:stall=9999"):
        with pytest.raises(Refused):
            pace(wrong)


def test_a_stall_moves_all_that_comes_after_it() -> None:
    from lib.lab.replays import _answer

    data = json.loads(replay.script(MADE) or "")
    answer = _answer(data, Pace(2.0, 3.0, 10))
    assert answer.pieces[8][0] == pytest.approx(0.14)  # 0.28 s at twice the speed
    assert answer.pieces[9][0] == pytest.approx(0.145 + 3.0)
    assert answer.finish_s == pytest.approx(0.31 + 3.0)


def test_withheld_text_is_played_by_its_length() -> None:
    data = json.loads(replay.script(share.public(simple(), "timing")) or "")
    assert [text for _, text in data["pieces"]] == ["xxxx", "xxxx", "xxxxx", "x"]


def test_the_servers_own_address_leads_to_the_lab(service: Service, saved: str) -> None:
    app = TestClient(Starlette(routes=api.routes(lambda: service, "")), follow_redirects=False)
    answer = app.post(f"/replay/{saved}/v1/chat/completions")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{service.replay(saved)}/chat/completions"
    assert app.get(f"/replay/{'A' * 22}/v1/models").status_code == 404


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of an experiment on a public server that plays, and lives in a thread."""
    folder = tmp_path_factory.mktemp("public")
    opened = Service.open(Settings(data=folder, mode="hosted", replay=True, download=False))
    id = opened.library.bring(document.to_json(MADE).encode())
    app = Starlette(routes=api.routes(lambda: opened, ""))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/replay/{id}/v1"
        server.should_exit = True
        thread.join()
    opened.close()


def test_a_public_server_that_may_play_passes_each_piece_on_as_it_comes(public: str) -> None:
    messages = [{"role": "user", "content": "Anything."}]
    stream = client(public).chat.completions.create(model="m:stall=1", messages=messages, stream=True)  # type: ignore[call-overload]
    came = [(time.monotonic(), c.choices[0].delta.content) for c in stream if c.choices]
    assert "".join(text for _, text in came if text) == WHOLE
    assert came[-1][0] - came[0][0] > 1.0


def test_what_passes_through_a_public_server_is_cut_and_refused_as_by_the_lab(public: str) -> None:
    pieces: list[str] = []
    with pytest.raises((openai.APIError, httpx2.RemoteProtocolError)):
        pieces += told(public, "any:cut=5:20x")
    with pytest.raises(openai.BadRequestError):
        told(public, "any:1000x")
    with pytest.raises(openai.NotFoundError):
        told(f"{public.rpartition('/replay/')[0]}/replay/{'A' * 22}/v1", "any")
    assert client(public).models.list().data[0].owned_by == "streamgauge"


def test_a_client_that_leaves_gives_its_place_back(public: str) -> None:
    chat = client(public).chat
    for _ in range(MOST_AT_ONCE + 1):
        with chat.completions.with_streaming_response.create(
            model="m:stall=60", messages=[{"role": "user", "content": "Hi"}], stream=True
        ) as answer:
            next(answer.iter_lines())
    assert "".join(told(public, "any:20x")) == WHOLE


def test_what_is_not_here_is_not_played(service: Service, saved: str) -> None:
    with pytest.raises(NotFound):
        service.replay("A" * 22)
    with pytest.raises(openai.NotFoundError):
        told(service.replay(saved).replace(saved, "B" * 22), "any")
    empty = experiment(call(0, "streaming", None))
    assert replay.script(empty) is None


def test_deleting_the_experiment_ends_its_replay(service: Service) -> None:
    id = service.library.bring(document.to_json(MADE).encode())
    base_url = service.replay(id)
    service.delete(id)
    with pytest.raises(openai.NotFoundError):
        told(base_url, "any")


def test_a_server_for_strangers_plays_nothing(tmp_path: Path) -> None:
    opened = Service(Settings(data=tmp_path, mode="hosted", download=False))
    try:
        with pytest.raises(NotAllowed):
            opened.replay("A" * 22)
    finally:
        opened.close()
