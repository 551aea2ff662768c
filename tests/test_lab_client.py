"""The lab through the real openai client: every API kind, streaming and blocking."""

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from lib.lab.catalogue import RECORDINGS
from lib.lab.server import Lab
from lib.lab.steady import WORDS

PACE = "steady:first=0.02,rate=500,tokens=8"
TOLD = "".join(WORDS[:8])
TURBO = "gpt-3.5-turbo-0613-2023-12"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture(scope="module")
def client(lab: Lab) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=lab.base_url, api_key="any", max_retries=0, timeout=20) as made:
        for _ in range(2):  # the library loads half of itself with its first call, which may take a second
            chat(made, PACE)
            made.completions.create(model=PACE, prompt="a")
        yield made


def chat(client: openai.OpenAI, model: str, **more: Any) -> Any:
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "a b c"}], **more
    )


def test_steady_chat_at_once(client: openai.OpenAI) -> None:
    answer = chat(client, PACE)
    assert answer.choices[0].message.content == TOLD
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 3
    assert answer.usage.completion_tokens == 8


def test_steady_chat_streamed(client: openai.OpenAI) -> None:
    chunks = list(chat(client, PACE, stream=True, stream_options={"include_usage": True}))
    assert [c.choices[0].delta.content for c in chunks[:-1]] == ["", *WORDS[:8], None]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 8


def test_steady_completions_at_once(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=PACE, prompt="a b", max_tokens=3)
    assert answer.choices[0].text == "".join(WORDS[:3])
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_steady_completions_streamed(client: openai.OpenAI) -> None:
    chunks = list(client.completions.create(model=PACE, prompt="a b", stream=True))
    assert [c.choices[0].text for c in chunks] == list(WORDS[:8])
    assert [c.choices[0].finish_reason for c in chunks] == [None] * 7 + ["stop"]


def test_steady_responses_at_once(client: openai.OpenAI) -> None:
    answer = client.responses.create(model=PACE, input="a b c d", instructions="be short")
    assert answer.output_text == TOLD
    assert answer.status == "completed"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 8)


def test_steady_responses_streamed_in_the_proper_order(client: openai.OpenAI) -> None:
    events: list[Any] = list(client.responses.create(model=PACE, input="a", stream=True))
    kinds = [e.type.removeprefix("response.") for e in events]
    assert kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *["output_text.delta"] * 8,
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == TOLD
    assert events[-1].response.output_text == TOLD
    assert events[-1].response.usage.output_tokens == 8


def test_a_response_cut_by_its_limit_is_incomplete(client: openai.OpenAI) -> None:
    events: list[Any] = list(client.responses.create(model=PACE, input="a", stream=True, max_output_tokens=2))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"
    assert events[-1].response.output_text == "".join(WORDS[:2])


def test_several_tokens_an_event_are_counted_as_tokens(client: openai.OpenAI) -> None:
    model = "steady:first=0,rate=1000,tokens=10,per_event=4"
    chunks = list(chat(client, model, stream=True, stream_options={"include_usage": True}))
    texts = [c.choices[0].delta.content for c in chunks[1:-2]]
    # 10 tokens in events of 4: 4 + 4 + 2
    assert texts == ["".join(WORDS[:4]), "".join(WORDS[4:8]), "".join(WORDS[8:10])]
    assert chunks[-1].usage.completion_tokens == 10


@pytest.mark.real_time  # never early, less than 200 ms late at the median: the client's own time is in it
def test_a_recording_reaches_the_client_at_its_times(client: openai.OpenAI) -> None:
    began = time.perf_counter()
    chunks = chat(client, TURBO, stream=True, max_completion_tokens=14)
    arrived = [(c.choices[0].delta.content, time.perf_counter() - began) for c in chunks if c.choices]
    due = [e for e in RECORDINGS[TURBO].events if e.kind == "content"][:14]
    seen = [(text, at) for text, at in arrived if text]
    assert [text for text, _ in seen] == [e.text for e in due]
    late_s = [at - e.t_s for (_, at), e in zip(seen, due, strict=True)]
    assert min(late_s) > 0
    assert sorted(late_s)[7] < 0.2


@pytest.mark.real_time  # 7.32 s * 6 / 193 = 0.2276 s; never early, less than 500 ms late
def test_a_cut_blocking_call_takes_its_share_of_the_time(client: openai.OpenAI) -> None:
    began = time.perf_counter()
    answer = client.completions.create(model="text-davinci-002", prompt="1,2,3,", max_tokens=6)
    took_s = time.perf_counter() - began
    assert answer.choices[0].text == "4,5,6,"
    assert answer.usage is None
    assert 0.2275 < took_s < 0.7275


def test_the_clients_model_list(client: openai.OpenAI) -> None:
    ids = [m.id for m in client.models.list()]
    assert ids[0] == "text-davinci-002-2022-09"
    assert "steady" in ids


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("nobody", openai.NotFoundError),
        ("text-davinci-002", openai.NotFoundError),
        ("trap-401", openai.AuthenticationError),
        ("trap-429", openai.RateLimitError),
        ("trap-500", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals_are_the_clients_own_errors(
    client: openai.OpenAI, model: str, error: type[openai.APIStatusError], stream: bool
) -> None:
    with pytest.raises(error) as caught:
        chat(client, model, stream=stream)
    assert caught.value.message
