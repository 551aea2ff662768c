"""Experiments by program, and the OpenAPI document held against the routes."""

import dataclasses
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib import api, spec
from lib.api import openapi
from lib.api.control import MOST_BYTES
from lib.document import to_json
from lib.experiment import Experiment
from lib.keys import Keys
from lib.library import Library
from lib.middleware import middleware
from lib.plan import plan
from lib.settings import Settings
from lib.spec import ExperimentSpec
from lib.store import Store
from tests.experiments import simple

TOKEN = "a-token-of-sixteen-or-more"
BEARER = {"authorization": f"Bearer {TOKEN}"}
ASK = {"model": "steady", "prompt": "Say something."}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class Fake:
    """The service's side of it: a store with one experiment, and specs that are checked but not run."""

    def __init__(self, store: Store, token: str | None = TOKEN) -> None:
        self.store = store
        self.made = dataclasses.replace(simple(), definition="2.2")
        store.add(self.made.id, self.made.spec, plan(self.made.spec), owner="me")
        self.library = Library(store, self.experiment)
        self.settings = Settings(api_token=None if token is None else SecretStr(token))
        self.keys = Keys()
        self.started: list[ExperimentSpec] = []
        self.deleted: list[tuple[str, bool]] = []
        self.feed = SimpleNamespace(boot="b", read=lambda id, cursor: ([], 0, True), ages=lambda id: {})
        self.require = store.row

    def health(self) -> dict[str, str]:
        return {"status": "ok", "data": "writable", "probe": "running"}

    def replay(self, id: str) -> str:
        self.store.row(id)
        return f"http://127.0.0.1:9/replay/{id}/v1"

    def experiment(self, id: str) -> Experiment:
        self.store.row(id)
        return self.made

    numbers = experiment

    def json(self, id: str) -> str:
        return to_json(self.experiment(id))

    def start(self, asked: ExperimentSpec, *, title: str = "") -> str:
        spec.check(asked)
        self.started.append(asked)
        return "S" * 22

    def delete(self, id: str, *, withdraw: bool = False) -> None:
        self.store.row(id)
        self.deleted.append((id, withdraw))


def app(fake: Any) -> Starlette:
    return Starlette(routes=api.routes(lambda: fake, ""), middleware=middleware("", loopback_only=False))


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    store = Store.open(tmp_path)
    yield Fake(store)
    store.close()


@pytest.fixture
def client(fake: Fake) -> TestClient:
    return TestClient(app(fake))


def test_an_experiment_is_started_on_an_endpoint_known_by_name(
    client: TestClient, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    answer = client.post("/api/experiments", json=ASK | {"endpoint": "openai", "pairs": 3}, headers=BEARER)
    assert (answer.status_code, answer.json()) == (202, {"id": "S" * 22})
    (asked,) = fake.started
    endpoint = asked.arms[0].endpoint
    assert (endpoint.base_url, endpoint.key_ref) == ("https://api.openai.com/v1", "env:OPENAI_API_KEY")
    assert (asked.pairs, asked.arms[0].call.prompt) == (3, "Say something.")


def test_the_calls_of_a_pair_may_be_asked_to_start_at_once(client: TestClient, fake: Fake) -> None:
    for sent, contention in ((ASK, False), (ASK | {"contention": True}, True)):
        assert client.post("/api/experiments", json=sent, headers=BEARER).status_code == 202
        assert fake.started[-1].arms[0].contention is contention


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"endpoint": "https://evil.example/v1"}, "No such endpoint"),
        ({"base_url": "https://evil.example/v1"}, "not known"),
        ({"key": "sk-0123456789"}, "not known"),
        ({"pairs": 0}, "pairs"),
        ({"contention": "yes"}, "contention"),
        ({"pairs": "3"}, "pairs"),
        ({"prompt": " "}, "prompt"),
        ({"temperature": 99}, "temperature"),
    ],
)
def test_what_cannot_be_started_gets_a_sentence(
    client: TestClient, fake: Fake, changed: dict[str, Any], said: str
) -> None:
    answer = client.post("/api/experiments", json=ASK | changed, headers=BEARER)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert fake.started == []


def test_without_the_token_nothing_is_started_or_deleted(client: TestClient, fake: Fake) -> None:
    for headers in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": TOKEN},
        {"authorization": "Bearer é"},
    ):
        sent = {k: v.encode() for k, v in headers.items()}
        assert client.post("/api/experiments", json=ASK, headers=sent).status_code == 401
        assert client.delete(f"/api/experiments/{fake.made.id}", headers=sent).status_code == 401
    assert (fake.started, fake.deleted) == ([], [])


def test_without_a_token_in_the_settings_it_is_off(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "off")
    off = TestClient(app(Fake(store, token=None)))
    assert off.post("/api/experiments", json=ASK, headers=BEARER).status_code == 403
    store.close()


def test_a_page_of_another_origin_starts_nothing(client: TestClient, fake: Fake) -> None:
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}):
        assert client.post("/api/experiments", json=ASK, headers=BEARER | foreign).status_code == 403
    assert fake.started == []


def test_a_body_that_is_too_large_is_not_held(client: TestClient) -> None:
    answer = client.post("/api/experiments", content=b" " * (MOST_BYTES + 1), headers=BEARER)
    assert answer.status_code == 413


def test_how_far_it_is_and_its_end(client: TestClient, fake: Fake) -> None:
    path = f"/api/experiments/{fake.made.id}"
    told = client.get(path).json()
    assert (told["state"], [c["mode"] for c in told["calls"]]) == ("done", ["blocking", "streaming"])
    assert told["calls"][1]["metrics"]["ttfo_s"] == 1.2
    assert client.delete(path, headers=BEARER).status_code == 204
    assert fake.deleted == [(fake.made.id, True)]
    assert client.get(f"/api/experiments/{'A' * 22}").status_code == 404


def _held(cases: int) -> None:
    """As many cases as asked for, spread over all operations; every answer is as documented, none a 5xx."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        fake = Fake(store)
        share = fake.library.share(fake.made.id).shared.id
        schema = schemathesis.openapi.from_asgi("/api/openapi.json", app(fake))
        operations = [found.ok() for found in schema.get_all_operations()]
        varied = [o for o in operations if "{" in o.path or o.method.upper() == "POST"]
        made = SimpleNamespace(cases=0)
        for operation in operations:
            _hold(operation, -(-cases // len(varied)), {fake.made.id, share}, made)
        store.close()
    assert made.cases >= cases


def _hold(operation: Any, examples: int, ids: set[str], made: Any) -> None:
    known = sorted(ids)

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def held(case: Any) -> None:
        made.cases += 1
        if "id" in (case.path_parameters or {}) and made.cases % 2:
            case.path_parameters["id"] = known[made.cases // 2 % len(known)]
        case.call_and_validate(checks=CHECKS, headers=BEARER if made.cases % 4 else {})

    held()


def test_the_document_has_every_route_and_no_other(fake: Fake) -> None:
    routes = [r for r in api.routes(lambda: fake, "") if r.methods]  # type: ignore[arg-type, return-value]
    answered = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    told = {
        (method, re.sub(r"}\.[a-z.]+$", "}.{ending}", path))
        for path, operations in openapi.document()["paths"].items()
        for method in operations
    }
    assert answered - told == {("get", "/experiment")}  # a page of the dashboard
    assert told <= answered


def test_every_route_answers_as_documented() -> None:
    _held(200)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_every_route_answers_as_documented_at_length() -> None:
    _held(2_000)
