"""What leaves with a link, and what must not: every text field is searched for in both forms."""

import dataclasses
import json
from typing import Any

import pytest

from lib import document, share
from lib.calibration import Calibration
from lib.delivery import Delivery
from lib.experiment import CallResult, Experiment, Stop, Wait
from lib.exports import html_file
from lib.lab import recordings
from lib.lanes import hero_data
from lib.recording import CallError, Instrument
from lib.spec import Arm, CallSpec, Endpoint
from lib.summary import headline, sentence, table
from tests.experiments import call, experiment, simple

URL = "https://gpu7.cluster.example.com.lan:8000/v1"


def loaded() -> Experiment:
    """Every text field holds a word that must not leave with timing only; those of `HOME` never leave."""
    said = [(0.2, "content", "canaryanswer "), (0.4, "content", "canaryend")]
    made = experiment(
        call(0, "blocking", [(1.0, "content", "canaryanswer canaryend")]),
        call(1, "streaming", said, tokens=[1, 1]),  # type: ignore[arg-type]
    )
    error = CallError("status", "canaryhome org-canaryhome", 5, 429)
    calls = tuple(_loaded(c, error) for c in made.calls)
    asked = CallSpec(
        "chat.completions", "ft:gpt-4o:canaryhome::x", "canaryprompt", "canarysystem",
        extra_body='{"user":"canaryextra"}',
    )  # fmt: skip
    arm = Arm(Endpoint("https://u:canaryhome@canaryhome.lan/v1?k=canaryhome", "env:CANARYHOME"), asked)
    return dataclasses.replace(
        made,
        id="canaryhome",
        title="canarytitle",
        note="canaryhome",
        parent="canaryhome",
        spec=dataclasses.replace(made.spec, arms=(arm,)),
        calls=calls,
        calibration=Calibration("canaryhome", 5, 1, 1e-5, 2e-5, 3e-5, "kernel", "other", (), None),
        definition="2.2",
        waits=(Wait(1, 5, 9, 8, "canaryhome refused a call"),),
        stopped=Stop("storage", "canaryhome"),
    )


def _loaded(result: CallResult, error: CallError) -> CallResult:
    assert result.timeline is not None
    timeline = dataclasses.replace(
        result.timeline,
        model="canaryecho",
        fingerprint="canaryprint",
        service_tier="canarytier",
        finish="canaryhome",
        why="canaryhome",
        error=error,
        marks=(*result.timeline.marks, ("canaryhome", 1)),
        events=tuple(e._replace(sub="canaryhome") for e in result.timeline.events),
    )
    return dataclasses.replace(
        result,
        planned=dataclasses.replace(result.planned, nonce="canarynonce"),
        timeline=timeline,
        error=error,
        recount_reason="canaryhome",
        instrument=Instrument(
            "canaryhome", "a city", "kernel", "other", 1, (("platform", "Linux-canaryhome"),)
        ),
        delivery=Delivery("bunched", "canaryhome", ("canaryhome",), "canaryhome"),
        http_version="canaryhome",
        headers=(("via", "canaryhome"),),
    )


def told(form: share.Form, made: Experiment | None = None) -> str:
    return document.to_json(share.public(made or loaded(), form))


def test_timing_only_holds_no_word_of_what_was_asked_or_answered() -> None:
    assert "canary" not in told("timing").lower()


def test_in_full_what_was_asked_and_answered_leaves_and_nothing_else_does() -> None:
    text = told("full").lower()
    assert "canaryhome" not in text
    for word in ("prompt", "system", "extra", "answer", "end", "title", "nonce", "print", "echo", "tier"):
        assert f"canary{word}" in text


@pytest.mark.parametrize("form", ["full", "timing"])
def test_both_forms_are_documents(form: share.Form) -> None:
    document.ExperimentDocument.model_validate_json(told(form))
    document.ExperimentDocument.model_validate_json(
        told(form, recordings.experiment("text-davinci-002-2022-10"))
    )


@pytest.mark.parametrize("form", ["full", "timing"])
def test_an_arm_under_contention_is_shared_as_one(form: share.Form) -> None:
    made = simple()
    arms = (dataclasses.replace(made.spec.arms[0], contention=True),)
    found = dataclasses.replace(made, spec=dataclasses.replace(made.spec, arms=arms))
    assert json.loads(told(form, found))["spec"]["arms"][0]["contention"] is True


def test_a_known_service_tier_is_told_with_timing_only() -> None:
    made = simple()
    served = dataclasses.replace(made.calls[1].timeline, service_tier="flex")  # type: ignore[type-var]
    found = dataclasses.replace(
        made, calls=(made.calls[0], dataclasses.replace(made.calls[1], timeline=served))
    )
    assert json.loads(told("timing", found))["calls"][1]["service_tier"] == "flex"


