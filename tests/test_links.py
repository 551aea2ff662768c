"""Links of shares: what anyone sees behind one, what may be embedded, and that nothing else shows."""

import dataclasses
import hashlib
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib import api, library
from lib.experiment import Experiment
from lib.library import Given, Library
from lib.middleware import middleware
from lib.plan import plan
from lib.settings import Settings
from lib.store import Store
from tests.experiments import simple
from tests.test_spans import events

INDEX = "<html><body><script>boot()</script></body></html>"
MARKUP = "\"><script>alert(1)</script>'&"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def made(store: Store) -> Experiment:
    found = dataclasses.replace(simple(), title=MARKUP, definition="2.2")
    store.add(found.id, found.spec, plan(found.spec), owner="me")
    return found


@pytest.fixture
def shelf(store: Store, made: Experiment) -> Library:
    return Library(store, lambda _: made)


@pytest.fixture
def client(store: Store, shelf: Library, made: Experiment) -> TestClient:
    service = SimpleNamespace(
        library=shelf,
        settings=Settings(),
        require=store.row,
        experiment=lambda id: made,
        json=lambda id: "{}",
    )
    routes = api.routes(lambda: service, INDEX)  # type: ignore[arg-type, return-value]
    app = Starlette(routes=routes, middleware=middleware(INDEX, loopback_only=False))
    return TestClient(app, base_url="https://gauge.example")


@pytest.fixture
def given(shelf: Library, made: Experiment) -> Given:
    return shelf.share(made.id)


def test_a_link_shows_a_title_a_line_and_a_picture_and_goes_on(client: TestClient, given: Given) -> None:
    answer = client.get(f"/e/{given.shared.id}?speed=2&id=x&t=1.5")
    page = answer.text
    assert answer.status_code == 200
    assert "<script" not in page
    assert f'<meta property="og:image" content="https://gauge.example/e/{given.shared.id}.png">' in page
    line = "First text, streaming 1.20 s; first text, blocking 2.30 s; total time, streaming 1.62 s."
    assert f'<meta property="og:description" content="{line}">' in page
    assert f'content="0; url=../experiment?e={given.shared.id}&amp;speed=2&amp;t=1.5"' in page
    assert answer.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in page


def test_a_public_link_may_be_indexed(client: TestClient, shelf: Library, made: Experiment) -> None:
    share = shelf.share(made.id, visibility="public").shared
    answer = client.get(f"/e/{share.id}")
    assert answer.headers["x-robots-tag"] == "all"
    assert "noindex" not in answer.text


def test_markup_in_what_a_link_carries_on_stays_text(client: TestClient, given: Given) -> None:
    answer = client.get(f"/e/{given.shared.id}", params={"t": MARKUP, MARKUP: "1"})
    assert "<script" not in answer.text


def test_who_asks_for_a_file_is_never_answered_with_a_page(client: TestClient, given: Given) -> None:
    for name in ("a.b", f"{given.shared.id}.x", given.shared.id[:-1]):
        answer = client.get(f"/e/{name}.json")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def test_the_json_is_the_frozen_one_for_any_origin(client: TestClient, given: Given) -> None:
    answer = client.get(f"/e/{given.shared.id}.json")
    assert hashlib.sha256(answer.content).hexdigest() == given.shared.sha256
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in answer.headers


def test_every_file_of_a_share_is_one_of_its_kind(client: TestClient, given: Given) -> None:
    base = f"/e/{given.shared.id}"
    assert client.get(f"{base}.csv").text.startswith('"call","arm"')
    assert "ttfo_s" in client.get(f"{base}.csv?table=calls").text
    assert client.get(f"{base}.parquet").content.startswith(b"PAR1")
    assert events(client.get(f"{base}.trace.json").content)
    assert client.get(f"{base}.csv?table=x").status_code == 422


def test_the_card_is_a_picture_made_in_200_ms(client: TestClient, given: Given) -> None:
    client.get(f"/e/{given.shared.id}.png")  # the font is loaded once
    began = time.thread_time()
    answer = client.get(f"/e/{given.shared.id}.png")
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    assert answer.headers["content-type"] == "image/png"
    assert time.thread_time() - began < 0.2


