"""The socket's side of a call: stamps, sizes, connections, faults, limits. Against scripted servers."""

import ast
import itertools
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpcore2
import pytest

from lib.capture import Call, Door
from lib.guard import Address, Anywhere, Refused
from lib.recording import Recording
from lib.spec import Limits
from lib.stamps import StampTest, read_clock
from lib.wire import Network, Wire
from tests.scripted import (
    FIN,
    HOLD,
    RST,
    Authority,
    Scripted,
    Step,
    Telling,
    asking,
    chunk,
    chunked,
    finish,
    head,
    in_background,
    record,
    until,
    whole,
)

LIB = Path(__file__).resolve().parent.parent / "lib"
EVENTS = (b'data: {"a":1}\n\n', 'data: {"b":"é"}\n\n'.encode(), b"data: [DONE]\n\n")


def limits(**changes: float) -> Limits:
    return Limits(**{"connect_s": 5.0, "silence_s": 5.0, "total_s": 10.0, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def keeping() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def check_shape(seen: Recording) -> None:
    """What holds for every recording whose body ended."""
    assert seen.error is None
    assert seen.writes[0].before_ns <= seen.writes[0].after_ns <= seen.reads[-1].after_ns
    assert all(r.before_ns <= r.after_ns for r in seen.reads)
    assert [r.body_end for r in seen.reads] == sorted(r.body_end for r in seen.reads)
    assert seen.reads[-1].body_end == len(seen.body)
    assert seen.body_read is not None
    assert seen.headers_read is not None
    assert 0 <= seen.headers_read <= seen.body_read < len(seen.reads)


def in_step(sends: list[bytes], body_ends: list[int], authority: Authority | None = None) -> Recording:
    """The recording of an answer whose every send waits until the body of the one before was read."""
    calls: list[Call] = []

    def read_up_to(body_end: int) -> None:
        trace = calls[0].trace
        until(lambda: trace.settled and trace.size == body_end, f"{body_end} bytes to be read")

    steps: list[Step] = [sends[0]]
    for body_end, send in zip(body_ends, sends[1:], strict=False):
        steps += [partial(read_up_to, body_end), send]
    with Scripted([steps], authority.server() if authority else None) as server:
        calls.append(Door(tls=authority.client if authority else None).call("e/0", asking(server.url)))
        return finish(calls[0])


STREAM = [head(transfer_encoding="chunked"), *map(chunk, EVENTS), b"0\r\n\r\n"]
STREAM_ENDS = [0, 15, 33, 47, 47]  # head, three events, the end: 15, 15 + 18, 15 + 18 + 14 bytes


def test_a_new_connection_is_marked_from_name_to_connect() -> None:
    with Scripted([whole(b"{}")]) as server:
        seen = record(asking(server.url, mode="blocking"))
    names, times = zip(*seen.marks, strict=True)
    assert names == ("dns.start", "dns.end", "connect.start", "connect.end")
    assert list(times) == sorted(times)
    assert times[-1] <= seen.writes[0].before_ns
    assert seen.connection == "new"


def test_head_and_body_of_a_request_leave_in_one_write() -> None:
    with Scripted([whole(b"{}")]) as server:
        seen = record(asking(server.url, mode="blocking"))
        sent_head, sent_body = server.requests[0]
    assert [w.size for w in seen.writes] == [len(sent_head) + 4 + len(sent_body)]


def test_each_send_of_a_stream_is_a_read_and_its_body_ends_there() -> None:
    seen = in_step(STREAM, STREAM_ENDS)
    check_shape(seen)
    assert seen.body == b"".join(EVENTS)
    assert [r.body_end for r in seen.reads] == STREAM_ENDS
    assert seen.headers_read == 0
    assert seen.body_read == 4, "the read that held the terminating chunk"


def test_sizes_are_those_on_the_socket() -> None:
    assert [r.size for r in in_step(STREAM, STREAM_ENDS).reads] == [len(send) for send in STREAM]


def test_a_compressed_stream_is_stamped_and_kept_as_it_came() -> None:
    """Inflating is the timeline's business; each flush of the server is a read here."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    pieces.append(packer.flush())
    ends = [0, *itertools.accumulate(map(len, pieces)), sum(map(len, pieces))]
    zipped = head(transfer_encoding="chunked", content_encoding="gzip")
    seen = in_step([zipped, *map(chunk, pieces), b"0\r\n\r\n"], ends)
    check_shape(seen)
    assert [r.body_end for r in seen.reads] == ends
    assert zlib.decompress(seen.body, 31) == b"".join(EVENTS)


def test_events_in_one_send_share_one_read() -> None:
    script = [head(transfer_encoding="chunked") + b"".join(map(chunk, EVENTS)) + b"0\r\n\r\n"]
    with Scripted([script]) as server:
        seen = record(asking(server.url))
    check_shape(seen)
    assert (len(seen.reads), seen.headers_read, seen.body_read) == (1, 0, 0)


def test_a_chunk_split_anywhere_gives_the_same_body() -> None:
    stream = head(transfer_encoding="chunked") + b"".join(map(chunk, EVENTS)) + b"0\r\n\r\n"
    for cut in range(60, len(stream), 23):
        with Scripted([[stream[:cut], 0.02, stream[cut:]]]) as server:
            seen = record(asking(server.url))
        check_shape(seen)
        assert seen.body == b"".join(EVENTS)


def test_a_body_of_known_length_ends_with_its_last_byte() -> None:
    seen = in_step([head(content_length="10") + b"12345", b"67890"], [5, 10])
    check_shape(seen)
    assert (seen.body, seen.body_read) == (b"1234567890", 1)
    assert all(r.size for r in seen.reads), "no end of file was awaited"


def test_a_body_without_length_ends_with_the_connection() -> None:
    with Scripted([[head(), b"data: 1\n\n", 0.03, FIN]]) as server:
        seen = record(asking(server.url))
    check_shape(seen)
    assert seen.body == b"data: 1\n\n"
    assert seen.body_read == len(seen.reads) - 1
    assert seen.reads[-1].size == 0


def test_an_empty_body_is_complete_with_its_head() -> None:
    with Scripted([whole(b"")]) as server:
        seen = record(asking(server.url, mode="blocking"))
    check_shape(seen)
    assert (seen.body, seen.headers_read, seen.body_read) == (b"", 0, 0)


def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 8192  # 2 MiB, every byte value
    with Scripted([whole(body)]) as server:
        seen = record(asking(server.url, mode="blocking"))
    check_shape(seen)
    assert seen.body == body


def test_a_large_prompt_leaves_whole_and_every_send_is_kept() -> None:
    text = "x" * 1_000_000
    with Scripted([whole(b"{}")]) as server:
        body = f'{{"messages":[{{"content":"{text}","role":"user"}}],"model":"m"}}'
        seen = record(asking(server.url, mode="blocking", body=body))
        sent_head, sent_body = server.requests[0]
    assert sum(w.size for w in seen.writes) == len(sent_head) + 4 + len(sent_body)
    assert len(sent_body) > 1_000_000


def test_kernel_stamps_lie_between_the_servers_send_and_our_read() -> None:
    """Tolerance 1 ms for the conversion between the clocks, measured to well under 0.05 ms here."""
    test = StampTest()
    with Scripted([chunked(*EVENTS)]) as server:
        seen = record(asking(server.url))
        sent = [server.sent.get(timeout=5)[0] for _ in seen.reads]
    test.close()
    if not test.works:
        assert {read.kernel_ns for read in seen.reads} == {None}, "a system without stamps says so"
        return
    offset = seen.clocks[0].realtime_ns - seen.clocks[0].monotonic_ns
    for before_send, read in zip(sent, seen.reads, strict=True):
        assert read.kernel_ns is not None
        assert before_send - 1_000_000 <= read.kernel_ns - offset <= read.after_ns + 1_000_000


def test_clocks_are_read_before_and_after() -> None:
    with Scripted([whole(b"{}")]) as server:
        seen = record(asking(server.url, mode="blocking"))
    first, last = seen.clocks
    assert first.monotonic_ns < seen.marks[0][1]
    assert seen.reads[-1].after_ns < last.monotonic_ns
    assert 0 <= first.width_ns < 1_000_000
    assert read_clock(1).realtime_ns > 0


def test_tls_is_stamped_like_plain_http(authority: Authority) -> None:
    seen = in_step(STREAM, STREAM_ENDS, authority)
    check_shape(seen)
    assert seen.body == b"".join(EVENTS)
    assert [name for name, _ in seen.marks][-2:] == ["tls.start", "tls.end"]
    assert seen.marks[-1][1] <= seen.writes[0].before_ns, "the handshake is no write of the request"
    ends = [r.body_end for r in seen.reads]
    assert sorted(set(ends) - {0}) == [15, 33, 47]
    test = StampTest()
    test.close()
    assert {r.kernel_ns is not None for r in seen.reads} == {test.works}


def test_a_large_body_arrives_whole_over_tls(authority: Authority) -> None:
    body = bytes(range(256)) * 4096
    with Scripted([whole(body)], authority.server()) as server:
        seen = record(asking(server.url, mode="blocking"), door=Door(tls=authority.client))
    check_shape(seen)
    assert seen.body == body


def test_a_cut_over_tls_is_an_end_of_file(authority: Authority) -> None:
    script = [head(transfer_encoding="chunked"), chunk(EVENTS[0]), FIN]
    with Scripted([script], authority.server()) as server:
        seen = record(asking(server.url), door=Door(tls=authority.client))
    assert seen.error is not None
    assert seen.error.kind == "cut"
    assert seen.body == EVENTS[0]


def test_an_unknown_certificate_is_refused_before_anything_is_sent(authority: Authority) -> None:
    with Scripted([whole(b"{}")], authority.server()) as server:
        seen = record(asking(server.url))
        assert server.requests == []
    assert seen.error is not None
    assert seen.error.kind == "tls"
    assert "certificate" in seen.error.message
    assert (seen.writes, seen.reads) == ((), ())


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    with Scripted([whole(b"{}")], authority.server("elsewhere.test")) as server:
        seen = record(asking(server.url), door=Door(tls=authority.client))
    assert seen.error is not None
    assert seen.error.kind == "tls"


def test_https_to_a_plain_server_says_so() -> None:
    def refuse(server: socket.socket) -> None:
        with server.accept()[0] as peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=refuse, args=(plain,))
        thread.start()
        seen = record(asking(f"https://localhost:{plain.getsockname()[1]}/v1"))
        thread.join()
    assert seen.error is not None
    assert seen.error.kind == "tls"
    assert "http://" in seen.error.message


def test_a_handshake_that_never_comes_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://localhost:{mute.getsockname()[1]}/v1"
        seen = record(asking(url, limits=limits(connect_s=0.2)))
    assert seen.error is not None
    assert seen.error.kind == "tls"


def test_new_connections_are_new_each_time(keeping: Door) -> None:
    with Scripted([chunked(*EVENTS)]) as server:
        seen = [record(asking(server.url), door=keeping) for _ in range(3)]
        assert server.connections == 3
    assert [s.connection for s in seen] == ["new"] * 3


def test_a_stream_that_was_read_to_its_end_leaves_a_connection_to_reuse(keeping: Door) -> None:
    with Scripted([chunked(*EVENTS)]) as server:
        seen = [record(asking(server.url, connection="reused"), door=keeping) for _ in range(3)]
        assert server.connections == 1
    assert [s.connection for s in seen] == ["new", "reused", "reused"], "the recording says what it was"
    assert [len(s.marks) for s in seen] == [4, 0, 0]
    assert all(s.body == b"".join(EVENTS) and s.error is None for s in seen)


def test_a_reused_connection_keeps_nothing_of_the_call_before(keeping: Door) -> None:
    with Scripted([whole(b'{"a":1}'), whole(b'{"b":2}')]) as server:
        request = asking(server.url, mode="blocking", connection="reused")
        first, second = (record(request, door=keeping) for _ in range(2))
    assert (first.body, second.body) == (b'{"a":1}', b'{"b":2}')
    assert second.reads[0].before_ns > first.reads[-1].after_ns


def test_tls_connections_are_reused(authority: Authority) -> None:
    door = Door(tls=authority.client)
    with Scripted([chunked(*EVENTS)], authority.server()) as server:
        seen = [record(asking(server.url, connection="reused"), door=door) for _ in range(2)]
        door.close()
    assert [s.connection for s in seen] == ["new", "reused"]


def test_a_connection_the_server_closed_is_not_reused(keeping: Door) -> None:
    with Scripted([[*whole(b"{}"), FIN], whole(b"{}")]) as server:
        request = asking(server.url, mode="blocking", connection="reused")
        first = record(request, door=keeping)
        until(lambda: not server._threads[0].is_alive(), "the server to close")
        second = record(request, door=keeping)
    assert first.error is None
    assert second.error is None
    assert second.connection == "new"


def test_a_server_that_stays_silent_after_its_last_event_is_not_waited_for() -> None:
    """Tolerance: 50 ms are allowed; anything below the silence limit of 5 s shows the point."""
    script = [head(transfer_encoding="chunked"), *map(chunk, EVENTS), HOLD]
    with Scripted([script]) as server:
        begun = time.monotonic()
        seen = record(asking(server.url))
        took = time.monotonic() - begun
    assert took < 3
    assert (seen.body, seen.error, seen.body_read) == (b"".join(EVENTS), None, None)


def test_the_responses_api_ends_with_its_own_event() -> None:
    last = b'event: response.completed\ndata: {"type":"response.completed"}\n\n'
    script = [head(transfer_encoding="chunked"), chunk(b"data: {}\n\n"), chunk(last), HOLD]
    with Scripted([script]) as server:
        seen = record(asking(server.url, "responses"))
    assert (seen.body, seen.error) == (b"data: {}\n\n" + last, None)


def test_an_answer_that_only_mentions_the_last_word_is_read_on() -> None:
    events = (b'data: {"t":"data: [DONE]"}\n\n', b'data: {"t":"more"}\n\n')
    script = [head(transfer_encoding="chunked"), chunk(events[0]), 0.2, chunk(events[1]), b"0\r\n\r\n"]
    with Scripted([script]) as server:
        seen = record(asking(server.url))
    check_shape(seen)
    assert seen.body == b"".join(events)


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    seen = record(asking(f"http://127.0.0.1:{port}/v1"))
    assert seen.error is not None
    assert seen.error.kind == "connect"
    assert f"127.0.0.1:{port} refused the connection" in seen.error.message
    assert (seen.connection, seen.writes, seen.status) == (None, (), None)


def test_a_host_that_does_not_resolve() -> None:
    seen = record(asking("http://nothing.invalid/v1"))
    assert seen.error is not None
    assert seen.error.kind == "resolve"
    assert "nothing.invalid" in seen.error.message


def test_a_resolver_that_never_answers_is_left_behind() -> None:
    never = threading.Event()
    door = Door(Telling(lambda host, port: Anywhere().addresses(host, port) if never.wait(20) else []))
    seen = record(asking("http://slow.test/v1", limits=limits(connect_s=0.1)), door=door)
    never.set()
    assert seen.error is not None
    assert seen.error.kind == "resolve"
    assert "0.1 s" in seen.error.message


def test_a_host_that_never_answers_a_connection() -> None:
    """A full backlog: the kernel drops what comes, as a far firewall would."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        seen = record(asking(f"http://127.0.0.1:{full.getsockname()[1]}/v1", limits=limits(connect_s=0.2)))
        for one in waiting:
            one.close()
    assert seen.error is not None
    assert seen.error.kind == "connect"
    assert "did not answer within 0.2 s" in seen.error.message


def test_the_next_address_is_tried_when_the_first_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()
    with Scripted([whole(b"{}")]) as server:
        live = Anywhere().addresses("127.0.0.1", server.port)[0]
        door = Door(Telling(lambda host, port: [Address(live.family, dead), live]))
        seen = record(asking("http://two.test/v1", mode="blocking"), door=door)
    assert seen.error is None
    assert seen.body == b"{}"


def test_a_policy_decides_what_is_dialled_and_its_no_is_final() -> None:
    def nowhere(host: str, port: int) -> list[Address]:
        raise Refused(f"{host} may not be called from here.")

    with Scripted([whole(b"{}")]) as server:
        for url in (server.url, f"http://127.0.0.1:{server.port}/v1"):
            seen = record(asking(url), door=Door(Telling(nowhere)))
            assert seen.error is not None
            assert seen.error.kind == "refused"
            assert "may not be called" in seen.error.message
        assert server.connections == 0


def test_a_silent_server_is_given_up() -> None:
    with Scripted([[HOLD]]) as server:
        seen = record(asking(server.url, limits=limits(silence_s=0.1)))
    assert seen.error is not None
    assert seen.error.kind == "timeout"
    assert "0.1 s" in seen.error.message
    assert (seen.status, seen.body_read) == (None, None)


def test_silence_in_mid_stream_keeps_what_came() -> None:
    script = [head(transfer_encoding="chunked"), chunk(EVENTS[0]), HOLD]
    with Scripted([script]) as server:
        seen = record(asking(server.url, limits=limits(silence_s=0.3)))
    assert seen.error is not None
    assert seen.error.kind == "timeout"
    assert (seen.body, seen.status, seen.body_read) == (EVENTS[0], 200, None)


def test_a_drip_that_never_falls_silent_ends_at_the_deadline() -> None:
    script = [head(transfer_encoding="chunked"), *[chunk(b": keep-alive\n\n"), 0.05] * 400]
    with Scripted([script]) as server:
        begun = time.monotonic()
        seen = record(asking(server.url, limits=limits(silence_s=5.0, total_s=0.5)))
        took = time.monotonic() - begun
    assert seen.error is not None
    assert seen.error.kind == "deadline"
    assert seen.body.startswith(b": keep-alive")
    assert 0.5 <= took < 5


def test_an_endless_body_ends_at_the_byte_budget() -> None:
    pieces = [chunk(b"data: " + b"x" * 1000 + b"\n\n")] * 400
    with Scripted([[head(transfer_encoding="chunked"), *pieces, HOLD]]) as server:
        seen = record(asking(server.url, limits=limits(body_bytes=50_000)))
    assert seen.error is not None
    assert seen.error.kind == "limit"
    assert "50,000 bytes" in seen.error.message
    assert len(seen.body) <= 50_000 + 65_536, "at most one read more"


def test_an_endless_line_ends_at_its_limit() -> None:
    pieces = [chunk(b"x" * 1000)] * 400
    with Scripted([[head(transfer_encoding="chunked"), *pieces, HOLD]]) as server:
        seen = record(asking(server.url, limits=limits(line_bytes=20_000)))
    assert seen.error is not None
    assert seen.error.kind == "limit"
    assert "line" in seen.error.message


def test_endless_headers_are_a_broken_answer() -> None:
    flood = b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"y" * 300_000
    with Scripted([[flood, HOLD]]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert seen.error.kind == "protocol"


def test_a_server_that_does_not_speak_http() -> None:
    with Scripted([[b"220 mail.test ESMTP\r\n\r\n", HOLD]]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert seen.error.kind == "protocol"


def test_a_connection_closed_in_mid_chunk_is_cut() -> None:
    script = [head(transfer_encoding="chunked"), chunk(EVENTS[0]), b"20\r\ndata: half", 0.03, FIN]
    with Scripted([script]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert seen.error.kind == "cut"
    assert seen.body == EVENTS[0] + b"data: half"
    assert seen.reads[-1].size == 0
    assert seen.body_read is None


def test_a_connection_closed_before_the_length_is_reached_is_cut() -> None:
    with Scripted([[head(content_length="100") + b"half", FIN]]) as server:
        seen = record(asking(server.url, mode="blocking"))
    assert seen.error is not None
    assert seen.error.kind == "cut"
    assert (seen.body, seen.body_read) == (b"half", None)


def test_a_connection_closed_without_an_answer_is_cut() -> None:
    with Scripted([[FIN]]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert seen.error.kind == "cut"
    assert "without an answer" in seen.error.message


def test_a_reset_is_told_from_a_close() -> None:
    script = [head(transfer_encoding="chunked"), chunk(EVENTS[0]), 0.05, RST]
    with Scripted([script]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert seen.error.kind == "reset"
    assert seen.body == EVENTS[0]


@pytest.mark.parametrize("script", [[HOLD], [head(transfer_encoding="chunked"), chunk(EVENTS[0]), HOLD]])
def test_cancel_ends_a_waiting_read_and_keeps_what_came(script: list[bytes], keeping: Door) -> None:
    with Scripted([script]) as server:
        call = keeping.call("e/0", asking(server.url, limits=limits(silence_s=60, total_s=60)))
        with in_background(call):
            until(lambda: server.requests and (len(script) == 1 or call.trace.size), "the first bytes")
            call.cancel()
        seen = finish_of(call)
    assert seen.error is not None
    assert seen.error.kind == "cancelled"
    assert seen.body == (EVENTS[0] if len(script) > 1 else b"")
    assert all(r.size for r in seen.reads), "our own shutdown is no end of file of theirs"


def test_cancel_ends_a_lookup() -> None:
    never = threading.Event()
    door = Door(Telling(lambda host, port: Anywhere().addresses(host, port) if never.wait(20) else []))
    call = door.call("e/0", asking("http://slow.test/v1"))
    with in_background(call):
        until(lambda: call.trace.marks, "the lookup to begin")
        call.cancel()
    never.set()
    assert finish_of(call).error.kind == "cancelled"  # type: ignore[union-attr]


def test_a_call_cancelled_before_its_time_sends_nothing(keeping: Door) -> None:
    with Scripted([whole(b"{}")]) as server:
        call = keeping.call("e/0", asking(server.url), None, time.perf_counter_ns() + 60_000_000_000)
        with in_background(call):
            call.cancel()
        assert server.requests == []
    assert finish_of(call).error.kind == "cancelled"  # type: ignore[union-attr]


def finish_of(call):  # type: ignore[no-untyped-def]
    """The recording of a call that has already run."""
    call.run = lambda: None
    return finish(call)


def test_unix_sockets_are_refused() -> None:
    with pytest.raises(httpcore2.NetworkError, match="Unix"):
        Network().connect_unix_socket("/run/docker.sock")


def test_nothing_of_the_http_libraries_private_names_is_used() -> None:
    """The seam is public: `ConnectionPool(network_backend=)`, `BaseTransport`, `NetworkStream`."""
    for name in ("wire", "capture", "guard", "tls"):
        for node in ast.walk(ast.parse((LIB / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr):
                owner = node.value
                assert isinstance(owner, ast.Name), f"{name}: {ast.unparse(node)}"
                assert owner.id in ("self", "os"), f"{name}: {ast.unparse(node)}"


def test_every_byte_of_a_call_goes_through_our_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when the libraries stop asking the network backend they were given."""
    asked: list[str] = []
    connect, read, write = Network.connect_tcp, Wire.read, Wire.write
    monkeypatch.setattr(
        Network, "connect_tcp", lambda self, *a, **k: asked.append("connect") or connect(self, *a, **k)
    )
    monkeypatch.setattr(Wire, "read", lambda self, *a, **k: asked.append("read") or read(self, *a, **k))
    monkeypatch.setattr(Wire, "write", lambda self, *a, **k: asked.append("write") or write(self, *a, **k))
    with Scripted([chunked(*EVENTS)]) as server:
        seen = record(asking(server.url))
    assert seen.body == b"".join(EVENTS)
    assert asked[:2] == ["connect", "write"]
    assert asked.count("read") >= 2, "at least the head, and the end of the body"
