"""The client's side of a call: what is asked, what is kept, what an error says, what never leaves."""

import gzip
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.answers import provider_message
from lib.capture import METHODS, Door
from lib.messages import Key, from_line, to_line
from lib.recording import Recording, from_bytes, to_bytes
from lib.redact import Mask, redact
from lib.spec import origin
from tests.scripted import (
    FIN,
    HOLD,
    RST,
    Authority,
    Scripted,
    asking,
    chunk,
    chunked,
    finish,
    head,
    record,
    whole,
)

SECRET = "sk-canary-0123456789abcdef"
DOOR = Door()
PATHS = {
    "chat.completions": "POST /v1/chat/completions",
    "completions": "POST /v1/completions",
    "responses": "POST /v1/responses",
    "models": "GET /v1/models",
    "moderations": "POST /v1/moderations",
}


def key_for(url: str, secret: str = SECRET) -> Key:
    return Key("typed:x", secret, origin(url))


def with_key(server: Scripted, **fields: object) -> Recording:
    return record(asking(server.url, key_ref="typed:x", **fields), key=key_for(server.url))


def headers_of(server: Scripted) -> dict[str, str]:
    lines = server.heads[-1].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
@pytest.mark.parametrize("api", list(METHODS))
def test_every_api_kind_asks_its_path_with_the_bodys_fields(api: str, mode: str) -> None:
    with Scripted([whole(b"{}")]) as server:
        request = asking(server.url, api, mode)
        seen = record(request)
        _, sent = server.requests[0]
    assert seen.error is None
    assert seen.body == b"{}"
    assert server.heads[0].startswith(PATHS[api] + " HTTP/1.1")
    assert json.loads(sent or b"{}") == json.loads(request.body)


def test_fields_the_client_has_no_name_for_are_sent_as_they_stand() -> None:
    extra = {"model": "m", "messages": [], "min_p": 0.1, "timeout": 7, "extra_headers": {"X-A": "b"}}
    with Scripted([whole(b"{}")]) as server:
        seen = record(asking(server.url, mode="blocking", body=json.dumps(extra)))
        _, sent = server.requests[0]
    assert seen.error is None
    assert json.loads(sent) == extra
    assert "x-a" not in headers_of(server)


def test_identity_is_asked_for_and_gzip_by_choice() -> None:
    with Scripted([whole(b"{}")]) as server:
        record(asking(server.url))
        assert headers_of(server)["accept-encoding"] == "identity"
        record(asking(server.url, accept_encoding="gzip"))
        assert headers_of(server)["accept-encoding"] == "gzip"


def test_a_compressed_body_is_kept_as_it_came() -> None:
    packed = gzip.compress(b'data: {"a":1}\n\n' * 50)
    with Scripted([whole(packed, kind="text/event-stream", content_encoding="gzip")]) as server:
        seen = record(asking(server.url, accept_encoding="gzip"))
    assert seen.body == packed
    assert ("content-encoding", "gzip") in seen.headers


def test_status_version_and_an_allow_list_of_headers_are_kept() -> None:
    answer = whole(
        b"{}",
        server="nginx",
        x_request_id="r-1",
        openai_processing_ms="12",
        openai_organization="acme-inc",
        set_cookie="id=7",
        Via="1.1 proxy",
    )
    with Scripted([answer]) as server:
        seen = record(asking(server.url, mode="blocking"))
    assert (seen.status, seen.http_version) == (200, "HTTP/1.1")
    assert dict(seen.headers) == {
        "content-type": "application/json",
        "server": "nginx",
        "x-request-id": "r-1",
        "openai-processing-ms": "12",
        "via": "1.1 proxy",
    }


