"""The lab on the wire: what leaves when, in how many writes, and what it refuses."""

import json
import socket
import time
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest

from lib.lab import models, server
from lib.lab.asks import Ask
from lib.lab.catalogue import ALIASES, PLAYED, RECORDINGS
from lib.lab.http1 import HttpRequest
from lib.lab.server import Lab
from tests.plain_http import Plain, Response

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
PATHS = {"chat.completions": CHAT, "completions": COMPLETIONS}
DAVINCI, TURBO = "text-davinci-002-2022-10", "gpt-3.5-turbo-0613-2023-12"
QUICK = "steady:first=0.01,rate=1000,tokens=6"
HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def plain(lab: Lab) -> Iterator[Plain]:
    with Plain(lab.port) as connection:
        yield connection


def sends(model: str, **fields: Any) -> list[bytes]:
    """The packets of a call, as if each had left when it was due."""
    recording = PLAYED[model]
    script = models.answer(Ask(recording.api, model, "any", **fields))
    account = server.Account(0)
    packets = []
    for due_ns, packet in server.packets(script, HttpRequest("POST", "/", b"", True, 0), account):
        account.sent_ns.append(due_ns)
        packets.append(packet)
    return packets


def texts_of(response: Response) -> list[str]:
    choices = [e["choices"][0] for e in response.events if e != "[DONE]" and e["choices"]]
    texts = [c["text"] if "text" in c else c["delta"].get("content") for c in choices]
    return [t for t in texts if t]


def times_ms(response: Response) -> list[float]:
    truth = response.truth
    return [(sent - truth["received_ns"]) / 1e6 for sent in truth["sent_ns"]]


