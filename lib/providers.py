"""Providers offered in the form: base URL, the variable that usually holds the key, and quirks.

Only presets: any base URL can be typed. `limit_name` "max_tokens" marks servers that know no newer
name for the token limit. Nothing here is looked up on the network.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lib.spec import origin


class Provider(NamedTuple):
    """One preset. `note`: what to know about its streams, in one sentence; "" when nothing."""

    name: str
    base_url: str
    key_env: str
    limit_name: Literal["auto", "max_tokens"]
    include_usage: bool = True
    note: str = ""


PROVIDERS: tuple[Provider, ...] = (
    Provider("OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY", "auto"),
    Provider(
        "Azure OpenAI",
        "https://RESOURCE.openai.azure.com/openai/v1",
        "AZURE_OPENAI_API_KEY",
        "auto",
        note="Put your resource's name into the address; the model is the deployment's name.",
    ),
    Provider(
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        "max_tokens",
        note="Sends few, large events, and usage with every one.",
    ),
    Provider(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        "max_tokens",
        note="Sends comments while it waits for the model; they are not counted.",
    ),
    Provider(
        "Groq",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        "auto",
        note="Answers in bursts.",
    ),
    Provider("Together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "max_tokens"),
    Provider("Fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "max_tokens"),
    Provider(
        "DeepSeek",
        "https://api.deepseek.com",
        "DEEPSEEK_API_KEY",
        "max_tokens",
        note="Reasoning models stream their reasoning before the answer.",
    ),
    Provider(
        "Mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "max_tokens",
        include_usage=False,
        note="May refuse to be asked for token counts in a stream, so they are not asked for.",
    ),
    Provider(
        "Cerebras",
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
        "auto",
        note="Over 1,000 tokens a second, in bursts.",
    ),
)

LOCAL_SERVERS: tuple[Provider, ...] = (
    Provider(
        "Ollama",
        "http://localhost:11434/v1",
        "",
        "max_tokens",
        note="Loads the model inside the first call.",
    ),
    Provider(
        "LM Studio",
        "http://localhost:1234/v1",
        "",
        "max_tokens",
        note="May load the model inside the first call.",
    ),
    Provider("vLLM", "http://localhost:8000/v1", "VLLM_API_KEY", "max_tokens"),
    Provider("llama.cpp", "http://localhost:8080/v1", "LLAMA_API_KEY", "max_tokens"),
)


def key_origins(name: str) -> frozenset[str]:
    """The origins a key variable may go to without being asked for by the user."""
    return frozenset(
        origin(p.base_url) for p in (*PROVIDERS, *LOCAL_SERVERS) if p.key_env and p.key_env == name
    )


def provider_of(base_url: str) -> Provider | None:
    """The preset with this address's origin, None for any other."""
    wanted = origin(base_url)
    return next((p for p in (*PROVIDERS, *LOCAL_SERVERS) if origin(p.base_url) == wanted), None)
