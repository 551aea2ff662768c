"""What was worked out of an ended experiment, kept for a while: statistics cost time.

The key says how far the experiment is, so that one that goes on is worked out anew.
"""

from __future__ import annotations

import streamlit as st

from lib import findings
from lib.charts import Effect
from lib.experiment import Experiment

KEPT = 60
Key = tuple[str, str | None, int]


def effects(experiment: Experiment, metric: str) -> list[Effect]:
    """As `findings.effects`."""
    return _effects(experiment, _key(experiment), metric)


def standings(experiment: Experiment) -> list[findings.Standing]:
    """As `findings.standings`."""
    return _standings(experiment, _key(experiment))


def against(experiment: Experiment, base: int) -> list[Effect]:
    """As `findings.against`."""
    return _against(experiment, _key(experiment), base)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _effects(_experiment: Experiment, key: Key, metric: str) -> list[Effect]:
    return findings.effects(_experiment, metric)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _standings(_experiment: Experiment, key: Key) -> list[findings.Standing]:
    return findings.standings(_experiment)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _against(_experiment: Experiment, key: Key, base: int) -> list[Effect]:
    return findings.against(_experiment, base)


def _key(experiment: Experiment) -> Key:
    over = sum(c.state in ("done", "failed", "unknown") for c in experiment.calls)
    return experiment.id, experiment.definition, over