@pytest.mark.real_time  # each write is never early, and at the median less than 50 ms late
@pytest.mark.parametrize("model", [DAVINCI, TURBO])
def test_a_recording_leaves_at_its_recorded_times(plain: Plain, model: str) -> None:
    recording = RECORDINGS[model]
    asked = {"prompt": "1,2,3,"} if recording.api == "completions" else {"messages": HELLO}
    response = plain.ask(PATHS[recording.api], model=model, stream=True, max_tokens=12, **asked)
    due_ms = list(dict.fromkeys(e.t_s * 1000 for e in recording.events))
    late_ms = [sent - due for sent, due in zip(times_ms(response), due_ms, strict=False)]
    assert min(late_ms) >= 0
    assert sorted(late_ms)[len(late_ms) // 2] < 50


@pytest.mark.real_time  # never early, less than 200 ms late at the client
def test_the_client_sees_the_times_that_the_lab_tells(plain: Plain) -> None:
    body = {"model": "steady:first=0.1,tokens=1", "prompt": "x", "stream": True}
    plain.post(COMPLETIONS, json.dumps(body).encode())
    plain.sock.recv(1, socket.MSG_PEEK)
    seen_ns = time.monotonic_ns()
    truth = plain.response().truth
    assert 0 <= seen_ns - truth["sent_ns"][0] < 200_000_000
    assert 0 <= truth["sent_ns"][0] - truth["received_ns"] - 100_000_000 < 200_000_000


@pytest.mark.parametrize("model", list(PLAYED))
def test_events_of_an_equal_time_share_one_send(model: str) -> None:
    packets = sends(model, streaming=True)
    distinct = len({e.t_s for e in PLAYED[model].events})
    assert len(packets) == distinct + 1  # the last one holds the lab's own comment and the end
    assert packets[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b": streamgauge-lab " in packets[-1]
    assert packets[-1].endswith(b"\r\n0\r\n\r\n")


def test_ten_davinci_events_at_1_41_s_leave_together() -> None:
    # Recorded times before 1.41 s are all distinct but 0.84 s, which two events share:
    # 30 events lie before it, in 29 sends.
    packet = sends(DAVINCI, streaming=True)[29]
    assert packet.count(b"data: ") == 10
    assert b'"text":"19"' in packet


@pytest.mark.parametrize("model", list(PLAYED))
def test_a_blocking_answer_is_one_send_of_head_and_body(model: str) -> None:
    (packet,) = sends(model)
    head, _, body = packet.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    choice = json.loads(body)["choices"][0]
    assert (choice.get("text") or choice["message"]["content"]) == PLAYED[model].blocking_text


def test_the_lab_tells_the_bytes_of_each_write() -> None:
    packets = sends(DAVINCI, streaming=True, limit=4)
    chunks = [p[p.index(b"data: ") :].removesuffix(b"\r\n") for p in packets[:-1]]
    truth = json.loads(packets[-1].split(b": streamgauge-lab ")[1].split(b"\n")[0])
    assert truth["bytes"] == [len(c) for c in chunks]
    assert len(truth["sent_ns"]) == 4


def test_a_write_is_one_chunk_and_the_running_bytes_name_the_events_in_it(plain: Plain) -> None:
    response = plain.ask(COMPLETIONS, model=QUICK, prompt="x", stream=True)
    ends = list(accumulate(response.truth["bytes"]))
    assert list(accumulate(len(c) for c in response.chunks[:-1])) == ends
    assert all(response.body[:end].endswith(b"\n\n") for end in ends)
    assert response.ended


def test_the_davinci_finish_rides_on_the_last_text_event() -> None:
    *_, last, _ = sends(DAVINCI, streaming=True)
    assert last.count(b"data: ") == 2  # the text with its finish, and [DONE]
    assert b'"text":"100","logprobs":null,"finish_reason":"length"' in last


def test_the_chat_role_comes_first_as_recorded_and_the_finish_has_a_chunk() -> None:
    first, *_ = sends("gpt-3.5-turbo-0301-2023-03", streaming=True)
    assert b'"delta":{"role":"assistant"},"finish_reason":null' in first
    first, *_ = sends(TURBO, streaming=True)
    assert b'"delta":{"role":"assistant","content":""}' in first
    *_, last, _ = sends(TURBO, streaming=True)
    assert b'"delta":{},"finish_reason":"stop"' in last


def test_max_tokens_plays_the_first_events_and_says_length(plain: Plain) -> None:
    response = plain.ask(COMPLETIONS, model="text-davinci-002", prompt="any", max_tokens=3, stream=True)
    assert texts_of(response) == ["4", ",", "5"]
    assert response.events[-2]["choices"][0]["finish_reason"] == "length"
    assert response.events[-1] == "[DONE]"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_every_name_of_the_limit_is_known(plain: Plain, name: str) -> None:
    answer = plain.ask(CHAT, model=QUICK, messages=HELLO, **{name: 2}).json
    assert answer["choices"][0]["message"]["content"] == "A river"
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_cut_blocking_answer_ends_in_proportion_and_reports_no_usage() -> None:
    script = models.answer(Ask("chat.completions", TURBO, "any", limit=3))
    ((t_s, body),) = script.writes
    assert t_s == pytest.approx(5.27 * 3 / 299)
    assert json.loads(body)["choices"][0]["message"]["content"] == "1, "
    assert "usage" not in json.loads(body)


@pytest.mark.parametrize("limit", [299, 5000, None])
def test_a_limit_that_is_not_reached_changes_nothing(limit: int | None) -> None:
    script = models.answer(Ask("chat.completions", TURBO, "any", limit=limit))
    ((t_s, body),) = script.writes
    assert t_s == 5.27
    assert json.loads(body)["choices"][0]["finish_reason"] == "stop"
    assert json.loads(body)["usage"]["completion_tokens"] == 299


def test_davinci_never_reports_usage() -> None:
    for fields in ({}, {"streaming": True}, {"streaming": True, "include_usage": True}):
        assert not any(b"usage" in p for p in sends(DAVINCI, **fields))


def test_streamed_usage_comes_only_when_asked_in_one_last_chunk_without_choices() -> None:
    assert not any(b"usage" in p for p in sends(TURBO, streaming=True))
    *_, last, _ = sends(TURBO, streaming=True, include_usage=True)
    frames = last.split(b"\n\n")
    assert b'"choices":[],"usage":{"completion_tokens":299' in frames[-3]
    assert frames[-2] == b"data: [DONE]"


@pytest.mark.parametrize(
    ("model", "path", "api"), [(DAVINCI, CHAT, "completions"), (TURBO, COMPLETIONS, "chat")]
)
def test_a_recording_answers_through_its_own_api_only(plain: Plain, model: str, path: str, api: str) -> None:
    response = plain.ask(path, model=model, prompt="x", messages=HELLO)
    assert response.status == 404
    assert f"was recorded through {api}" in response.json["error"]["message"]


@pytest.mark.parametrize("alias", list(ALIASES))
def test_an_alias_means_its_recording(alias: str) -> None:
    recording = RECORDINGS[ALIASES[alias]]
    (write,) = models.answer(Ask(recording.api, alias, "any")).writes
    assert write[0] == recording.blocking_s


def test_an_unknown_model_is_an_openai_error(plain: Plain) -> None:
    response = plain.ask(CHAT, model="gpt-9", messages=HELLO)
    assert response.status == 404
    assert response.json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (CHAT, b"{", 400, "not valid JSON"),
        (CHAT, b"[" * 100_000, 400, "not valid JSON"),
        (CHAT, b"[]", 400, "JSON object"),
        (CHAT, b'{"messages":[]}', 400, "model"),
        (CHAT, b'{"model":"steady"}', 400, "messages"),
        (COMPLETIONS, b'{"model":"steady"}', 400, "prompt"),
        (RESPONSES, b'{"model":"steady"}', 400, "input"),
        (COMPLETIONS, b'{"model":"steady","prompt":"x","max_tokens":0}', 400, "max_tokens"),
        (COMPLETIONS, b'{"model":"steady","prompt":"x","max_tokens":"9"}', 400, "max_tokens"),
        (COMPLETIONS, b'{"model":"steady","prompt":"x","stream":"yes"}', 400, "stream"),
        (COMPLETIONS, b'{"model":"steady:speed=9","prompt":"x"}', 400, "speed"),
        (COMPLETIONS, b'{"model":"steady:rate=nan","prompt":"x"}', 400, "rate"),
        ("/v1/chat/completion", b"{}", 404, "Invalid URL"),
        ("/chat/completions", b"{}", 404, "Invalid URL"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(
    plain: Plain, path: str, body: bytes, status: int, words: str
) -> None:
    plain.post(path, body)
    response = plain.response()
    assert response.status == status
    assert words in response.json["error"]["message"]
    assert plain.get("/healthz").status == 200  # the connection is still good


def test_a_get_of_an_api_path_is_not_allowed(plain: Plain) -> None:
    assert plain.get(CHAT).status == 405


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000, 431),
    ],
)
def test_malformed_http_is_refused_and_the_connection_closed(plain: Plain, raw: bytes, status: int) -> None:
    plain.sock.sendall(raw)
    response = plain.response()
    assert (response.status, response.headers["connection"]) == (status, "close")


