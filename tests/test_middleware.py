"""Headers on every response, and which hosts and origins are answered."""

import base64
import hashlib
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.path_security import is_unsafe_path_pattern

from lib import middleware

SOCKET = "ws://localhost:8501/socket"
INDEX = "<html><script>\n  let a = 1\n</script><script src='x.js'></script></html>"


async def hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"referrer-policy": "origin"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def client(*, loopback_only: bool = True, base_url: str = "http://localhost:8501") -> TestClient:
    routes = [Route("/", hello), WebSocketRoute("/socket", socket)]
    wrapped = middleware.middleware(INDEX, loopback_only=loopback_only)
    return TestClient(Starlette(routes=routes, middleware=wrapped), base_url=base_url)


def test_every_response_carries_the_headers() -> None:
    for path, status in (("/", 200), ("/nothing", 404)):
        answer = client().get(path)
        assert answer.status_code == status
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_route_keeps_its_own_header() -> None:
    assert client().get("/").headers["referrer-policy"] == "origin"


def test_only_the_shells_own_inline_script_may_run() -> None:
    digest = base64.b64encode(hashlib.sha256(b"\n  let a = 1\n").digest()).decode()
    policy = middleware.content_security_policy(INDEX)
    assert f"script-src 'self' blob: 'sha256-{digest}';" in policy
    assert "unsafe-eval" not in policy


def test_the_installed_shell_has_inline_scripts_that_we_find() -> None:
    html = (Path(streamlit.__file__).parent / "static/index.html").read_text("utf-8")
    assert html.count("<script>") == len(list(middleware.inline_hashes(html))) >= 1


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "app.localhost"])
def test_loopback_names_are_answered(host: str) -> None:
    assert client(base_url=f"http://{host}").get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.5:8501", ""])
def test_any_other_name_is_refused(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null"])
def test_a_foreign_origin_opens_no_socket(origin: str) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect(SOCKET, headers={"origin": origin}),
    ):
        pass


def test_our_own_origin_opens_a_socket() -> None:
    headers = {"origin": "http://localhost:8501"}
    with client().websocket_connect(SOCKET, headers=headers) as opened:
        assert opened.receive_text() == "hello"


def test_a_page_of_another_origin_reads_files_of_shares_and_nothing_else() -> None:
    origin = {"origin": "https://ui.perfetto.dev"}
    server = beneath(loopback_only=True)
    assert server.get("/e/x.trace.json", headers=origin).status_code == 200
    assert server.post("/e/x.trace.json", headers=origin).status_code == 403
    for path in ("/", "/experiment", "/embed/x", "/api/experiments/x.json", "/e"):
        assert server.get(path, headers=origin).status_code == 403
    assert server.get("/e/x.json", headers=origin | {"host": "evil.example"}).status_code == 403


def test_an_explicit_mode_beyond_loopback_answers_any_host() -> None:
    answer = client(loopback_only=False).get("/", headers={"host": "gauge.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("gauge.example", 200),
        ("gauge.example:8443", 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("[", 403),
    ],
)
def test_behind_a_proxy_on_this_computer_the_public_name_is_answered_and_no_other(
    host: str, status: int
) -> None:
    wrapped = middleware.middleware(INDEX, loopback_only=True, public_url="https://gauge.example")
    behind = TestClient(Starlette(routes=[Route("/", hello)], middleware=wrapped))
    assert behind.get("/", headers={"host": host}).status_code == status


class Files:
    """A server of one script, which counts how often it was asked."""

    def __init__(self, *, encoding: str = "") -> None:
        self.asked = 0
        self.encoding = encoding

    async def __call__(self, _: object) -> PlainTextResponse:
        self.asked += 1
        headers = {"content-encoding": self.encoding} if self.encoding else {}
        return PlainTextResponse("let a = 1\n" * 1000, media_type="text/javascript", headers=headers)


def static(files: Files) -> TestClient:
    paths = ("/static/js/index.abc.js", "/static/other.js", "/static/js/gone.js")
    routes = [Route(path, files.__call__) for path in paths[:2]]
    wrapped = middleware.middleware(INDEX, loopback_only=True)
    return TestClient(Starlette(routes=routes, middleware=wrapped), base_url="http://localhost:8501")


def test_the_dashboards_own_scripts_are_compressed_once_and_read_the_same() -> None:
    files = Files()
    visitor = static(files)
    for _ in range(3):
        answer = visitor.get("/static/js/index.abc.js", headers={"accept-encoding": "gzip, br"})
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < 200
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.text == "let a = 1\n" * 1000
    assert files.asked == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"accept-encoding": "identity"},
        {"accept-encoding": "gzip", "range": "bytes=0-10"},
        {"accept-encoding": "gzip", "if-none-match": '"x"'},
    ],
    ids=["no gzip", "a part", "seen before"],
)
def test_who_cannot_take_the_whole_file_packed_gets_it_from_beneath(headers: dict[str, str]) -> None:
    files = Files()
    visitor = static(files)
    for _ in range(2):
        assert "content-encoding" not in visitor.get("/static/js/index.abc.js", headers=headers).headers
    assert files.asked == 2


