"""Links, files and repetitions on the pages: what is offered, what is said, what stays unsaid."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lib import document, share
from lib.experiment import Experiment
from lib.library import Given
from lib.service import Service
from lib.spec import ExperimentSpec
from lib.ui import arms, forking, parts, session
from tests import experiments

Open = Callable[..., AppTest]
ASKED, ANSWERED = "quokka zanzibar", "marzipan flugelhorn"
BAD = "![x](http://127.0.0.1:9/x.png) <b>loud</b>"


def foreign(prompt: str = ASKED) -> Experiment:
    """One that somebody else measured at an address of their own."""
    rows: list[experiments.Row] = [(0.5, "content", "marzipan "), (0.7, "content", "flugelhorn")]
    made = experiments.experiment(
        experiments.call(0, "blocking", [(1.0, "content", ANSWERED)]),
        experiments.call(1, "streaming", rows),
        prompt=prompt,
    )
    return dataclasses.replace(made, title=BAD)


@pytest.fixture
def brought(service: Service) -> str:
    """An experiment that came as a file; its id."""
    return service.library.bring(document.to_json(foreign()).encode())


def texts(at: AppTest) -> str:
    return "\n".join(str(e.value) for kind in ("text", "caption", "code", "markdown") for e in at.get(kind))


def marked(at: AppTest) -> str:
    """Whatever Streamlit reads as markdown."""
    kinds = ("markdown", "caption", "title", "header", "subheader", "button", "expander")
    return "\n".join(
        f"{getattr(e, 'value', '')}{getattr(e, 'label', '')}" for kind in kinds for e in at.get(kind)
    )


def drawn(at: AppTest, name: str) -> list[dict[str, Any]]:
    """The data of our own components of this name."""
    return [
        json.loads(c.proto.json)
        for c in at.get("bidi_component")
        if c.proto.component_name == f"streamgauge_{name}"
    ]


def test_sharing_shows_what_becomes_public_and_forgets_the_token(
    open_page: Open, finished: Experiment, service: Service
) -> None:
    at = open_page("experiment", id=finished.id)
    at.session_state["share_letters"] = True
    at.button(key="share").click().run()
    assert f"Prompt: {finished.spec.arms[0].call.prompt}" in texts(at)
    shown = json.loads(at.json[0].value)
    assert shown["calls"][0]["events"]
    assert finished.id not in at.json[0].value
    assert "Left out: keys" in texts(at)
    at.button(key="share_make").click().run()
    made = service.library.shares(finished.id)[0]
    given: Given = at.session_state["share_given"]
    assert given.shared.id == made.id
    at.button(key="share").click().run()
    assert given.token not in texts(at)
    at.button(key=f"withdraw_{made.id}").click().run()
    assert service.library.shares(finished.id) == []
    assert not at.exception


def test_a_shared_page_says_what_it_is_and_how_to_cite_it(
    open_page: Open, finished: Experiment, service: Service
) -> None:
    given = service.library.share(finished.id, licence="CC BY 4.0", note=BAD, days=30)
    at = open_page("experiment", e=given.shared.id, cite="true")
    said = texts(at)
    assert given.shared.sha256 in said
    assert "@misc{streamgauge-" in said
    assert BAD in [text.value for text in at.text]
    assert BAD not in marked(at)
    assert finished.id not in said
    assert {"rename_" + given.shared.id, "share"}.isdisjoint({b.key for b in at.button})
    assert not at.exception


def test_a_public_link_is_listed_and_an_unlisted_one_is_not(
    open_page: Open, finished: Experiment, service: Service
) -> None:
    shares = [service.library.share(finished.id, visibility=v).shared for v in ("public", "unlisted")]
    links = [link.proto.query_string for link in open_page("saved").get("page_link")]
    assert [f"e={share.id}" in links for share in shares] == [True, False]


@pytest.mark.parametrize("id", ["", "nonsense", "A" * 22, "x" * 5000, "../../etc"])
def test_a_link_to_nothing_says_so(open_page: Open, id: str) -> None:
    at = open_page("experiment", e=id)
    assert at.title[0].value == "Experiment not found"
    assert not at.exception


def test_a_share_is_withdrawn_with_its_token_only(
    open_page: Open, finished: Experiment, service: Service
) -> None:
    given = service.library.share(finished.id)
    at = open_page("experiment", e=given.shared.id)
    at.text_input(key="withdraw_token").set_value("wrong")
    at.button(key="withdraw_link").click().run()
    assert "This token does not end this link." in texts(at)
    at.text_input(key="withdraw_token").set_value(given.token)
    at.button(key="withdraw_link").click().run()
    assert service.library.shares(finished.id) == []


def test_a_timing_only_page_draws_bars_and_none_of_the_words(
    open_page: Open, service: Service, brought: str
) -> None:
    given = service.library.share(brought, form="timing")
    at = open_page("experiment", e=given.shared.id, texts="true", why="true", cite="true")
    everything = texts(at) + json.dumps([c.proto.json for c in at.get("bidi_component")])
    assert not [word for word in f"{ASKED} {ANSWERED}".split() if word in everything]
    assert drawn(at, "hero")[0]["lanes"][1]["text"] == "▄" * len(ANSWERED)
    assert "withheld" in texts(at)
    assert not at.exception


def test_a_file_of_another_is_marked_and_never_run_at_its_address(open_page: Open, brought: str) -> None:
    at = open_page("experiment", id=brought)
    assert "Imported, not measured here" in marked(at)
    keys = {b.key for b in at.button}
    assert "again" not in keys
    assert "fork" in keys
    assert BAD not in marked(at)
    assert "Imported, not measured here" in marked(open_page("saved"))


def test_importing_goes_to_the_page_and_bad_files_get_a_sentence(open_page: Open, service: Service) -> None:
    at = open_page("saved")
    at.file_uploader(key="import_file").upload("x.json", b"PK\x03\x04", "application/json").run()
    at.button(key="import").click().run()
    assert "zip" in texts(at)
    packed = gzip.compress(document.to_json(foreign()).encode())
    at.file_uploader(key="import_file").upload("x.json.gz", packed, "application/gzip").run()
    at.button(key="import").click().run()
    assert [entry.imported for entry in service.listing()] == ["streamgauge"]
    assert not at.exception


def test_verifying_tells_a_true_file_from_a_changed_one(open_page: Open) -> None:
    true = document.to_json(foreign()).encode()
    at = open_page("saved")
    at.file_uploader(key="verify_file").upload("x.json", true, "application/json").run()
    assert "all of them agree" in texts(at)
    told = json.loads(true)
    told["calls"][1]["metrics"]["ttfo_s"] = 0.1
    at.file_uploader(key="verify_file").upload("y.json", json.dumps(told).encode(), "application/json").run()
    assert "differ" in texts(at)
    assert not at.exception


def test_a_repetition_fills_the_form_without_address_or_key(
    open_page: Open, service: Service, brought: str
) -> None:
    at = open_page("experiment", id=brought)
    at.button(key="fork").click().run()
    assert at.title[0].value == "See when the words arrive."
    assert at.text_area(key="prompt").value == ASKED
    assert at.selectbox(key="provider_0").value == arms.OTHER
    assert (at.text_input(key="url_0").value, at.text_input(key="key_0").value) == ("", "")
    assert at.text_input(key="model_0").value == "a-model"
    assert at.session_state[parts.FORK] == brought
    assert "neither was taken over" in texts(at)
    assert not at.exception


def test_a_result_lies_over_what_it_repeats(open_page: Open, service: Service, finished: Experiment) -> None:
    given = service.library.share(finished.id)
    again = service.start(finished.spec, parent=given.shared.id)
    service.wait(again, 30)
    at = open_page("experiment", id=again, against="true")
    assert "Against the original" in marked(at)
    assert len(drawn(at, "sentence")) >= 2
    at = open_page("compare", ids=f"{again},{given.shared.id}")
    assert not at.exception
    assert "are not kept here" not in texts(at)


def test_a_server_that_shows_offers_no_form_no_keys_and_no_changes(
    monkeypatch: pytest.MonkeyPatch, open_page: Open, service: Service, finished: Experiment
) -> None:
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"mode": "viewer"}))
    at = open_page()
    keys = {b.key for b in at.button}
    assert "run_here" in keys
    assert {"try_mine", "run_form"}.isdisjoint(keys)
    assert "takes no keys" in texts(at)
    at = open_page("experiment", id=finished.id)
    keys = {b.key for b in at.button}
    assert "again" in keys
    assert {"share", "fork", f"rename_{finished.id}"}.isdisjoint(keys)
    assert not open_page("saved").get("file_uploader")[1:]


def test_only_the_lab_is_run_again_by_a_share(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = share.public(foreign(), "full")
    monkeypatch.setattr("streamlit.query_params", {"e": "x"})
    assert not session.asks_again(shared)
    assert session.asks_again(session.recorded("text-davinci-002-2022-10"))


def test_every_plan_can_be_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    spec: ExperimentSpec = dataclasses.replace(
        foreign().spec, pairs=30, warmups=2, primary="e2e_s", margin=0.05, cache="keep", together=True
    )
    forking.fill(spec, "an-id")
    assert (state["size"], state["consumer"], state["primary"]) == ("measure", "program", "")
    assert (state["margin"], state["warmups"], state["cache"], state["contention_0"]) == (
        "5",
        2,
        "keep",
        True,
    )