def test_a_recording_survives_its_bytes() -> None:
    with Scripted([chunked(bytes(range(256)))]) as server:
        seen = record(asking(server.url))
    assert from_bytes(to_bytes(seen)) == seen


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "no such field"),
        (401, "Check the key"),
        (403, "Check the key"),
        (404, "base URL"),
        (422, "usage reports"),
        (429, "not tried again"),
        (500, "not tried again"),
        (503, "not tried again"),
    ],
)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
def test_a_status_is_an_error_with_the_providers_words_and_one_request(
    status: int, says: str, mode: str
) -> None:
    body = b'{"error":{"message":"no such field.","type":"x"}}'
    with Scripted([whole(body, status, retry_after="0")]) as server:
        seen = record(asking(server.url, mode=mode))
        assert len(server.requests) == 1, "a paid call is never repeated"
    assert seen.error is not None
    assert (seen.error.kind, seen.error.status) == ("status", status)
    assert seen.error.message.startswith(f"localhost:{server.port} answered {status}: no such field.")
    assert says in seen.error.message
    assert (seen.status, seen.body) == (status, body)
    assert seen.body_read is not None


def test_an_error_without_json_still_says_what_to_do() -> None:
    with Scripted([whole(b"<html>404</html>", 404, "text/html")]) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert "html" not in seen.error.message
    assert "base URL" in seen.error.message


def test_a_compressed_error_is_read_and_a_bomb_is_not_inflated() -> None:
    small = gzip.compress(b'{"error":{"message":"too warm"}}')
    bomb = gzip.compress(b"\0" * 20_000_000)
    with Scripted([whole(b, 400, content_encoding="gzip") for b in (small, bomb)]) as server:
        first, second = record(asking(server.url)), record(asking(server.url))
    assert first.error is not None
    assert "too warm" in first.error.message
    assert second.error is not None
    assert second.error.kind == "status"
    assert second.body == bomb


@pytest.mark.parametrize("ending", [FIN, RST, HOLD])
def test_an_error_whose_body_is_cut_is_still_that_error(ending: str) -> None:
    with Scripted([[head(429, content_length="100") + b"half", 0.05, ending]]) as server:
        limits = asking(server.url).limits
        seen = record(asking(server.url, limits=type(limits)(silence_s=0.3)))
    assert seen.error is not None
    assert (seen.error.kind, seen.error.status) == ("status", 429)
    assert seen.body == b"half"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with Scripted([whole(b"{}")]) as canary:
        answer = whole(b"", status, location=f"http://localhost:{canary.port}/v1/chat/completions")
        with Scripted([answer]) as server:
            seen = with_key(server)
        assert canary.connections == 0
    assert seen.error is not None
    assert (seen.error.kind, seen.error.status) == ("status", status)
    assert f"localhost:{canary.port}" in seen.error.message


def test_html_with_status_200_is_not_transports_business() -> None:
    page = b"<!doctype html><p>hello"
    with Scripted([whole(page, kind="text/html")]) as server:
        seen = record(asking(server.url))
    assert seen.error is None
    assert seen.body == page


def test_the_key_is_sent_where_it_may_go() -> None:
    with Scripted([whole(b"{}")]) as server:
        with_key(server)
        assert headers_of(server)["authorization"] == f"Bearer {SECRET}"


def test_without_a_key_no_authorization_is_sent() -> None:
    with Scripted([whole(b"{}")]) as server:
        for api in METHODS:
            record(asking(server.url, api))
            assert "authorization" not in headers_of(server)


def test_a_key_is_refused_to_any_other_origin() -> None:
    with Scripted([whole(b"{}")]) as server:
        for other in ("https://localhost", f"https://localhost:{server.port}", "http://localhost:1"):
            seen = record(asking(server.url, key_ref="typed:x"), key=key_for(other))
            assert seen.error is not None
            assert seen.error.kind == "refused"
            assert "Nothing was sent" in seen.error.message
        assert server.connections == 0


def test_a_key_that_is_not_known_sends_nothing() -> None:
    with Scripted([whole(b"{}")]) as server:
        seen = record(asking(server.url, key_ref="env:GONE"))
        assert server.connections == 0
    assert seen.error is not None
    assert seen.error.kind == "refused"


def test_a_key_that_no_header_can_hold_sends_nothing_and_is_not_repeated() -> None:
    with Scripted([whole(b"{}")]) as server:
        key = key_for(server.url, "sk-canary\nX-Evil: 1")
        seen = record(asking(server.url, key_ref="typed:x"), key=key)
        assert server.connections == 0
    assert seen.error is not None
    assert "canary" not in seen.error.message