def test_other_files_missing_ones_and_packed_ones_pass_through() -> None:
    files = Files(encoding="identity")
    visitor = static(files)
    assert visitor.get("/static/other.js").headers.get("content-encoding") == "identity"
    assert visitor.get("/static/js/gone.js").status_code == 404
    assert visitor.get("/static/js/index.abc.js").headers["content-encoding"] == "identity"


@pytest.mark.parametrize("loopback_only", [True, False])
def test_an_origin_that_is_no_address_is_another_one(loopback_only: bool) -> None:
    wrapped = middleware.middleware(INDEX, loopback_only=loopback_only)
    app = Starlette(routes=[Route("/", hello, methods=["POST"])], middleware=wrapped)
    answer = TestClient(app, base_url="http://localhost:8501").post("/", headers={"origin": "http://["})
    assert answer.status_code == 403


def beneath(*, loopback_only: bool, public_url: str = "") -> TestClient:
    """A server that refuses some addresses with a bare word, as Streamlit does."""

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        relative = scope["path"].lstrip("/")
        bad = scope["path"].startswith("//") or is_unsafe_path_pattern(relative)
        await PlainTextResponse("Bad Request" if bad else scope["path"], 400 if bad else 200)(
            scope, receive, send
        )

    app: ASGIApp = refusing
    for wrap in reversed(middleware.middleware(INDEX, loopback_only=loopback_only, public_url=public_url)):
        app = wrap.cls(app, *wrap.args, **wrap.kwargs)
    return TestClient(app, base_url="http://localhost:8501")


@pytest.mark.parametrize("wanted", ["%00", "a%00b", "%2e%2e", "%2e%2e%2fx", "x%5c..%5cy"])
def test_an_address_that_can_be_none_gets_a_sentence(wanted: str) -> None:
    client = beneath(loopback_only=True)
    for path in ("/e/", "/embed/", "/api/experiments/", "/replay/"):
        answer = client.get(f"{path}{wanted}/y.json")
        assert answer.status_code == 200
        assert answer.text.startswith(f"{path}")
        assert "~" in answer.text
    answer = client.get(f"/{wanted}")
    assert (answer.status_code, answer.text) == (404, "There is nothing at this address.\n")
    assert client.get("/a..b/c.js").text == "/a..b/c.js"


def test_the_servers_own_counters_are_for_this_computer_only() -> None:
    for path in ("/_stcore/metrics", "/_stcore/metrics/", "/base/_stcore/metrics"):
        assert beneath(loopback_only=True).get(path).status_code == 200
        assert beneath(loopback_only=False).get(path).status_code == 404
        assert beneath(loopback_only=True, public_url="https://g.example").get(path).status_code == 404
    assert beneath(loopback_only=False).get("/_stcore/health").status_code == 200


def test_an_answer_that_says_nothing_of_keeping_is_asked_for_anew() -> None:
    assert client().get("/").headers["cache-control"] == "no-cache"
    headers = {"referrer-policy": "no-referrer", "cache-control": "no-cache"}

    async def unchanged(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=304)(scope, receive, send)

    answer = TestClient(middleware.SecurityHeaders(unchanged, headers)).get("/")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "cache-control" not in answer.headers
