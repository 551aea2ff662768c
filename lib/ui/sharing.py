"""Sharing an experiment: what becomes public, the link, its token shown once, and the end of links.

Who may share what is library's business; a preview holds untrusted text.
"""

from __future__ import annotations

from typing import TypeVar, get_args

import streamlit as st

from lib import exports, lanes, share
from lib.library import DAYS, Given, Preview
from lib.naming import LONGEST_NOTE
from lib.share import Form, Licence, Visibility
from lib.shelf import Shared
from lib.ui import parts, plain, session, shell

FORMS: dict[Form, str] = {"full": "Full", "timing": "Timing only"}
LEFT_OUT: dict[Form, str] = {
    "full": "Public: prompt, answers, models, times and numbers. Left out: keys, your note, headers, "
    "texts of errors, private addresses, and the ids of this computer.",
    "timing": "Public: models, times, lengths and numbers. Left out: title, prompt and answers, of which "
    "only the lengths stay; and keys, your note, headers, texts of errors, private addresses, and the ids of "
    "this computer.",
}
FINDS: dict[Visibility, str] = {"unlisted": "Who has the link", "public": "Anyone, search engines too"}
HERE_ONLY = "The link opens on this computer only. The HTML file opens anywhere, without a network."
SHOWN_PREVIEW, BEGINNING, MOST_READ = 400_000, 2_000, 160
GIVEN = "share_given"
T = TypeVar("T", bound=str)


def button(id: str) -> None:
    """Opens the dialog, on a server that lets its visitors share."""
    if not session.service().settings.viewer and st.button(
        "Share", key="share", type="primary", icon=":material/share:"
    ):
        st.session_state.pop(GIVEN, None)
        _dialog(id)


def address(share_id: str) -> str:
    """Where anyone opens a share: at the public address of this server, else as this visitor reached it."""
    public = session.service().settings.public_url.rstrip("/")
    return f"{public}/e/{share_id}" if public else session.link(f"e/{share_id}")


def opens_elsewhere() -> bool:
    """Whether other computers can open `address`."""
    return bool(session.service().settings.public_url) or session.opens_elsewhere()


def lasts(shared: Shared) -> str:
    """Until when a link opens, in words."""
    if shared.expires_ms is None:
        return "until it is withdrawn"
    return f"until {parts.date(shared.expires_ms)}"


def _forget() -> None:
    st.session_state.pop(GIVEN, None)


@st.dialog("Share this experiment", width="large", on_dismiss=_forget)
def _dialog(id: str) -> None:
    parts.refused()
    given: Given | None = st.session_state.get(GIVEN)
    if given is None:
        _choose(id)
    else:
        _done(id, given)
    _links(id, given)


def _choose(id: str) -> None:
    form: Form = _pick("What becomes public", FORMS, "share_form")
    _pick("Who finds it", FINDS, "share_finds")
    left, right = st.columns(2)
    left.selectbox("The link lasts", range(len(DAYS)), index=1, format_func=_days, key="share_days")
    right.selectbox(
        "Licence of the data", get_args(Licence), format_func=lambda x: x or "None", key="share_licence"
    )
    st.text_input(
        "A note beside it (public, optional)", key="share_note", max_chars=LONGEST_NOTE, autocomplete="off"
    )
    shown = session.service().library.preview(id, form)
    st.caption(LEFT_OUT[form])
    _preview(shown)
    st.button("Make the link", key="share_make", type="primary", on_click=_make, args=(id, shown.sha256))


def _pick(label: str, choices: dict[T, str], key: str) -> T:
    chosen: T | None = st.segmented_control(
        label, list(choices), default=next(iter(choices)), format_func=choices.__getitem__, key=key,
        required=True,
    )  # fmt: skip
    return chosen or next(iter(choices))


def _days(place: int) -> str:
    days = DAYS[place]
    return "Until I withdraw it" if days is None else f"{days} days"


def _preview(shown: Preview) -> None:
    """What a visitor can read of it, then the document, letter by letter. Untrusted text."""
    st.caption("What others will read:")
    with st.container(border=True, gap="xsmall"):
        for name, value in share.told(shown.experiment):
            st.text(f"{name}: {lanes.one_line(value, MOST_READ)}")
    size = f"{len(shown.text.encode()) / 1000:,.0f} kB"
    section = st.expander(
        f"Exactly this becomes public, letter by letter ({size})", on_change="rerun", key="share_letters"
    )
    if not section.open:
        return
    with section:
        if len(shown.text) <= SHOWN_PREVIEW:
            st.json(shown.text, expanded=1)
        else:
            st.caption("It is too long to be shown here whole; this is its beginning. The file holds all.")
            st.code(shown.text[:BEGINNING], language=None, wrap_lines=True)
        st.download_button(
            "The same as a file",
            shown.text,
            file_name="preview.json",
            mime="application/json",
            key="share_preview",
            type="tertiary",
            on_click="ignore",
        )


def _make(id: str, sha256: str) -> None:
    state = st.session_state

    def make() -> None:
        state[GIVEN] = session.service().library.share(
            id,
            form=state.get("share_form") or "full",
            visibility=state.get("share_finds") or "unlisted",
            days=DAYS[state.get("share_days", 1)],
            licence=state.get("share_licence") or "",
            note=state.get("share_note") or "",
            expected=sha256,
        )

    parts.attempt(make)


def _done(id: str, given: Given) -> None:
    shared = given.shared
    st.markdown("**The link is ready.**")
    plain.link(address(shared.id), key=plain.key("shared", shared.id))
    st.caption(f"It opens {lasts(shared)}.")
    if not opens_elsewhere():
        st.caption(HERE_ONLY)
        st.download_button(
            "Save as one HTML file",
            lambda: exports.html_file(session.service().library.shared_experiment(shared.id), link=None),
            file_name=f"streamgauge-{shared.id}.html",
            mime="text/html",
            key="share_html",
            icon=":material/download:",
            on_click="ignore",
        )
    st.markdown("**Delete token, shown once.** Keep it: with it the link can be withdrawn from anywhere.")
    st.code(given.token, language=None)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            shell.EXPERIMENT,
            label="Open what others see",
            icon=":material/arrow_forward:",
            query_params={"e": shared.id},
        )
        st.button("Make another link", key="share_another", type="tertiary", on_click=_forget)


def _links(id: str, given: Given | None) -> None:
    """All links to this experiment that still open, each with its end."""
    found = session.service().library.shares(id)
    if not found:
        return
    st.divider()
    st.caption("Links to this experiment")
    for shared in found:
        with st.container(horizontal=True, vertical_alignment="center"):
            new = "new, " if given is not None and given.shared.id == shared.id else ""
            with st.container(width="stretch", gap="xxsmall"):
                st.text(address(shared.id))
                st.caption(
                    f"{new}{FORMS[shared.form].lower()}, {shared.visibility}, made "
                    f"{parts.date(shared.created_ms)}, opens {lasts(shared)}"
                )
            with st.popover("Withdraw", type="tertiary", icon=":material/link_off:"):
                st.caption("It ends the link for everyone who has it.")
                st.button(
                    "Withdraw for good", key=f"withdraw_{shared.id}", on_click=_withdraw, args=(id, shared.id)
                )


def _withdraw(id: str, share_id: str) -> None:
    given: Given | None = st.session_state.get(GIVEN)
    if given is not None and given.shared.id == share_id:
        _forget()
    parts.attempt(lambda: session.service().library.withdraw_one(id, share_id))
