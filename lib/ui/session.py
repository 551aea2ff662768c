"""What every page shares: the service, the scheme, and links. The only global of this program lives here.

Nothing is drawn here.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from lib import settings
from lib.experiment import Experiment
from lib.lab import recordings
from lib.service import Service
from lib.spec import is_lab


@st.cache_resource(show_spinner=False, on_release=Service.close)
def service() -> Service:
    """The one service of this process, opened by whoever asks first: the server, a page or a test."""
    return Service.open()


@st.cache_resource(show_spinner=False)
def recorded(recording_id: str) -> Experiment:
    """One of the built-in recordings as a finished experiment that is stored nowhere."""
    return recordings.experiment(recording_id)


def is_dark() -> bool:
    """Whether the page is shown in the dark scheme; False until the browser has said."""
    return st.context.theme.type == "dark"


def link(page: str, **query: str) -> str:
    """The address of a page as the browser of this visitor reaches it."""
    parts = urlsplit(st.context.url or "")
    path = f"{_base(parts.path)}/{page}"
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query, safe=","), ""))


def feed_path(experiment_id: str) -> str:
    """Where the browser follows a running experiment, on the server it came from."""
    return f"{_base(urlsplit(st.context.url or '').path)}/api/experiments/{experiment_id}/events"


def opens_elsewhere() -> bool:
    """Whether other computers can open `link`: the visitor did not come by a loopback name."""
    host = urlsplit(st.context.url or "").hostname
    return host is not None and not settings.is_loopback(host)


def _base(path: str) -> str:
    """What a reverse proxy put before our own page paths."""
    head, _, page = path.rstrip("/").rpartition("/")
    return head if page in ("experiment", "compare", "saved", "method") else path.rstrip("/")


def asks_again(experiment: Experiment) -> bool:
    """Whether this page may send the experiment's calls once more by itself.

    Never to an address that a share or a file names, which a stranger wrote, and on a server that only
    shows to the built-in endpoint only.
    """
    if not all(arm.call.prompt for arm in experiment.spec.arms):  # withheld
        return False
    if all(is_lab(arm.endpoint) for arm in experiment.spec.arms):
        return True
    own = experiment.imported is None and "e" not in st.query_params
    return own and not service().settings.viewer


DRAWN = "drawn"
"""Session state: ids whose hero this visitor's browser has painted, so that charts may follow."""


def drawn(experiment_id: str) -> bool:
    """Whether the charts' code may load now without holding the first picture back."""
    return experiment_id in st.session_state.setdefault(DRAWN, set())


def set_drawn(experiment_id: str) -> None:
    """The hero of this experiment is on the screen."""
    st.session_state.setdefault(DRAWN, set()).add(experiment_id)
