"""The lab's faults on the wire: what never ends stops, and nobody else waits for it."""

import json
import socket
import time
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice

import pytest

from lib.lab.asks import Ask
from lib.lab.faults import FAULTS, STOP_S
from lib.lab.http1 import HttpRequest
from lib.lab.server import Account, Lab, packets
from lib.lab.traps import TRAPS, trap
from lib.spec import Api
from tests.plain_http import Plain

CHAT = "/v1/chat/completions"
ENDLESS = [t.name for t in FAULTS if t.truth().open_ended]
HELLO = [{"role": "user", "content": "hello"}]
QUICK = "steady:first=0.01,rate=1000,tokens=6"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


def ask(plain: Plain, name: str, *, stream: bool = True) -> None:
    plain.post(CHAT, json.dumps({"model": f"trap-{name}", "messages": HELLO, "stream": stream}).encode())


def asked(name: str, api: Api = "chat.completions", *, streaming: bool = True) -> Ask:
    return Ask(api, f"trap-{name}", "hello", streaming, include_usage=True)


def patiently(lab: Lab, connections: int) -> bool:
    """Whether no more than that many connections are left within 5 s."""
    deadline = time.monotonic() + 5
    while len(lab._connections) > connections and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(lab._connections) <= connections


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_over_when_its_client_goes(lab: Lab, name: str) -> None:
    with Plain(lab.port) as plain:
        ask(plain, name)
        assert plain.sock.recv(1)
    assert patiently(lab, 0)


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_has_an_end_all_the_same(name: str) -> None:
    script = trap(name).script(asked(name))
    ((last_s, _),) = deque(script.writes, maxlen=1)
    assert 0.5 < last_s < STOP_S
    assert script.end == "fin"


def test_a_client_that_reads_too_slowly_does_not_keep_it_going() -> None:
    long_ago = HttpRequest("POST", "/", b"", True, time.monotonic_ns() - round((STOP_S + 1) * 1e9))
    made = packets(trap("endless").script(asked("endless")), long_ago, Account(0))
    assert list(islice(made, 1)) == []


def test_a_client_that_does_not_read_holds_up_nobody(lab: Lab) -> None:
    with Plain(lab.port) as deaf, Plain(lab.port) as other:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask(deaf, "endless-line")
        for _ in range(20):
            assert other.ask(CHAT, model=QUICK, messages=HELLO, stream=True).ended
    assert patiently(lab, 0)


def test_a_slow_reader_still_gets_every_byte(lab: Lab) -> None:
    # 20,000 events of 240 bytes are more than the sockets' buffers hold
    with Plain(lab.port) as slow:
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        model = "steady:first=0,rate=100000,tokens=20000"
        slow.post(CHAT, json.dumps({"model": model, "messages": HELLO, "stream": True}).encode())
        time.sleep(0.3)
        response = slow.response()
    assert response.ended
    assert len(response.truth["sent_ns"]) == 20_000
    assert [len(c) for c in response.chunks[:-1]] == response.truth["bytes"]


def test_an_endless_line_has_no_end_of_line() -> None:
    written = b"".join(
        data for _, data in islice(trap("endless-line").script(asked("endless-line")).writes, 30)
    )
    assert written.rindex(b"\n") < 2000 < len(written)


def test_keep_alive_is_nothing_but_comments() -> None:
    written = [data for _, data in trap("keep-alive").script(asked("keep-alive")).writes]
    assert set(written) == {b": keep-alive\n\n"}
    assert len(written) > 500


def test_a_drip_is_the_usual_stream_one_byte_at_a_time() -> None:
    written = [data for _, data in trap("drip").script(asked("drip")).writes]
    assert {len(data) for data in written} == {1}
    assert b"".join(written).startswith(b"data: {")
    first_s = trap("drip").truth().first_text_s
    assert first_s is not None
    assert first_s > 5


def test_a_gzip_bomb_inflates_a_thousand_times() -> None:
    script = trap("gzip-bomb").script(asked("gzip-bomb"))
    assert ("content-encoding", "gzip") in script.headers
    opening, block, again = (data for _, data in islice(script.writes, 3))
    inflater = zlib.decompressobj(31)
    assert inflater.decompress(opening).startswith(b'data: {"choices"')
    assert len(inflater.decompress(block)) == 16 << 20
    assert len(inflater.decompress(again)) == 16 << 20
    assert (16 << 20) / len(block) > 900


def test_a_redirect_leads_to_a_port_that_counts_who_follows(lab: Lab) -> None:
    with Plain(lab.port) as plain:
        ask(plain, "redirect")
        answer = plain.response()
        assert answer.status == 307
        assert answer.headers["location"] == f"http://127.0.0.1:{lab.elsewhere}{CHAT}"
        assert plain.get("/strays").json == {"connections": 0}
        with Plain(lab.elsewhere) as stray:
            assert stray.ask(CHAT, model=QUICK, messages=HELLO).status == 200
        assert plain.get("/strays").json == {"connections": 1}


def test_a_header_bomb_is_two_megabytes_of_headers(lab: Lab) -> None:
    with Plain(lab.port) as plain:
        ask(plain, "header-bomb")
        headers = plain.response().headers
    assert sum(len(name) + len(value) for name, value in headers.items()) > 2_000_000


@pytest.mark.parametrize("model", [m for m in TRAPS if m not in ("trap-silent", "trap-header-bomb")])
def test_a_blocking_call_tells_the_same_text_or_has_the_same_fault(model: str) -> None:
    found = TRAPS[model]
    script = found.script(asked(found.name, found.apis[0], streaming=False))
    truth = found.truth()
    ((t_s, data),) = script.writes
    if truth.complete:
        message = json.loads(data)["choices"][0]["message"]
        assert message["content"] == truth.text
        assert message.get("reasoning_content", "") == truth.reasoning
        assert truth.finish_s is not None
        assert t_s >= truth.finish_s - 0.1
    elif "status" in truth.errors:
        assert script.status == truth.status >= 300
