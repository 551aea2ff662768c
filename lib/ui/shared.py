"""The page behind a link: what a share is, its files and citation, the way to repeat it, and its end.

Title and note of a share are untrusted text; the result itself is drawn as any other.
"""

from __future__ import annotations

import streamlit as st

from lib import cite, metrics
from lib.errors import NotFound
from lib.experiment import Experiment
from lib.shelf import Shared
from lib.ui import compare, forking, parts, plain, result, session, sharing, shell, taking

WITHHELD = (
    "The sender withheld the text: bars stand in its place, as long as it was. Times, lengths and numbers "
    "are as they were measured."
)


def told() -> Shared | None:
    """The share that the address names with `e`; None where it names none. Raises NotFound."""
    if "e" not in st.query_params:
        return None
    wanted = st.query_params["e"]
    if not compare.ID.fullmatch(wanted):
        raise NotFound("This link names nothing.")
    return session.service().library.shared(wanted)


def head(share: Shared) -> None:
    """What kind of link it is, and the sender's note."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Shared, frozen", icon=":material/ac_unit:", color="blue")
        if share.form == "timing":
            st.badge("Timing only", icon=":material/visibility_off:", color="gray")
        if share.licence:
            st.badge(share.licence, color="gray", help="The licence of these data")
        st.caption(_fixed(share), width="content")
    if share.note:
        with st.container(border=True, gap="xxsmall"):
            st.caption("A note by the sender")
            st.text(share.note)
    if share.form == "timing":
        st.caption(WITHHELD)


def _fixed(share: Shared) -> str:
    """When it was frozen, how long it opens, and what tells one copy from another."""
    facts = [f"Frozen {parts.date(share.created_ms)}", f"opens {sharing.lasts(share)}"]
    if share.definition:
        facts.append(f"definitions {share.definition}")
    return " · ".join([*facts, f"SHA-256 {share.sha256[:12]}…"])


def foot(share: Shared | None, experiment: Experiment, number: int) -> None:
    """What can be done with a result: with one's own, or with somebody's share."""
    if share is None:
        result.share(experiment, number)
    else:
        about(share, experiment)


def about(share: Shared, experiment: Experiment) -> None:
    """The link, files, and how to ask the same of another endpoint."""
    link = sharing.address(share.id)
    plain.link(link, key=plain.key("link", share.id))
    elsewhere = sharing.opens_elsewhere()
    if not elsewhere:
        st.caption(sharing.HERE_ONLY)
    with st.container(horizontal=True, vertical_alignment="center"):
        forking.button(experiment)
        result.again(experiment)
        taking.menu(
            f"streamgauge-{share.id}",
            lambda: experiment,
            lambda: session.service().library.shared_json(share.id),
            link if elsewhere else None,
        )
        _embed(share)
        st.page_link(
            shell.COMPARE,
            label="Compare with others",
            icon=":material/stacked_line_chart:",
            query_params=compare.link_ids([share.id]),
        )
        _end(share)
    _frozen(share, experiment, link)


def _frozen(share: Shared, experiment: Experiment, link: str) -> None:
    section = st.expander(
        "What is frozen, and how to cite it", on_change="rerun", key="cite", bind="query-params"
    )
    if not section.open:
        return
    with section:
        known = share.definition or "not known"
        same = " the ones of this server" if share.definition == metrics.definition() else ""
        here = "" if same else f"; this server has {metrics.definition()}"
        st.text(f"Numbers as the sender saw them, by definitions {known}{',' + same if same else here}.")
        st.text(f"Measured from {cite.vantage(experiment)}.")
        st.text(f"Licence of the data: {share.licence or 'none given'}.")
        st.caption("SHA-256 of the JSON")
        st.code(share.sha256, language=None, wrap_lines=True)
        taking.citing(experiment, link=link, sha256=share.sha256)


def _embed(share: Shared) -> None:
    with st.popover("Embed", icon=":material/code:"):
        st.caption("The replay for another page. It loads nothing from anywhere else.")
        source = sharing.address(share.id).replace(f"/e/{share.id}", f"/embed/{share.id}")
        st.code(
            f'<iframe src="{source}" title="Streamgauge replay"\n'
            '  width="100%" height="640" style="border:0"></iframe>',
            language=None,
            wrap_lines=True,
        )


@st.fragment
def _end(share: Shared) -> None:
    with st.popover("Withdraw", icon=":material/link_off:"):
        st.caption("Who made this link got a delete token with it. It ends the link for everyone.")
        token = st.text_input("Delete token", key="withdraw_token", type="password", autocomplete="off")
        if not st.button("Withdraw for good", key="withdraw_link"):
            return
        try:
            session.service().library.withdraw(share.id, token or "")
        except NotFound:
            st.text("This token does not end this link.")
            return
        st.toast("The link is withdrawn: it opens no more.", icon=":material/link_off:")
        st.rerun()
