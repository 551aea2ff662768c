"""The two small static pages of a share: what a link shows before the dashboard, and what can be embedded.

Neither holds Plotly, a web socket or a session, and neither loads anything; what came from outside is
escaped. The whole experiment as a file is exports' business.
"""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from lib import cite, exports, lanes, player, teaser
from lib.experiment import Experiment
from lib.shelf import GONE, Shared

LINK_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)


def link_page(told: Shared, *, line: str, onward: str, origin: str) -> str:
    """A page that goes on to `onward` at once. `line`: the headline numbers; `origin`: of this server."""
    return exports.rendered(
        "link.html",
        title=told.title,
        line=line,
        onward=onward,
        address=f"{origin}/e/{told.id}",
        picture=f"{origin}/e/{told.id}.png",
        public=told.visibility == "public",
    )


def gone() -> str:
    """The same for every link that shows nothing (any more)."""
    return exports.rendered("gone.html", sentence=GONE)


def embed_page(experiment: Experiment, told: Shared) -> tuple[str, str]:
    """(page, its content security policy): any page may frame it, and it may load nothing at all."""
    script = player.script() + exports.MOUNT
    page = exports.rendered(
        "embed.html",
        title=told.title,
        said=teaser.lead(experiment),
        made=made_of(experiment),
        id=told.id,
        licence=told.licence,
        data=exports.island(lanes.hero_data(experiment, autoplay=False)),
        script=Markup(script),  # noqa: S704  our own source
        style=Markup(player.style()),  # noqa: S704  our own source
    )
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src '{exports.script_hash(script)}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors *"
    )
    return page, policy


def made_of(experiment: Experiment) -> str:
    """When and by whom it was measured, in one line."""
    when = datetime.fromtimestamp(experiment.created_ms / 1000, UTC)
    day = f"{when.day} {when:%B %Y}"
    if experiment.imported is not None:
        return f"{day} · imported, not measured here"
    place = lanes.one_line(cite.named_place(experiment), 60)
    return f"{day} · measured from {place}" if place else day
