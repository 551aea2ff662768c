"""An experiment by any id that a visitor may hold: of one that is kept here, or of a share."""

from __future__ import annotations

from lib.errors import NotFound
from lib.experiment import Experiment
from lib.ui import session


def find(id: str) -> Experiment:
    """The experiment, a share's under the share's id. Raises NotFound."""
    service = session.service()
    try:
        return service.experiment(id)
    except NotFound:
        return service.library.shared_experiment(id)


def query(id: str) -> dict[str, str]:
    """Query parameters of its page."""
    try:
        session.service().require(id)
    except NotFound:
        return {"e": id}
    return {"id": id}
