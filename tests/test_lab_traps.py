"""The traps: what each does on the wire."""

import json
import time
from collections.abc import Iterator

import pytest

from lib.lab.asks import Ask, Refused
from lib.lab.scripts import Timed
from lib.lab.server import Lab
from lib.lab.traps import STALL_S, TRAPS, script, trap
from tests.plain_http import Plain, Response

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
FINITE = [m for m, trap in TRAPS.items() if not trap.truth().open_ended and m != "trap-silent"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def plain(lab: Lab) -> Iterator[Plain]:
    with Plain(lab.port) as connection:
        yield connection


def stream(plain: Plain, model: str) -> Response:
    return plain.ask(CHAT, model=model, messages=HELLO, stream=True, stream_options={"include_usage": True})


def writes(model: str, *, streaming: bool = True) -> list[Timed]:
    return list(script(Ask("chat.completions", model, "hello", streaming, include_usage=True)).writes)


def words(data: bytes) -> int:
    return data.count(b'"delta":{"content":')


def test_each_trap_says_what_it_does() -> None:
    for model, found in TRAPS.items():
        assert model == f"trap-{found.name}"
        assert found.line.endswith(".")
        assert found.naive.endswith(".")
        assert len(found.line) < 110 > len(found.naive)


def test_a_trap_is_found_by_its_name_and_by_its_model() -> None:
    assert trap("stall") is trap("trap-stall") is TRAPS["trap-stall"]
    with pytest.raises(KeyError):
        trap("door")


@pytest.mark.parametrize("model", FINITE)
@pytest.mark.parametrize("streaming", [True, False])
def test_times_of_a_trap_never_fall(model: str, streaming: bool) -> None:
    times = [t_s for t_s, _ in writes(model, streaming=streaming)]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_cut_by_fin_ends_after_five_events_without_the_last_chunk(plain: Plain) -> None:
    response = stream(plain, "trap-cut-fin")
    assert words(response.body) == 5
    assert not response.ended
    assert plain.sock.recv(1) == b""


def test_cut_by_fin_ends_a_blocking_body_halfway(plain: Plain) -> None:
    response = plain.ask(CHAT, model="trap-cut-fin", messages=HELLO)
    assert 0 < len(response.body) < int(response.headers["content-length"])


def test_cut_by_rst_resets_the_connection(plain: Plain) -> None:
    with pytest.raises(ConnectionResetError):
        stream(plain, "trap-cut-rst")


def test_an_error_object_comes_after_five_events(plain: Plain) -> None:
    response = stream(plain, "trap-error-event")
    assert words(response.body) == 5
    assert response.events[-1]["error"]["type"] == "server_error"
    assert plain.ask(CHAT, model="trap-error-event", messages=HELLO).status == 500


def test_a_malformed_event_stands_after_five_and_the_stream_goes_on(plain: Plain) -> None:
    frames = stream(plain, "trap-malformed").body.split(b"\n\n")
    with pytest.raises(ValueError, match="Unterminated string"):
        json.loads(frames[6].removeprefix(b"data: "))
    assert words(b"".join(frames[:6])) == 5
    assert words(b"".join(frames[7:])) == 15


def test_html_comes_with_status_200(plain: Plain) -> None:
    response = stream(plain, "trap-html")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_status_comes_with_an_error_object(plain: Plain, status: int) -> None:
    response = stream(plain, f"trap-{status}")
    assert response.status == status
    assert response.json["error"]["message"]
    assert response.headers.get("retry-after") == ("2" if status == 429 else None)


@pytest.mark.real_time  # nothing comes within 0.2 s; a slow machine can only make it later
def test_silent_never_answers(lab: Lab) -> None:
    with Plain(lab.port, timeout=0.2) as plain, pytest.raises(TimeoutError):
        stream(plain, "trap-silent")


def test_a_stall_is_one_gap_of_three_seconds() -> None:
    gaps = [b - a for (a, _), (b, _) in zip(writes("trap-stall"), writes("trap-stall")[1:], strict=False)]
    assert max(gaps) == pytest.approx(STALL_S + 0.02)
    assert gaps.index(max(gaps)) == 5  # the role and five words lie before it


def test_reasoning_comes_first_and_is_counted_in_the_usage(plain: Plain) -> None:
    events = [e for e in stream(plain, "trap-reasoning").events if e != "[DONE]"]
    deltas = [e["choices"][0]["delta"] for e in events if e["choices"]]
    assert ["reasoning_content" in d for d in deltas] == [False, *[True] * 8, *[False] * 21]
    assert events[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 8}


def test_reasoning_has_no_legacy_form(plain: Plain) -> None:
    response = plain.ask("/v1/completions", model="trap-reasoning", prompt="x", stream=True)
    assert response.json["error"]["code"] == "wrong_api"


def test_bunched_sends_several_words_in_each_write() -> None:
    counts = [words(data) for _, data in writes("trap-bunched")]
    # bursts end at 0.12 s (the role and the first word), then every 0.12 s = 6 words: 1 + 6 + 6 + 6 + 1
    assert counts == [1, 6, 6, 6, 1]


def test_fake_sends_everything_at_the_end() -> None:
    ((t_s, data),) = writes("trap-fake")
    assert t_s == pytest.approx(0.52)
    assert words(data) == 20


def test_no_done_ends_with_its_finish(plain: Plain) -> None:
    response = stream(plain, "trap-no-done")
    assert response.ended
    assert b"[DONE]" not in response.body


def test_no_usage_reports_none_even_when_asked() -> None:
    assert b'"usage":' in writes("trap-no-done")[-1][1]
    assert not any(b'"usage":' in data for _, data in writes("trap-no-usage"))
    assert not any(b'"usage":' in data for _, data in writes("trap-no-usage", streaming=False))


def test_completions_have_the_traps_too(plain: Plain) -> None:
    response = plain.ask("/v1/completions", model="trap-cut-fin", prompt="x", stream=True)
    assert response.body.count(b"data: ") == 5
    assert not response.ended


def test_an_unknown_trap_is_no_model() -> None:
    with pytest.raises(Refused) as caught:
        writes("trap-door")
    assert caught.value.code == "model_not_found"


def test_a_trap_leaves_other_calls_alone(lab: Lab) -> None:
    with Plain(lab.port) as silent, Plain(lab.port) as other:
        silent.post(CHAT, json.dumps({"model": "trap-silent", "messages": HELLO}).encode())
        began = time.monotonic()
        assert other.get("/healthz").status == 200
        assert time.monotonic() - began < 5
