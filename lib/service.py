"""The service: the one object that pages, routes and the command line talk to. It owns all the rest.

Starts, stops and keeps experiments; asks endpoints for their models; knows the keys. An experiment
belongs to the service, never to a browser session.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
from collections.abc import Collection
from typing import Any, NamedTuple

from lib import document, plan, replay
from lib.calibrator import Calibrator
from lib.children import Lab
from lib.discovery import Discovery, Found, ModelList
from lib.dispatch import Dispatch
from lib.errors import DecodeError, InvalidSpec, NotAllowed, NotFound, StoreError
from lib.estimate import Estimate
from lib.experiment import CallResult, Experiment, ExperimentState, encoding_check
from lib.feed import Feed, FeedItem, told
from lib.forecast import Forecast
from lib.guard import Anywhere, Hosted, Nowhere, Policy
from lib.keys import Keys
from lib.ledger import Ledger
from lib.library import Library
from lib.naming import LONGEST_NOTE, checked
from lib.owner import Owner
from lib.peers import PEERS, Heard, hear
from lib.recording import Recording, Request, from_bytes
from lib.recovery import sweep
from lib.results import Results, version
from lib.runner import LocalRunner
from lib.settings import Settings, read
from lib.spec import Endpoint, ExperimentSpec, check, is_lab
from lib.store import Listed, Store
from lib.summary import seconds
from lib.tokens import Vocabulary

__all__ = ["Entry", "Found", "ModelList", "Service"]

log = logging.getLogger("streamgauge.service")

SWEEP_S = 5.0
ENDING_S = 3.0
REPLAYS = "replays"
REFRESHED = 20


class Entry(NamedTuple):
    """One saved experiment in a list. `cursor`: where the next page begins. `imported`: the tool whose
    file it came from, None: measured here."""

    id: str
    title: str
    created_ms: int
    state: ExperimentState
    models: tuple[str, ...]
    headline: str
    imported: str | None = None

    @property
    def cursor(self) -> tuple[int, str]:
        """What `listing(before=)` takes to go on after this entry."""
        return self.created_ms, self.id


class Service:
    """Use `open`; `close` when done. Safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.routes_mounted = False
        self.keys = Keys(found=not settings.hosted, taken=not settings.viewer)
        self.feed = Feed(self._saved_feed)
        self._store = Store.open(settings.data)
        self._ledger = Ledger(self._store)
        self._owner = Owner(settings.data)
        vocabulary = Vocabulary(settings.data / "vocabularies", download=settings.download)
        self._results = Results(self._store, vocabulary)
        self._forecast = Forecast(self._store, vocabulary)
        self._dispatch = Dispatch(
            settings.data,
            settings.region,
            ledger=self._ledger,
            owner=self._owner.id,
            feed=self.feed,
            keys=self.keys,
            arguments=settings.probe_arguments(),
        )
        self._lab = Lab(settings.data / REPLAYS if settings.plays else None)
        self._calibrator = Calibrator(self._dispatch, self._lab)
        self._runner = LocalRunner(
            self._dispatch,
            self._lab,
            self._ledger,
            self._results,
            self.feed,
            self._calibrator,
            owner=self._owner.id,
        )
        self.library = Library(self._store, self._measured, shows_only=settings.viewer)
        self._policy = _policy(settings)
        self._closing = threading.Event()
        self._discovery = Discovery(self._dispatch, self.keys, self._policy)
        self._hearing = threading.Lock()

    @classmethod
    def open(cls, settings: Settings | None = None) -> Service:
        """Open the data folder, recover what dead owners left, start the probe in the background.

        Raises SettingsError, StoreError, NewerData.
        """
        service = cls(settings or read())
        service._sweep()
        threading.Thread(target=service._sweeping, name="sweep", daemon=True).start()
        service._dispatch.probe.warm()
        return service

    def warm(self) -> None:
        """Start the lab and calibrate in the background, so that the first experiment need not wait."""
        self._calibrator.begin()

    def close(self) -> None:
        """Send nothing more, save what arrived, end the children. Calls under way are finished by the
        probe alone and folded in at the next start."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._runner.leave()
        self._dispatch.close()
        self._lab.close()
        self._sweep()
        self._owner.close()
        self._store.close()

    def start(self, spec: ExperimentSpec, *, title: str = "", parent: str | None = None) -> str:
        """Begin an experiment → its id. Raises InvalidSpec, KeyRefused, StoreError before anything is
        sent. A seed of 0 is drawn."""
        check(spec)
        for i, arm in enumerate(spec.arms):
            self._allow(i, arm.endpoint)
        if spec.seed == 0:
            spec = dataclasses.replace(spec, seed=secrets.randbelow(2**31 - 1) + 1)
        calls = plan.plan(spec)
        id = secrets.token_urlsafe(16)
        self._store.add(id, spec, calls, owner=self._owner.id, title=checked("title", title), parent=parent)
        self.feed.begin(id)
        self._runner.start(id, spec, calls)
        return id

    def estimate(self, spec: ExperimentSpec) -> Estimate:
        """Calls, tokens, money and time that an experiment will take. Raises StoreError."""
        return self._forecast.of(spec)

    def resume(self, id: str, *, repeat_unknown: bool = False) -> None:
        """Go on with an experiment that ended early: only calls that were never sent are made.

        `repeat_unknown`: what was sent and never ended is asked again, too, as new calls, since it may
        have been billed. Raises NotFound, KeyRefused, InvalidSpec (also when nothing is left), StoreError.
        """
        found = self.standing(id)
        if found.imported is not None:
            raise InvalidSpec("state", "It came as a file: there is nothing here to go on with.")
        if found.state != "running":
            self._runner.wait(id, ENDING_S)  # its end is written before its thread is over
        for i, arm in enumerate(found.spec.arms):
            self._allow(i, arm.endpoint)
        calls = [c.planned for c in found.calls]
        lost = {c.planned.n for c in found.calls if c.state == "unknown"} if repeat_unknown else ()
        more = plan.again(found.spec, calls, lost)
        left = set(self._ledger.resume(self._owner.id, id, more)) if more or found.resumable else ()
        if not left:
            raise InvalidSpec("state", "This experiment runs, or has no call left to be made.")
        self.feed.begin(id, [FeedItem(c.planned.n, c.state) for c in found.calls if c.planned.n not in left])
        self._runner.start(id, found.spec, [c for c in (*calls, *more) if c.n in left])

    def cancel(self, id: str) -> None:
        """Stop an experiment that runs here; what arrived is kept. Raises NotFound."""
        self.require(id)
        self._runner.cancel(id)

    def wait(self, id: str, timeout: float | None = None) -> None:
        """Until an experiment that runs here has ended, or `timeout` (s) is over."""
        self._runner.wait(id, timeout)

    def require(self, id: str) -> None:
        """Raise NotFound when there is no such experiment."""
        self._store.row(id)

    def experiment(self, id: str) -> Experiment:
        """All that is known of an experiment, live or saved. Raises NotFound."""
        return self.library.imported(id) or self._measured(id)

    def numbers(self, id: str) -> Experiment:
        """All but what arrived when: each call an outline, so that many cost little. Raises NotFound."""
        found = self.library.imported(id)
        return found or self._ended(self._results.numbers(id, self._dispatch.live(id)))

    def calls(self, id: str, numbers: Collection[int]) -> dict[int, CallResult]:
        """n → the calls of an experiment that a page shows whole. Raises NotFound."""
        if (found := self.library.imported(id)) is not None:
            return {c.planned.n: c for c in found.calls if c.planned.n in numbers}
        return self._results.calls(id, numbers, self._dispatch.live(id))

    def standing(self, id: str) -> Experiment:
        """How far an experiment is: its calls' states without what arrived. Cheap. Raises NotFound."""
        return self.library.imported(id) or self._ended(self._results.standing(id))

    def json(self, id: str) -> str:
        """The versioned document of docs/json.md. Raises NotFound."""
        if (imported := self.library.imported_json(id)) is not None:
            return imported.decode()
        return document.to_json(self._measured(id))

    def listing(
        self, search: str = "", limit: int = 50, before: tuple[int, str] | None = None
    ) -> list[Entry]:
        """Saved and running experiments, newest first; `search` in titles, models, prompts, or an id."""
        return [self._entry(x) for x in self._store.listing(search, limit, before, version())]

    def check_spec(self, id: str, arm: int = 0) -> ExperimentSpec:
        """The delivery check: one arm's call again, once as it is and once compressed, as a browser
        would get it. Raises NotFound, InvalidSpec."""
        return encoding_check(self._store.row(id).asked(), arm)

    def recording(self, id: str, n: int) -> Recording | None:
        """What arrived at one call, as bytes and stamps; None until it has ended."""
        kept = self._store.evidence(id, [n]).get(n)
        return None if kept is None else from_bytes(kept)

    def peers(self, model: str) -> tuple[Heard, ...]:
        """What the Cookbook's loop and a plain reader say of one call each to a model of the lab, made now,
        one after the other, and for one page at a time. Raises ChildError."""
        base_url = self._lab.base_url()
        with self._hearing:
            return tuple(hear(peer, base_url, model) for peer in PEERS)

    def replay(self, id: str) -> str:
        """The base URL at which any OpenAI client hears the first pair of a saved experiment again, at its
        times; lib/lab/replays.py has what a model's name may ask for. In local mode, elsewhere by setting.

        Raises NotFound, NotAllowed, ChildError, StoreError.
        """
        if not self.settings.plays:
            raise NotAllowed("This server does not play experiments: STREAMGAUGE_REPLAY is not set.")
        told = replay.script(self.experiment(id))
        if told is None:
            raise NotFound("No text arrived in this experiment, so there is nothing to play.")
        self._store.put_file(REPLAYS, f"{id}.json", told)
        return f"{self._lab.base_url().removesuffix('/v1')}/replay/{id}/v1"

    def rename(self, id: str, title: str) -> None:
        """Give it a title. Raises NotFound, InvalidSpec, NotAllowed."""
        self._may_change()
        self._store.describe(id, title=checked("title", title))

    def annotate(self, id: str, note: str) -> None:
        """Give it a note. Raises NotFound, InvalidSpec, NotAllowed."""
        self._may_change()
        self._store.describe(id, note=checked("note", note, LONGEST_NOTE))

    def delete(self, id: str, *, withdraw: bool = False) -> None:
        """Delete it with all that belongs to it; a running one is stopped first. Raises NotFound, NotAllowed.

        Its shares stay, being copies that were promised to last, unless `withdraw` ends them too.
        """
        self._may_change()
        self.cancel(id)
        if withdraw:
            self.library.withdraw_all(id)
        self._store.delete(id)
        (self.settings.data / REPLAYS / f"{id}.json").unlink(missing_ok=True)
        self.library.forget(id)
        self._results.forget(id)
        self.feed.forget(id)

    def request(self, request: Request, timeout: float) -> Recording:
        """One call that belongs to no experiment and is not kept.

        Raises ChildError, KeyRefused, NotAllowed.
        """
        if self.settings.viewer:
            raise NotAllowed("This server only shows experiments. Nothing was sent.")
        return self._dispatch.ask(request, timeout)

    def models(self, endpoint: Endpoint) -> ModelList:
        """What an endpoint offers, asked for through the probe; 3 s at most."""
        return self._discovery.models(endpoint)

    def discover(self) -> list[Found]:
        """Servers that answer on their usual ports of this computer; asked again after 30 s."""
        return self._discovery.servers() if self.settings.discover else []

    def health(self) -> dict[str, Any]:
        """Whether experiments can be started and saved; `status` is "ok" or "failing"."""
        problem = self._dispatch.saver.problem
        try:
            self._store.check()
        except StoreError as error:
            problem = error
        return {
            "status": "ok" if problem is None else "failing",
            "data": "writable" if problem is None else str(problem),
            "probe": "running" if self._dispatch.probe.pid is not None else "not running",
        }

    def _measured(self, id: str) -> Experiment:
        return self._ended(self._results.experiment(id, self._dispatch.live(id)))

    def _may_change(self) -> None:
        if self.settings.viewer:
            raise NotAllowed("This server only shows experiments. Nothing was changed.")

    def _allow(self, arm: int, endpoint: Endpoint) -> None:
        """Raise InvalidSpec or KeyRefused when this server calls no such address, or not with this key."""
        if is_lab(endpoint):
            return
        if (sentence := self._policy.refusal(endpoint.base_url)) is not None:
            raise InvalidSpec(f"arms.{arm}.base_url", sentence)
        if endpoint.key_ref:
            self.keys.resolve(endpoint.key_ref, endpoint.base_url)

    def _ended(self, found: Experiment) -> Experiment:
        """With its end, where the store could not take it yet."""
        ending = self._runner.ending(found.id)
        return found if ending is None else dataclasses.replace(found, **ending._asdict())

    def _entry(self, listed: Listed) -> Entry:
        metrics = listed.metrics
        if listed.state != "running" and not metrics:
            planned = [c.planned for c in self.standing(listed.id).calls]
            try:
                calls = self.calls(listed.id, [p.n for p in planned if (p.arm, p.pair) == (0, 0)])
            except DecodeError:
                calls = {}
            metrics = {c.planned.mode: dict(c.metrics) for c in calls.values() if c.metrics}
        return Entry(*listed[:5], headline=_headline(metrics), imported=listed.imported)

    def _saved_feed(self, id: str, cursor: int) -> tuple[list[FeedItem], bool]:
        """One item a call, once; then only whether it has ended, which costs no decoding."""
        if cursor > 0:
            return [], self._store.row(id).state != "running"
        experiment = self.experiment(id)
        calls = [(c.planned.n, c.state, c.timeline.events if c.timeline else ()) for c in experiment.calls]
        ended = experiment.state != "running"
        return told(calls, ended), ended

    def _sweeping(self) -> None:
        stale = True
        while not self._closing.wait(SWEEP_S):
            self._sweep()
            stale = stale and self._refresh()

    def _refresh(self) -> bool:
        """Make some numbers of an older version anew while nothing runs; False when all are of today."""
        try:
            return self._runner.busy or self._results.refresh(REFRESHED) > 0
        except StoreError as error:
            if not self._closing.is_set():
                log.warning("Older numbers could not be made anew. %s", error)
            return True

    def _sweep(self) -> None:
        try:
            for id in sweep(self._store, self._ledger, self._owner, self.settings.data / "spool"):
                self._results.forget(id)
            self._runner.tidy()
            self.library.sweep()
        except StoreError as error:
            if not self._closing.is_set():
                log.error("What others left could not be looked at. %s", error)


def _policy(settings: Settings) -> Policy:
    if settings.viewer:
        return Nowhere()
    return Hosted(settings.ports) if settings.hosted else Anywhere()


def _headline(metrics: dict[str, dict[str, Any]]) -> str:
    """The answer in a few words, "" while there is none."""
    first = metrics.get("streaming", {}).get("ttfo_s")
    whole = metrics.get("blocking", {}).get("e2e_s")
    words = [f"first text {seconds(first)}"] if first is not None else []
    words += [f"blocking {seconds(whole)}"] if whole is not None else []
    return ", ".join(words)
