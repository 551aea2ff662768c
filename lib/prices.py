"""What a call costs, from a price table that is installed with this program and asks nobody.

The only door to genai-prices, loaded on first use. A price that is not in the table is unknown, never 0;
only the built-in endpoint is known to cost nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from lib.estimate import Cost
from lib.experiment import CallResult, Experiment
from lib.spec import Arm, is_lab
from lib.timeline import Usage

TABLE = "genai-prices 0.2.3"
AS_OF = "2026-11-04"
"""The newest day that the table speaks of as past: what changed later it cannot know."""
SOURCE = f"{TABLE}, prices as of {AS_OF}"
USUAL_TIERS = (None, "auto", "default")


def cost(arm: Arm, usage: Usage, at_ms: int) -> Cost:
    """What a call of this arm cost at that moment (Unix ms); cached input counts at its own price."""
    if is_lab(arm.endpoint):
        return Cost(Decimal(0))
    if usage.prompt is None or usage.completion is None:
        return Cost(None, "The server did not report its tokens.")
    if json.loads(arm.call.extra_body).get("service_tier") not in USUAL_TIERS:
        return Cost(None, "The price of this service tier is not known.")
    return _listed(arm, usage.prompt, usage.completion, usage.cached or 0, at_ms)


def spent(experiment: Experiment) -> str:
    """What all calls that were sent cost together, as a sentence with the table's name and date."""
    sent = [of(experiment, call) for call in experiment.calls if call.state not in ("planned", "dropped")]
    known = [found.usd for found in sent if found.usd is not None]
    reasons = [found.reason for found in sent if found.usd is None]
    if not any(known):
        return f"What its calls cost is not known. {reasons[0]}" if reasons else "Its calls cost nothing."
    total = f"{told(Cost(sum(known, Decimal(0))))} ({SOURCE})."
    if not reasons:
        return f"Its calls cost {total}"
    return f"Its calls cost at least {total} Of {len(reasons)} of {len(sent)} it is not known: {reasons[0]}"


def of(experiment: Experiment, call: CallResult) -> Cost:
    """What one call of an experiment cost."""
    usage = (call.timeline and call.timeline.usage) or Usage()
    return cost(experiment.spec.arms[call.planned.arm], usage, experiment.created_ms)


def told(found: Cost) -> str:
    """An amount for people, or why there is none."""
    if found.usd is None:
        return f"not known. {found.reason or ''}".rstrip()
    return f"{found.usd:.2g} US dollars" if found.usd else "nothing"


def _listed(arm: Arm, prompt: int, completion: int, cached: int, at_ms: int) -> Cost:
    from genai_prices import Usage as Counts
    from genai_prices import calc_price

    counts = Counts(input_tokens=prompt, output_tokens=completion, cache_read_tokens=min(cached, prompt))
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    url = arm.endpoint.base_url
    try:
        found = calc_price(counts, arm.call.model, provider_api_url=url, genai_request_timestamp=at)
    except LookupError:
        return Cost(None, f"No price is known for this model at this address ({TABLE}).")
    except ValueError:
        return Cost(None, f"The price of this model cannot be applied to these tokens ({TABLE}).")
    if prompt and completion and not (found.input_price and found.output_price):
        return Cost(None, f"The table has no whole price for this model ({TABLE}).")
    return Cost(found.total_price)
