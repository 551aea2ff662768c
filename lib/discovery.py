"""What there is to ask: an endpoint's models, and servers of this computer that answer.

Asked through the probe, under the same policy as every call. Nothing is kept but for half a minute.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lib.dialects import models_request
from lib.dispatch import Dispatch
from lib.errors import ChildError, KeyRefused
from lib.guard import Policy
from lib.keys import Keys
from lib.lab import recordings
from lib.providers import LOCAL_SERVERS, Provider
from lib.spec import Endpoint, Limits, endpoint_problems, is_lab

DISCOVERED_S = 30.0
MODELS_S = 3.0
MOST_MODELS = 2_000


class ModelList(NamedTuple):
    """What an endpoint offers. `problem`: why `names` is empty, in a sentence; else None."""

    names: tuple[str, ...]
    problem: str | None


class Found(NamedTuple):
    """A server on this computer that answers."""

    provider: Provider
    models: tuple[str, ...]


class Discovery:
    """Safe from any thread."""

    def __init__(self, dispatch: Dispatch, keys: Keys, policy: Policy) -> None:
        self._dispatch, self._keys, self._policy = dispatch, keys, policy
        self._discovered: tuple[float, list[Found]] = (-DISCOVERED_S, [])
        self._discovering = threading.Lock()

    def models(self, endpoint: Endpoint) -> ModelList:
        """What an endpoint offers, asked for through the probe; 3 s at most."""
        if is_lab(endpoint):
            return ModelList(tuple(id for id, _ in recordings.MODELS), None)
        if problems := endpoint_problems(endpoint):
            return ModelList((), problems[0].message)
        if (sentence := self._policy.refusal(endpoint.base_url)) is not None:
            return ModelList((), sentence)
        return self._models(endpoint, Limits(connect_s=2.0, silence_s=MODELS_S, total_s=MODELS_S))

    def servers(self) -> list[Found]:
        """Servers that answer on their usual ports of this computer; asked again after 30 s."""
        with self._discovering:
            at, found = self._discovered
            if time.monotonic() - at >= DISCOVERED_S:
                with ThreadPoolExecutor(len(LOCAL_SERVERS)) as pool:
                    found = [f for f in pool.map(self._look, LOCAL_SERVERS) if f is not None]
                self._discovered = (time.monotonic(), found)
            return found

    def _look(self, provider: Provider) -> Found | None:
        endpoint = Endpoint(provider.base_url, self._keys.found(provider.key_env) or "")
        found = self._models(endpoint, Limits(connect_s=0.3, silence_s=2.0, total_s=MODELS_S))
        return Found(provider, found.names) if found.names else None

    def _models(self, endpoint: Endpoint, limits: Limits) -> ModelList:
        try:
            recording = self._dispatch.ask(models_request(endpoint, limits), MODELS_S + 2.0)
        except (ChildError, KeyRefused) as error:
            return ModelList((), str(error))
        if recording.error is not None:
            return ModelList((), recording.error.message)
        return _model_list(recording.body)


def _model_list(body: bytes) -> ModelList:
    """{"data": [{"id": …}]}, a bare list of those, or {"models": [{"name": …}]}."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        data = data.get("data", data.get("models"))
    if not isinstance(data, list):
        return ModelList((), "This endpoint's list of models cannot be read. Type the model's name.")
    names = [m.get("id") or m.get("name") for m in data if isinstance(m, dict)]
    known = sorted({n for n in names if isinstance(n, str) and 0 < len(n) <= 256})[:MOST_MODELS]
    return ModelList(tuple(known), None if known else "This endpoint lists no models. Type the model's name.")
