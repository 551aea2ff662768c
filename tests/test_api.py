"""The routes: status codes, the event stream's cursor, and what a foreign page cannot do."""

import json
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib import api
from lib.errors import NotFound, StoreError

KNOWN = "A" * 22
INDEX = "<html><title>Streamlit</title></html>"


class Item(NamedTuple):
    n: int
    state: str | None
    events: tuple[tuple[int, str, str, int], ...]


class Feed:
    boot = "boot1"
    items = (
        Item(0, "sent", ()),
        Item(0, None, ((160_000_000, "content", "4", 3),)),
        Item(0, "done", ()),
    )

    def read(self, wanted: str, cursor: int) -> tuple[list[Item], int, bool]:
        return list(self.items[cursor:]), len(self.items), True

    def ages(self, wanted: str) -> dict[int, float]:
        return {0: 12.5}


class Service:
    feed = Feed()
    status = "ok"

    def health(self) -> dict[str, str]:
        return {"status": self.status}

    def require(self, wanted: str) -> None:
        if wanted != KNOWN:
            raise NotFound("There is no experiment with this id.")

    def json(self, wanted: str) -> str:
        self.require(wanted)
        return json.dumps({"id": wanted})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Any) -> TestClient:
    return TestClient(Starlette(routes=api.routes(lambda: service, INDEX)))


def events(text: str) -> list[dict[str, str]]:
    frames = [f for f in text.split("\n\n") if f]
    return [dict(line.split(": ", 1) for line in f.splitlines()) for f in frames]


def test_health_is_503_when_a_part_fails(client: TestClient, service: Service) -> None:
    assert client.get("/healthz").status_code == 200
    service.status = "failing"
    assert client.get("/healthz").status_code == 503


def test_document_of_a_known_experiment(client: TestClient) -> None:
    answer = client.get(f"/api/experiments/{KNOWN}.json")
    assert answer.json() == {"id": KNOWN}
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("wanted", ["B" * 22, "short", "A" * 23, "..%2f..%2fetc", "%00" * 22])
def test_unknown_and_malformed_ids_look_the_same(client: TestClient, wanted: str) -> None:
    for path in (f"/api/experiments/{wanted}.json", f"/api/experiments/{wanted}/events"):
        assert client.get(path).status_code == 404


def test_an_address_below_api_that_is_none_is_no_page(client: TestClient) -> None:
    for path in (
        *("/api", "/api/", "/api/experiments/", "/api/experiments/x/y.json", "/api/nonsense"),
        *("/replay", f"/replay/{KNOWN}", f"/replay/{KNOWN}/v1", f"/replay/{KNOWN}/v2/models"),
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "nothing at this address" in answer.json()["error"]


def test_page_status_tells_whether_the_experiment_exists(client: TestClient) -> None:
    assert client.get("/experiment", params={"id": KNOWN}).status_code == 200
    missing = client.get("/experiment", params={"id": "nope"})
    assert (missing.status_code, missing.text) == (404, INDEX)


def test_a_store_that_fails_is_a_sentence_not_a_traceback(client: TestClient, service: Any) -> None:
    def broken(_: str) -> str:
        raise StoreError("The data folder cannot be read.")

    service.json = service.require = broken
    for path in (f"/api/experiments/{KNOWN}.json", f"/api/experiments/{KNOWN}/events"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "The data folder cannot be read."})


def test_events_carry_a_cursor_ages_and_an_end(client: TestClient) -> None:
    frames = events(client.get(f"/api/experiments/{KNOWN}/events").text)
    assert [f.get("event", "items") for f in frames] == ["ages", "items", "end"]
    assert frames[1]["id"] == "boot1.3"
    rows = json.loads(frames[1]["data"])["items"]
    assert rows == [[0, "sent", []], [0, None, [[160_000_000, "content", "4", 3]]], [0, "done", []]]


def test_events_resume_at_the_cursor(client: TestClient) -> None:
    headers = {"Last-Event-ID": "boot1.2"}
    frames = events(client.get(f"/api/experiments/{KNOWN}/events", headers=headers).text)
    items = [json.loads(f["data"])["items"] for f in frames if "event" not in f]
    assert items == [[[0, "done", []]]]


@pytest.mark.parametrize("cursor", ["boot0.2", "boot1.x", "nonsense", f"boot1.{'9' * 5_000}", "boot1.²"])
def test_an_unknown_cursor_starts_over(client: TestClient, cursor: str) -> None:
    headers = {"Last-Event-ID": cursor.encode("latin-1")}
    frames = events(client.get(f"/api/experiments/{KNOWN}/events", headers=headers).text)
    assert frames[0]["event"] == "reset"
    assert len(json.loads(frames[2]["data"])["items"]) == 3


def test_calls_that_no_plan_has_are_ignored(client: TestClient) -> None:
    for calls in ("9" * 5_000, "²", "-1,x"):
        answer = client.get(f"/api/experiments/{KNOWN}/events", params={"calls": calls})
        assert answer.status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_routes_change_nothing(client: TestClient, method: str) -> None:
    for path in ("/healthz", f"/api/experiments/{KNOWN}.json", f"/api/experiments/{KNOWN}/events"):
        assert getattr(client, method)(path).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/experiments", "POST"),
        ("PUT", f"/api/experiments/{KNOWN}", "DELETE, GET, HEAD"),
        ("OPTIONS", f"/api/experiments/{KNOWN}.json", "GET, HEAD"),
        ("GET", f"/api/shares/{KNOWN}", "DELETE"),
        ("POST", f"/e/{KNOWN}", "GET, HEAD"),
        ("PATCH", f"/replay/{KNOWN}/v1/models", "GET, HEAD, POST"),
        ("DELETE", "/healthz", "GET, HEAD"),
    ],
)
def test_a_method_that_an_address_does_not_have_is_told_the_ones_it_has(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"error": f"This address answers {allowed} only."}
