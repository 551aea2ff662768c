"""What is known of an experiment's arms before it starts: tokens, prices, and how long such calls took.

From the tokenizers that are loaded, the price table and the store; nothing is fetched and nothing sent.
"""

from __future__ import annotations

from statistics import median

from lib.derived import Derived
from lib.estimate import Beforehand, Cost, Estimate, estimate, guess, sent
from lib.prices import cost
from lib.results import version
from lib.spec import Arm, ExperimentSpec, is_lab
from lib.store import Store, now_ms
from lib.timeline import Usage
from lib.tokens import Vocabulary, choose

LONGEST = 20_000
"""Characters that are counted while somebody types; a longer prompt is guessed."""


class Forecast:
    """Estimates for one data folder."""

    def __init__(self, store: Store, vocabulary: Vocabulary) -> None:
        self._derived, self._vocabulary = Derived(store), vocabulary

    def of(self, spec: ExperimentSpec) -> Estimate:
        """What it will take. Raises StoreError."""
        return estimate(spec, [self._beforehand(spec, arm) for arm in spec.arms])

    def _beforehand(self, spec: ExperimentSpec, arm: Arm) -> Beforehand:
        tokens, counted = self._tokens(sent(spec, arm), arm.call.model)
        took = self._derived.seconds(arm.endpoint.base_url, arm.call.model, version())
        medians = {mode: median(values) for mode, values in took.items()}
        return Beforehand(tokens, counted, _most(arm, tokens), medians or None)

    def _tokens(self, text: str, model: str) -> tuple[int, bool]:
        choice = choose(model)
        encoder = self._vocabulary.loaded(choice.encoding)
        if encoder is None or choice.basis == "approximate" or len(text) > LONGEST:
            return guess(text), False
        return len(encoder.encode_ordinary(text)), True


def _most(arm: Arm, tokens: int) -> Cost:
    """What one call costs at most; nobody knows without a limit, unless it costs nothing."""
    most = cost(arm, Usage(tokens, arm.call.max_tokens or 1), now_ms())
    if arm.call.max_tokens is None and most.reason is None and not is_lab(arm.endpoint):
        return Cost(None, "Without a limit of tokens nobody knows what it costs.")
    return most