def test_times_lengths_counts_and_numbers_stay() -> None:
    before = document.to_document(simple())["calls"][1]
    after = json.loads(told("timing", simple()))["calls"][1]
    for name in ("t_ns", "kind", "chars", "read", "tokens"):
        assert [e[name] for e in after["events"]] == [e[name] for e in before["events"]]
    assert after["reads"] == before["reads"]
    assert after["metrics"] == before["metrics"]
    assert {e["text"] for e in after["events"] if e["chars"]} == {None}


def test_a_shared_experiment_without_text_can_be_drawn() -> None:
    shown = share.public(simple(), "timing")
    assert hero_data(shown)["lanes"][1]["first_s"] == 1.2
    page = html_file(shown, link=None)
    assert "Prompt" not in page
    assert "One two three" not in page
    assert sentence(shown)
    assert headline(shown)
    assert table(shown)


def test_waits_and_stops_leave_in_words_of_ours() -> None:
    data = json.loads(told("timing"))
    assert data["waits"][0]["until_ms"] == 9
    assert data["waits"][0]["reason"] == "The endpoint asked for a pause before the next call."
    assert data["stopped"]["rule"] == "storage"


def test_every_field_was_thought_about() -> None:
    reduced = {
        "Experiment": {"spec", "title", "calls", "calibration", "waits", "stopped", "definition"},
        "Wait": {"reason"},
        "Stop": {"sentence"},
        "ExperimentSpec": {"arms", "primary"},
        "Endpoint": {"base_url"},
        "CallSpec": {"model", "prompt", "system", "extra_body"},
        "Arm": {"endpoint", "call"},
        "CallResult": {"planned", "timeline", "recount", "recount_reason", "metrics", "reasons",
                       "instrument", "error", "delivery", "http_version"},
        "PlannedCall": {"nonce"},
        "Timeline": {"events", "model", "fingerprint", "service_tier", "finish", "why", "error", "marks",
                     "source"},
        "Event": {"text", "sub"},
        "Instrument": {"probe", "scheduler", "versions"},
        "CallError": {"message"},
        "Calibration": {"probe", "scheduler", "reason"},
        "Recount": {"encoding"},
    }  # fmt: skip
    for kind, kept in share.KEPT.items():
        fields: Any = getattr(kind, "_fields", None) or [f.name for f in dataclasses.fields(kind)]
        told = {*kept, *share.WITHHELD.get(kind, ()), *reduced[kind.__name__]}
        assert set(fields) == told, kind


@pytest.mark.parametrize(
    ("base_url", "told"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1"),
        ("https://user:pw@api.acme.io:8443/v1?key=1#x", "https://api.acme.io:8443/v1"),
        ("https://gateway.acme.io/v1/0123abc/openai", "https://gateway.acme.io"),
        ("https://acme.openai.azure.com/openai/v1", "https://RESOURCE.openai.azure.com/openai/v1"),
        *((f"http://{host}/v1", share.PRIVATE) for host in (
            "localhost:11434", "127.0.0.1:8000", "10.1.2.3", "192.168.0.9:1234", "[::1]:80", "[fd00::1]",
            "gpu-box", "gpu.lan", "vllm.default.svc", "x.internal", "me.tail1.ts.net", "2130706433",
            "127.1", "0x7f.0.0.0x1", "169.254.169.254", "[::ffff:10.0.0.1]",
        )),
        ("ftp://api.acme.io", share.PRIVATE),
        ("nonsense", share.PRIVATE),
        ("http://[", share.PRIVATE),
        ("https://api.acme.io:99999999/v1", share.PRIVATE),
    ],
)  # fmt: skip
def test_a_base_url_tells_no_user_query_or_own_network(base_url: str, told: str) -> None:
    assert share.public_url(base_url) == told


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("gpt-4o", "gpt-4o"),
        ("meta-llama/Llama-3", "meta-llama/Llama-3"),
        ("ft:gpt-4o-mini:acme:suffix:id", "ft:gpt-4o-mini"),
        ("/home/ann/models/llama.gguf", "llama.gguf"),
        ("C:\\Users\\ann\\llama.gguf", "llama.gguf"),
    ],
)
def test_a_models_name_tells_no_folder_and_no_organisation(model: str, told: str) -> None:
    assert share.public_model(model) == told


def test_an_endpoint_that_is_private_cannot_be_called_by_mistake() -> None:
    from lib.spec import endpoint_problems

    assert endpoint_problems(Endpoint(share.PRIVATE))
