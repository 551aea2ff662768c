"""What leaves and what comes in: shares with their links, and experiments that came as files.

The service owns one; pages, routes and the command line talk to it as `service.library`. A share is a
frozen copy: renaming or deleting the experiment it was made of changes nothing about it, since whoever
got the link was promised that it lasts; it ends by its own token, its expiry, or on request.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, get_args

from lib import document, imports, reopen, share
from lib.errors import InvalidSpec, NotAllowed, NotFound
from lib.experiment import Experiment
from lib.lanes import one_line
from lib.naming import LONGEST_NOTE, LONGEST_TITLE, checked
from lib.share import Form, Licence, Visibility
from lib.shelf import GONE, Shared, Shelf
from lib.store import Store, experiment_row, now_ms

DAYS: tuple[int | None, ...] = (30, 90, 365, None)
"""How long a link may last; None: until it is withdrawn."""
DAY_MS = 86_400_000
KEPT_EVENTS = 100_000


class Preview(NamedTuple):
    """Exactly what would become public: the text, its hash, and the experiment as a visitor sees it."""

    text: str
    sha256: str
    experiment: Experiment


class Given(NamedTuple):
    """A new share. `token` withdraws it; it is told once and kept nowhere."""

    shared: Shared
    token: str


class Library:
    """Safe from any thread. `experiment`: how one that was measured here is found.

    `shows_only`: nobody may add anything (viewer mode).
    """

    def __init__(
        self, store: Store, experiment: Callable[[str], Experiment], *, shows_only: bool = False
    ) -> None:
        self._store = store
        self._shelf = Shelf(store)
        self._measured = experiment
        self._shows_only = shows_only
        self._open: OrderedDict[str, Experiment] = OrderedDict()
        self._lock = threading.Lock()

    def preview(self, id: str, form: Form = "full") -> Preview:
        """What `share` would publish now. Raises NotFound, InvalidSpec while it is still running."""
        found = self.imported(id) or self._measured(id)
        if found.state == "running":
            raise InvalidSpec("share", "It is still running. Wait until it has ended, or stop it.")
        text = document.to_json(share.public(found, form))
        data = text.encode()
        return Preview(text, _sha256(data), reopen.experiment(reopen.read(data), id=""))

    def share(
        self,
        id: str,
        *,
        form: Form = "full",
        visibility: Visibility = "unlisted",
        days: int | None = None,
        licence: Licence = "",
        note: str = "",
        expected: str | None = None,
    ) -> Given:
        """Freeze an experiment behind a new link. `days`: one of DAYS; `expected`: the preview's sha256.

        Raises NotFound, InvalidSpec, NotAllowed.
        """
        self._may_add()
        _check_choice("form", form, get_args(Form))
        _check_choice("visibility", visibility, get_args(Visibility))
        _check_choice("licence", licence, get_args(Licence))
        _check_choice("days", days, DAYS)
        note = checked("note", note, LONGEST_NOTE)
        shown = self.preview(id, form)
        if expected not in (None, shown.sha256):
            raise InvalidSpec("share", "The experiment has changed since the preview. Look at it again.")
        return self._give(id, shown, days, note, form=form, visibility=visibility, licence=licence)

    def _give(
        self, id: str, shown: Preview, days: int | None, note: str,
        *, form: Form, visibility: Visibility, licence: Licence,
    ) -> Given:  # fmt: skip
        now, token = now_ms(), secrets.token_urlsafe(16)
        shared = Shared(
            id=secrets.token_urlsafe(16),
            created_ms=now,
            expires_ms=None if days is None else now + days * DAY_MS,
            form=form,
            visibility=visibility,
            licence=licence,
            title=_title(shown.experiment),
            note=note,
            sha256=shown.sha256,
            definition=shown.experiment.definition,
        )
        hashed = _sha256(token.encode())
        self._shelf.put(shared, experiment=id, delete_sha256=hashed, document=shown.text.encode())
        return Given(shared, token)

    def withdraw(self, share_id: str, token: str) -> None:
        """End a share for good. Raises NotFound, also when the token is another one's."""
        kept = self._shelf.delete_sha256(share_id, now_ms())
        if not hmac.compare_digest(kept, _sha256(token.strip().encode("utf-8", "replace"))):
            raise NotFound(GONE)
        self._shelf.withdraw(share_id)

    def withdraw_one(self, id: str, share_id: str) -> None:
        """End one share of an experiment, for whoever has the experiment. Raises NotFound."""
        if share_id not in {shared.id for shared in self.shares(id)}:
            raise NotFound(GONE)
        self._shelf.withdraw(share_id)

    def withdraw_all(self, id: str) -> None:
        """End every share of an experiment: for whoever deletes it and asks for that too."""
        self._shelf.withdraw_all(id)

    def shared(self, share_id: str) -> Shared:
        """What anyone may know of a share. Raises NotFound."""
        return self._shelf.shared(share_id, now_ms())

    def shared_json(self, share_id: str) -> bytes:
        """Its document as it was frozen. Raises NotFound."""
        return self._shelf.document(share_id, now_ms())

    def shared_experiment(self, share_id: str) -> Experiment:
        """What the sender saw, with the share's id and note. Raises NotFound."""
        told = self.shared(share_id)
        found = self._opened(share_id, lambda: self._reopened(share_id))
        return dataclasses.replace(found, note=told.note)

    def shares(self, id: str) -> list[Shared]:
        """The links to an experiment, newest first."""
        return self._shelf.of(id, now_ms())

    def public(self, limit: int = 50, before: tuple[int, str] | None = None) -> list[Shared]:
        """Shares that anyone may find, newest first; `before`: (created_ms, id) of the last one seen."""
        return self._shelf.public(now_ms(), limit, before)

    def bring(self, data: bytes) -> str:
        """Keep an experiment that came as a file, word for word → its id here.

        Raises InvalidDocument, NotAllowed. lib/imports.py says what is read.
        """
        self._may_add()
        now = now_ms()
        came = imports.read(data, now)
        id = secrets.token_urlsafe(16)
        found = reopen.experiment(reopen.read(came.document), id=id, imported=came.tool)
        title = one_line("".join(c if c.isprintable() else " " for c in found.title), LONGEST_TITLE)
        row = experiment_row(
            id, found.spec, created_ms=now, state=found.state, title=title,
            note=found.note[:LONGEST_NOTE],
        )  # fmt: skip
        self._shelf.put_import(
            row | {"imported": came.tool},
            imported_ms=now,
            sha256=_sha256(came.document),
            headline=_headline(found),
            document=came.document,
        )
        return id

    def imported(self, id: str) -> Experiment | None:
        """An experiment that came as a file, None when it was measured here. Raises NotFound.

        Name and note are this server's; all else, the numbers too, is as the file has it.
        """
        row = self._store.row(id)
        if (tool := row.imported) is None:
            return None
        found = self._opened(
            id, lambda: reopen.experiment(reopen.read(self._shelf.imported(id) or b""), id=id, imported=tool)
        )
        return dataclasses.replace(found, title=row.title, note=row.note)

    def imported_json(self, id: str) -> bytes | None:
        """Its document, word for word; None when it was measured here, or is not here."""
        return self._shelf.imported(id)

    def forget(self, id: str) -> None:
        """Drop what is remembered of an experiment."""
        with self._lock:
            self._open.pop(id, None)

    def sweep(self) -> None:
        """Delete the shares that have expired. Raises StoreError."""
        self._shelf.sweep(now_ms())

    def _reopened(self, share_id: str) -> Experiment:
        return reopen.experiment(reopen.read(self.shared_json(share_id)), id=share_id)

    def _may_add(self) -> None:
        if self._shows_only:
            raise NotAllowed("This server only shows experiments: nothing can be shared or imported here.")

    def _opened(self, key: str, open_it: Callable[[], Experiment]) -> Experiment:
        """From memory, else opened and remembered; the oldest go when there are too many events."""
        with self._lock:
            if (known := self._open.get(key)) is not None:
                self._open.move_to_end(key)
                return known
        found = open_it()
        with self._lock:
            self._open[key] = found
            while len(self._open) > 1 and sum(map(_size, self._open.values())) > KEPT_EVENTS:
                self._open.popitem(last=False)
        return found


def _title(experiment: Experiment) -> str:
    models = ", ".join(dict.fromkeys(arm.call.model for arm in experiment.spec.arms))
    return one_line(experiment.title or models, LONGEST_TITLE)


def _headline(experiment: Experiment) -> str:
    """Mode → the two numbers that a list shows, of the first pair, as JSON."""
    first = {c.planned.mode: c.metrics for c in experiment.calls if (c.planned.arm, c.planned.pair) == (0, 0)}
    told = {
        mode: {n: v for n, v in numbers.items() if n in ("ttfo_s", "e2e_s") and isinstance(v, int | float)}
        for mode, numbers in first.items()
        if numbers
    }
    return json.dumps(told)


def _check_choice(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        told = ", ".join("never" if c is None else str(c) or "none" for c in choices)
        raise InvalidSpec(field, f"The {field} must be one of: {told}.")


def _size(experiment: Experiment) -> int:
    return sum(len(c.timeline.events) + len(c.timeline.reads) + 100 for c in experiment.calls if c.timeline)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