def test_an_embedded_page_loads_nothing_and_any_page_may_frame_it(client: TestClient, given: Given) -> None:
    answer = client.get(f"/embed/{given.shared.id}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors *" in policy
    assert "x-frame-options" not in answer.headers
    assert not re.search(r'(?:src|action)="', answer.text)
    assert "<script>alert" not in answer.text
    data = re.search(r'id="data">(.*?)</script>', answer.text, re.DOTALL)
    assert data is not None
    assert len(json.loads(data[1])["lanes"]) == 2


def test_only_the_embedded_page_may_be_framed_by_others(client: TestClient, given: Given) -> None:
    for path in (
        f"/e/{given.shared.id}",
        f"/e/{given.shared.id}.json",
        f"/experiment?e={given.shared.id}",
        "/e/x",
    ):
        assert "frame-ancestors 'self'" in client.get(path).headers["content-security-policy"]


def test_unknown_withdrawn_expired_and_foreign_ids_are_answered_alike(
    client: TestClient, shelf: Library, made: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, old = shelf.share(made.id), shelf.share(made.id, days=30)
    shelf.withdraw(gone.shared.id, gone.token)
    now = library.now_ms()
    monkeypatch.setattr(library, "now_ms", lambda: now + 31 * library.DAY_MS)
    for path in ("/e/{}", "/e/{}.json", "/e/{}.png", "/e/{}.csv", "/embed/{}"):
        answers = [
            client.get(path.format(id))
            for id in ("A" * 22, gone.shared.id, old.shared.id, made.id, "cut", "%00" * 22, "é" * 22)
        ]
        assert {(a.status_code, a.text) for a in answers} == {(404, answers[0].text)}


def test_what_stands_before_or_after_an_id_is_no_page_of_the_dashboard(
    client: TestClient, given: Given
) -> None:
    gone = client.get(f"/e/{'A' * 22}").text
    for path in ("/e", "/embed", f"/e/{given.shared.id}/x", f"/embed/{given.shared.id}/x.y", "/e/a%0a/b"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (404, gone)


def test_what_can_be_withdrawn_is_kept_by_no_cache(client: TestClient, given: Given) -> None:
    for ending in ("", ".json", ".csv", ".parquet", ".trace.json", ".png"):
        assert client.get(f"/e/{given.shared.id}{ending}").headers["cache-control"] == "no-cache"
    assert client.get(f"/embed/{given.shared.id}").headers["cache-control"] == "no-cache"


def test_the_page_behind_a_link_says_whether_it_is_there(client: TestClient, given: Given) -> None:
    assert client.get(f"/experiment?e={given.shared.id}").status_code == 200
    assert client.get(f"/experiment?e={'A' * 22}").status_code == 404
    assert client.get(f"/experiment?id={given.shared.id}").status_code == 404


def test_a_share_ends_with_its_token_and_only_once(client: TestClient, given: Given) -> None:
    path = f"/api/shares/{given.shared.id}"
    assert client.delete(path).status_code == 404
    assert client.delete(path, headers={"authorization": "Bearer x"}).status_code == 404
    assert client.delete(path, headers={"authorization": given.token}).status_code == 404
    token = {"authorization": f"bearer  {given.token}"}
    foreign = client.delete(path, headers=token | {"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert client.delete(path, headers=token | {"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.delete(path, headers=token).status_code == 204
    assert client.delete(path, headers=token).status_code == 404
    assert client.get(f"/e/{given.shared.id}").status_code == 404


def test_where_others_reach_the_server_can_be_set(client: TestClient, given: Given, shelf: Library) -> None:
    service = SimpleNamespace(library=shelf, settings=Settings(public_url="https://x.example/gauge"))
    app = Starlette(routes=api.routes(lambda: service, INDEX))  # type: ignore[arg-type, return-value]
    page = TestClient(app).get(f"/e/{given.shared.id}").text
    assert f'content="https://x.example/gauge/e/{given.shared.id}.png"' in page