def test_a_base_url_without_a_host_is_refused() -> None:
    seen = record(asking("http://"))
    assert seen.error is not None
    assert seen.error.kind == "refused"


def test_the_environment_feeds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted([whole(b"{}")]) as canary, Scripted([whole(b"{}")]) as server:
        away = f"http://localhost:{canary.port}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy", "OPENAI_BASE_URL"):
            monkeypatch.setenv(name, away)
        for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
            monkeypatch.setenv(f"OPENAI_{name}", "leak-canary")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Evil: leak-canary\nAuthorization: leak-canary")
        for api in METHODS:
            seen = record(asking(server.url, api))
            assert seen.error is None
        assert canary.connections == 0
    assert all("leak-canary" not in h and "openai-" not in h.lower() for h in server.heads)


def test_an_echoed_key_is_masked_and_offsets_hold() -> None:
    event = b'data: {"echo":"%b"}\n\n'
    with Scripted([chunked(event % SECRET.encode(), b"data: {}\n\n")]) as server:
        seen = with_key(server)
    assert seen.body == event % (b"*" * len(SECRET)) + b"data: {}\n\n"
    assert seen.reads[-1].body_end == len(seen.body)


def test_an_echoed_key_is_masked_when_reads_split_it() -> None:
    pieces = [b"data: " + SECRET[:7].encode(), SECRET[7:20].encode(), SECRET[20:].encode() + b"\n\n"]
    with Scripted([chunked(*pieces)]) as server:
        call = Door().call("e/0", asking(server.url, key_ref="typed:x"), key_for(server.url))
        seen = finish(call)
    assert seen.body == b"data: " + b"*" * len(SECRET) + b"\n\n"


def test_no_part_that_left_early_held_the_beginning_of_the_key() -> None:
    half = SECRET[:12].encode()
    call = Door().call(
        "e/0", asking("http://localhost:1/v1", key_ref="typed:x"), key_for("http://localhost:1")
    )
    trace = call.trace
    for piece in (b"data: {}\n\n", b"data: " + half, SECRET[12:].encode() + b"\n\n"):
        trace.append(1, 2, None, len(piece))
        trace.take(piece)
        trace.settle()
        part = call.part()
        assert part is None or half.decode() not in part.body
        if piece.endswith(half):
            assert part is None, "held back until it is known what it was"
    assert part is not None
    assert part.body == "data: " + "*" * len(SECRET) + "\n\n"
    assert [r.body_end for r in part.reads] == [10 + 18, 10 + 34], "both reads, and their own ends"


def test_a_key_in_a_providers_error_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}."}}).encode()
    with Scripted([whole(body, 401, x_request_id=f"for-{SECRET}")]) as server:
        seen = with_key(server)
    assert seen.error is not None
    assert "Incorrect API key provided: [key]" in seen.error.message
    assert SECRET.encode() not in seen.body
    assert ("x-request-id", "for-[key]") in seen.headers
    assert SECRET not in caplog.text
    assert SECRET not in repr(seen)


def test_a_long_provider_message_is_cut_after_the_key_is_out() -> None:
    body = json.dumps({"error": {"message": "x" * 490 + SECRET}}).encode()
    with Scripted([whole(body, 400)]) as server:
        seen = with_key(server)
    assert seen.error is not None
    assert "sk-can" not in seen.error.message


def test_a_key_inside_a_compressed_answer_blanks_it() -> None:
    packed = gzip.compress(b'{"error":{"message":"' + SECRET.encode() + b'"}}')
    with Scripted([whole(packed, 401, content_encoding="gzip")]) as server:
        seen = with_key(server, accept_encoding="gzip")
    assert seen.body == bytes(len(packed))
    assert seen.error is not None
    assert SECRET not in seen.error.message


def test_a_compressed_answer_without_the_key_is_untouched() -> None:
    packed = gzip.compress(b"data: {}\n\n" * 10)
    with Scripted([whole(packed, content_encoding="gzip")]) as server:
        assert with_key(server, accept_encoding="gzip").body == packed


