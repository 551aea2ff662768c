"""A document held against its own events."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from lib import document, share
from lib.errors import InvalidDocument
from lib.experiment import Experiment
from lib.lab import recordings
from lib.metrics import definition
from lib.verify import Difference, verify
from tests.experiments import simple


def told(made: Experiment, **changed: Any) -> bytes:
    data = document.to_document(dataclasses.replace(made, definition=definition())) | changed
    return json.dumps(data).encode()


@pytest.mark.parametrize("id", recordings.RECORDINGS)
def test_an_honest_documents_numbers_agree(id: str) -> None:
    data = document.to_json(recordings.experiment(id)).encode()
    found = verify(data)
    assert found.differences == ()
    assert found.checked > 30
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.sentence.endswith("all of them agree.")


def test_a_number_that_was_changed_is_found() -> None:
    data = document.to_document(dataclasses.replace(simple(), definition=definition()))
    data["calls"][1]["metrics"]["ttfo_s"] = 0.2
    found = verify(json.dumps(data).encode())
    assert found.differences == (Difference(1, "ttfo_s", 0.2, 1.2),)
    assert "1 of them differ" in found.sentence


def test_an_event_that_was_moved_is_found() -> None:
    data = document.to_document(dataclasses.replace(simple(), definition=definition()))
    data["calls"][1]["events"][2]["t_ns"] -= 500_000_000
    assert "ttfo_s" in {d.name for d in verify(json.dumps(data).encode()).differences}


def test_what_rests_on_withheld_text_is_not_judged() -> None:
    hidden = document.to_json(share.public(dataclasses.replace(simple(), definition=definition()), "timing"))
    found = verify(hidden.encode())
    assert found.differences == ()
    assert found.unchecked > 0


def test_other_definitions_are_named() -> None:
    found = verify(told(simple(), definition="1.0"))
    assert not found.same_definition
    assert "definitions 1.0" in found.sentence
    assert "does not name" in verify(told(simple(), definition=None)).sentence


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(InvalidDocument):
        verify(b"{}")


def test_a_byte_order_mark_before_a_document_is_none_of_its_text() -> None:
    data = b"\xef\xbb\xbf" + document.to_json(recordings.experiment("text-davinci-002-2022-10")).encode()
    found = verify(data)
    assert (found.differences, found.sha256) == ((), hashlib.sha256(data).hexdigest())
