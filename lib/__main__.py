"""The command line: `python -m lib run` and `import`. The same service as the pages, without a browser.

Progress and errors go to stderr, the comparison and links to stdout. Exit code 0; 1 when a call failed or
was cut, or when what was asked for cannot be done; 2 when a limit was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from lib import objectives, sample
from lib.comparison import LEAST
from lib.errors import InvalidSpec, StreamgaugeError
from lib.experiment import CallResult, Experiment, preset
from lib.feed import FeedItem
from lib.lab.recordings import MODELS
from lib.providers import provider_of
from lib.service import Service
from lib.settings import read
from lib.share import Form
from lib.spec import (
    BOUNDS,
    EXPERIMENT_APIS,
    LAB,
    PRIMARIES,
    Arm,
    CallSpec,
    Endpoint,
    ExperimentSpec,
    endpoint_problems,
    number,
)
from lib.summary import caveat, instrument, table
from lib.verdict import HEADLINE, verdict

ASKED = ("base_url", "model", "prompt", "system", "api", "max_tokens", "temperature", "key_env")
CACHES = ("bust", "keep", "as_is")
POLL_S = 0.1


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong argument exits with 1 like every other failure."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and leave."""
        self.exit(1, f"{self.prog}: error: {printable(message)}\n")


def parser() -> argparse.ArgumentParser:
    """All flags with their help."""
    top = Parser(prog="python -m lib", description="Streamgauge: LLM stream timing.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)
    files = commands.add_parser("import", help="keep an experiment that came as a file")
    files.add_argument(
        "file", type=_text, help="Streamgauge's JSON, AIPerf's raw export, vLLM's detailed JSON"
    )
    run = commands.add_parser(
        "run",
        help="make blocking and streaming calls and compare them",
        description="Makes blocking and streaming calls in turn and compares them. Without arguments: "
        "the recorded example, 7 s, no key, no network.",
    )
    add = run.add_argument
    add(
        "--base-url",
        type=_text,
        help="the endpoint, such as https://api.openai.com/v1; none: the built-in one",
    )
    add("--model", type=_text, help="as the endpoint calls it")
    add("--prompt", type=_text, help="what the model is asked")
    add("--system", type=_text, help="the system message")
    add("--api", choices=EXPERIMENT_APIS, help="the kind of API (chat.completions)")
    add("--max-tokens", type=_whole("max_tokens"), help=BOUNDS["max_tokens"].help)
    add("--temperature", type=_number("temperature"), help=BOUNDS["temperature"].help)
    add("--key-env", metavar="NAME", type=_text, help="the variable or secrets.toml entry that holds the key")
    add("--pairs", type=_whole("pairs"), default=1, help="calls of each kind (1)")
    add("--warmups", type=_whole("warmups"), help=f"{BOUNDS['warmups'].help} (1 from {LEAST} pairs on)")
    add("--consumer", choices=HEADLINE, help="who reads the answer decides what is compared (reader)")
    add("--primary", choices=PRIMARIES, help="what is compared, if not what --consumer says")
    add("--seed", type=_whole("seed"), default=0, help=BOUNDS["seed"].help)
    add("--cache", choices=CACHES, help="bust it with a nonce, keep it warm, or leave it as it is (bust)")
    add(
        "--contention", action="store_true",
        help="make both calls of a pair at once, so that each may slow the other",
    )  # fmt: skip
    add("--margin", type=_number("margin"), help=BOUNDS["margin"].help)
    add("--half-width", type=_number("half_width"), help=BOUNDS["half_width"].help)
    add("--stop-after", type=_whole("stop_after"), default=3, help=f"{BOUNDS['stop_after'].help} (3)")
    add("--json", metavar="FILE", type=_text, help="also write the experiment as JSON; - for stdout")
    add("--share", nargs="?", const="full", choices=("full", "timing"), help="share it, and print the link")
    add(
        "--limit", metavar="NAME=VALUE", type=_limit, action="append", default=[],
        help="a number that the streaming calls must keep, such as ttfo_s=0.8; exit code 2 when they don't",
    )  # fmt: skip
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one experiment, or keep one that came as a file. Returns the exit code."""
    flags = parser()
    options = flags.parse_args(argv)
    try:
        _check_file(getattr(options, "json", None))
        service = Service.open(read())
    except StreamgaugeError as error:
        flags.error(str(error))
    try:
        return _bring(service, options.file) if options.command == "import" else _run(service, options)
    except InvalidSpec as error:
        flags.error(f"{_flag(error.field)}: {error.message}")
    except StreamgaugeError as error:
        flags.error(str(error))
    finally:
        service.close()


def asked(options: argparse.Namespace, service: Service) -> ExperimentSpec:
    """The specification behind the flags. Raises InvalidSpec."""
    if all(getattr(options, name) is None for name in ASKED):
        return _designed(preset(options.pairs), options, service)
    lab = options.base_url in (None, LAB)
    for name in () if lab else ("model", "prompt"):
        if getattr(options, name) is None:
            raise InvalidSpec(name, "It is needed with --base-url. Say what to ask, and of which model.")
    example = preset().arms[0].call
    model = example.model if options.model is None else options.model
    call = CallSpec(
        options.api or (dict(MODELS).get(model, "chat.completions") if lab else "chat.completions"),
        model,
        example.prompt if options.prompt is None else options.prompt,
        options.system,
        options.max_tokens,
        options.temperature,
    )
    arm = Arm(Endpoint(LAB) if lab else _endpoint(options, service), call)
    return _designed(ExperimentSpec((arm,), pairs=options.pairs), options, service)


def _designed(spec: ExperimentSpec, options: argparse.Namespace, service: Service) -> ExperimentSpec:
    """With what the flags say of the whole; a measurement, with a verdict, from `LEAST` pairs on."""
    measured = options.pairs >= LEAST
    warmups = int(measured) if options.warmups is None else options.warmups
    arms = tuple(dataclasses.replace(arm, contention=options.contention) for arm in spec.arms)
    return dataclasses.replace(
        spec,
        arms=arms,
        design="measure" if measured else "look",
        warmups=warmups,
        primary=options.primary or HEADLINE[options.consumer or "reader"],
        seed=options.seed,
        cache=options.cache or spec.cache,
        margin=options.margin,
        half_width=options.half_width,
        stop_after=options.stop_after,
        limits=service.settings.limits(),
    )


def printable(text: str) -> str:
    """Text of strangers without the control characters that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _run(service: Service, options: argparse.Namespace) -> int:
    id = service.start(asked(options, service))
    try:
        _follow(service, id)
    except KeyboardInterrupt:
        _say("Stopping; what arrived is kept.")
        service.cancel(id)
        service.wait(id, 30)
    experiment = service.experiment(id)
    if options.json == "-":
        sys.stdout.write(service.json(id))
    else:
        _report(experiment)
    if options.json not in (None, "-"):
        Path(options.json).write_text(service.json(id), "utf-8")
    _say(f"Saved as {id}: /experiment?id={id} on a running server.")
    if options.share is not None:
        _share(service, id, options.share, quiet=options.json == "-")
    failed = _complaints(experiment)
    missed = [sentence for limit in options.limit if (sentence := limit.missed(experiment)) is not None]
    for sentence in missed:
        _say(f"limit missed: {sentence}")
    return failed or (2 if missed else 0)


def _bring(service: Service, name: str) -> int:
    try:
        id = service.library.bring(Path(name).read_bytes())
    except OSError as error:
        raise InvalidSpec("file", f"{name} cannot be read: {error.strerror}.") from None
    _say(f"Saved as {id}: /experiment?id={id} on a running server. Imported, not measured here.")
    return 0


def _share(service: Service, id: str, form: Form, *, quiet: bool) -> None:
    given = service.library.share(id, form=form)
    link = f"{service.settings.public_url.rstrip('/')}/e/{given.shared.id}"
    _say(f"Delete token, shown once: {given.token}")
    if quiet:
        _say(link)
    else:
        print(link)


def _follow(service: Service, id: str) -> None:
    """Show progress until the experiment has ended."""
    progress = Progress(service.experiment(id))
    cursor, ended = 0, False
    while not ended:
        items, cursor, ended = service.feed.read(id, cursor)
        progress.show(items)
        if not ended:
            service.feed.wait(id, cursor, POLL_S)
    progress.end()
    service.wait(id, 30)


class Progress:
    """One line on a terminal; elsewhere a line for each call that ends."""

    def __init__(self, experiment: Experiment) -> None:
        self._modes = {c.planned.n: c.planned.mode for c in experiment.calls}
        self._events: Counter[int] = Counter()
        self._states: dict[int, str] = {}
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()

    def show(self, items: list[FeedItem]) -> None:
        """Take what is new."""
        for item in items:
            self._events[item.n] += len(item.events)
            if item.n in self._modes and item.state is not None:
                self._states[item.n] = item.state
                if item.state != "sent" and not self._live:
                    _say(self._line(item.n))
        if self._live:
            under_way = [n for n, state in self._states.items() if state == "sent"]
            line = "; ".join(self._line(n) for n in under_way)
            sys.stderr.write(f"\r\x1b[K{time.monotonic() - self._began:5.1f} s  {line}")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line clear."""
        if self._live:
            sys.stderr.write("\r\x1b[K")

    def _line(self, n: int) -> str:
        state = "under way" if self._states[n] == "sent" else self._states[n]
        return f"call {n + 1} of {len(self._modes)}, {self._modes[n]}: {self._events[n]} events, {state}"


def _report(experiment: Experiment) -> None:
    rows = [("", "blocking", "streaming", ""), *table(experiment, 0, 0)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for label, blocking, streaming, note in rows:
        cells = f"{label:<{widths[0]}}  {blocking:>{widths[1]}}  {streaming:>{widths[2]}}  {note}"
        print(printable(cells.rstrip()))
    print()
    print(printable(caveat(experiment, 0, 0)))
    for line in (*_held_back(experiment), instrument(experiment)):
        if line:
            print(printable(line))
    for line in _found(experiment):
        print(printable(line))
    if experiment.spec.pairs > 1:
        print(f"The first of {experiment.spec.pairs} pairs is shown; the JSON has them all.")


def _found(experiment: Experiment) -> list[str]:
    """What the pairs say of the declared number, and why it ended early."""
    said = [] if experiment.stopped is None else [experiment.stopped.sentence]
    if experiment.spec.design == "measure":
        said += [verdict(experiment.spec.primary, found).sentence for found in sample.modes(experiment)]
    return said


def _held_back(experiment: Experiment) -> list[str]:
    """How the first pair's stream came, where it did not come as it was made, and what would help."""
    first = (c for c in experiment.calls if (c.planned.arm, c.planned.pair) == (0, 0))
    found = [c.delivery for c in first if c.delivery and c.delivery.kind not in (None, "incremental")]
    return [f"{d.sentence} {d.fix or ''}".rstrip() for d in found]


def _complaints(experiment: Experiment) -> int:
    bad = [c for c in experiment.calls if c.state != "done"]
    for call in bad:
        _say(f"error: {call.planned.mode} call {call.planned.n + 1}: {printable(_what(call))}")
    return 1 if bad else 0


def _what(call: CallResult) -> str:
    if call.error is not None:
        return call.error.message
    return "It was not sent." if call.state == "dropped" else f"It ended as {call.state}."


def _endpoint(options: argparse.Namespace, service: Service) -> Endpoint:
    for problem in endpoint_problems(Endpoint(options.base_url)):
        raise problem
    provider = provider_of(options.base_url)
    name = options.key_env or (provider.key_env if provider else "")
    ref = service.keys.found(name)
    if options.key_env:
        if ref is None:
            raise InvalidSpec(
                "key_env", f"{name} is neither in the environment nor in .streamlit/secrets.toml."
            )
        service.keys.allow(ref, options.base_url)
    if provider is None:
        return Endpoint(options.base_url, ref or "")
    return Endpoint(options.base_url, ref or "", provider.limit_name, provider.include_usage)


def _text(text: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise argparse.ArgumentTypeError("it is not valid UTF-8.")
    return text


def _limit(text: str) -> objectives.Objective:
    try:
        return objectives.parse(text)
    except InvalidSpec as error:
        raise argparse.ArgumentTypeError(error.message) from None


def _number(field: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            return number(field, text)
        except InvalidSpec as error:
            raise argparse.ArgumentTypeError(error.message) from None

    return parse


def _whole(field: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number.") from None

    return parse


def _check_file(name: str | None) -> None:
    """Find out before anything is sent whether the file can be written. Raises InvalidSpec."""
    if name in (None, "-"):
        return
    try:
        with Path(str(name)).open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise InvalidSpec("json", f"--json: {name} cannot be written: {error.strerror}.") from None


def _flag(field: str) -> str:
    return "--" + field.rpartition(".")[2].replace("_", "-")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