@given(st.lists(st.binary(max_size=12) | st.just(b"key-0123456789")), st.integers(0, 20))
def test_a_mask_hides_the_key_however_the_body_is_cut(pieces: list[bytes], step: int) -> None:
    secret = b"key-0123456789"
    whole_body = b"".join(pieces)
    window, mask, left = bytearray(), Mask(secret.decode()), b""
    for start in range(0, len(whole_body), step + 1):
        window += whole_body[start : start + step + 1]
        free = mask.release(window, final=False)
        left += window[:free]
        del window[:free]
        assert secret not in left
    assert mask.release(window, final=True) == len(window)
    assert left + window == whole_body.replace(secret, b"*" * len(secret))


PIECES = st.sampled_from([b"key-", b"0123", b"456789", b"k", b"key-0123456789", b"text"])


@given(st.lists(PIECES, max_size=12))
def test_no_part_holds_a_piece_of_the_key_wherever_reads_end(pieces: list[bytes]) -> None:
    """A part after every read; a read that may hold the key's beginning waits for the next."""
    secret = "key-0123456789"
    request = asking("http://localhost:1/v1", key_ref="typed:x")
    call = DOOR.call("e/0", request, key_for(request.base_url, secret))
    body = ""
    for n, piece in enumerate(pieces):
        call.trace.append(n, n, None, len(piece))
        call.trace.take(piece)
        call.trace.settle()
        body += part.body if (part := call.part()) is not None else ""
    call.finished.set()
    body += part.body if (part := call.part()) is not None else ""
    assert body == b"".join(pieces).decode().replace(secret, "*" * len(secret))


def test_a_short_key_is_a_word_and_leaves_answers_alone() -> None:
    assert redact("ollama says none", "none") == "ollama says none"
    assert Mask("none").release(bytearray(b"none"), final=False) == 4


@pytest.mark.parametrize(
    "text",
    ["Bearer abcdefgh12345678", "key sk-proj-abc123XYZ_-456", "gsk_abcdef123456", "AIza" + "b" * 35],
)
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    assert re.fullmatch(r"(Bearer |key )?\[key\]", redact(text, ""))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error":{"message":"a\\n b"}}', "a b"),
        (b'{"error":"b"}', "b"),
        (b'{"detail":[{"msg":"c"}]}', "c"),
        (b'{"message":"d"}', "d"),
        (b'[{"error":{"message":"e"}}]', "e"),
        (b"<html>", ""),
        (b"[" * 100_000, ""),
        (b'{"error":{"error":{"error":{"error":{"error":{"message":"deep"}}}}}}', ""),
        (b"", ""),
    ],
)
def test_a_providers_sentence_is_found(body: bytes, sentence: str) -> None:
    assert provider_message(body) == sentence


def test_a_call_that_fails_in_an_unforeseen_way_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("lib.capture._method", broken)
    seen = record(asking("http://localhost:1/v1"))
    assert seen.error is not None
    assert seen.error.kind == "protocol"
    assert SECRET not in seen.error.message


def test_a_body_the_client_does_not_accept_is_refused_with_a_sentence() -> None:
    seen = record(asking("http://localhost:1/v1", body='{"model":"m"}'))
    assert seen.error is not None
    assert seen.error.kind == "refused"
    assert "messages" in seen.error.message


def test_parts_end_on_reads_and_fold_to_the_recording() -> None:
    events = [b"data: %d\n\n" % n for n in range(50)]
    with Scripted([[head(transfer_encoding="chunked"), *map(chunk, events), b"0\r\n\r\n"]]) as server:
        call = Door().call("e/0", asking(server.url))
        call.run()
        part, nothing = call.part(), call.part()
    assert part is not None
    assert nothing is None
    assert part.body.encode("latin-1") == b"".join(events)
    assert part.reads[-1].body_end == len(part.body)
    assert from_line(to_line(part)) == part


def test_a_certificate_error_names_the_host() -> None:
    with Scripted([whole(b"{}")], Authority().server()) as server:
        seen = record(asking(server.url))
    assert seen.error is not None
    assert f"localhost:{server.port}" in seen.error.message