def test_models_lists_recordings_and_steady_before_the_traps(plain: Plain) -> None:
    ids = [m["id"] for m in plain.get("/v1/models").json["data"]]
    assert ids[: len(RECORDINGS)] == list(RECORDINGS)
    assert {*ALIASES, "steady"} <= set(ids)
    first_trap = next(i for i, name in enumerate(ids) if name.startswith("trap-"))
    assert all(name.startswith("trap-") for name in ids[first_trap:])


def test_one_connection_serves_many_calls(plain: Plain) -> None:
    for stream in (True, False, True):
        response = plain.ask(COMPLETIONS, model=QUICK, prompt="x", stream=stream)
        assert response.status == 200
        assert "connection" not in response.headers
    assert {"date", "server"} <= response.headers.keys()


def test_requests_sent_ahead_are_answered_in_order(plain: Plain) -> None:
    for words in ("one", "one two"):
        plain.post(COMPLETIONS, json.dumps({"model": QUICK, "prompt": words}).encode())
    counts = [plain.response().json["usage"]["prompt_tokens"] for _ in range(2)]
    assert counts == [1, 2]


def test_a_client_that_leaves_does_not_disturb_the_others(lab: Lab) -> None:
    body = json.dumps({"model": "steady:first=0.05,tokens=5000", "prompt": "x", "stream": True}).encode()
    with Plain(lab.port) as stays:
        for _ in range(4):
            with Plain(lab.port) as leaves:
                leaves.post(COMPLETIONS, body)
                leaves.sock.recv(1)
        assert "".join(texts_of(stays.ask(COMPLETIONS, model=QUICK, prompt="x", stream=True))) == (
            "A river never tells you how"
        )


def test_closing_ends_a_stream_under_way() -> None:
    with Lab() as lab, Plain(lab.port) as plain:
        body = b'{"model":"steady:first=0,rate=0.1,tokens=2","prompt":"x","stream":true}'
        plain.post(COMPLETIONS, body)
        plain.sock.recv(1, socket.MSG_PEEK)  # the call is under way
        lab.close()
        assert not plain.response().ended
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", lab.port), 1)


def test_only_the_loopback_address_is_bound(lab: Lab) -> None:
    assert lab.base_url == f"http://127.0.0.1:{lab.port}/v1"
    bound = [listener.getsockname() for listener in lab._listeners]
    assert bound == [("127.0.0.1", lab.port), ("127.0.0.1", lab.elsewhere)]
