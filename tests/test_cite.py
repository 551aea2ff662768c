"""Citations and the methods paragraph: every sentence follows from the experiment."""

import dataclasses

from lib.calibration import Calibration
from lib.cite import bibtex, methods, text
from lib.experiment import Experiment
from lib.lab import recordings
from lib.recording import Instrument
from tests.experiments import simple

SHA = "ab" * 32
LINK = "https://gauge.example/e/AbC"


def measured() -> Experiment:
    made = simple()
    stamped = Instrument("p", "Helsinki", "kernel", "other", 1, ())
    calls = tuple(dataclasses.replace(c, instrument=stamped) for c in made.calls)
    error = Calibration("p", 1, 210, 3e-5, 4e-4, 1e-3, "kernel", "other", ())
    spec = dataclasses.replace(made.spec, pairs=1, seed=7)
    return dataclasses.replace(made, calls=calls, calibration=error, definition="2.2", spec=spec)


def test_a_citation_has_hash_definitions_vantage_and_date() -> None:
    told = text(measured(), link=LINK, sha256=SHA)
    for part in ("a-model", "definitions 2.2", "Helsinki", "9 October 2025", LINK, SHA):
        assert part in told


def test_bibtex_is_one_entry_whose_braces_match() -> None:
    entry = bibtex(dataclasses.replace(measured(), title="50% of {a_b} \\ & ~^#$"), link=LINK, sha256=SHA)
    assert entry.startswith("@misc{streamgauge-abababababab,\n")
    plain = entry.replace("\\{", "").replace("\\}", "")
    assert plain.count("{") == plain.count("}")
    assert r"50\% of \{a\_b\} \textbackslash{} \& \textasciitilde{}\textasciicircum{}\#\$" in entry


def test_methods_say_who_where_how_often_in_what_order_what_stopped_the_clock_and_how_wrong() -> None:
    told = methods(measured())
    for part in (
        "a-model through the chat.completions API at https://host-0.example/v1",
        "From Helsinki, one blocking and one streaming call",
        "drawn at random (seed 7)",
        "no prompt cache",
        "receive stamp",
        "late by 0.03 ms (median) and 0.40 ms (95th percentile)",
        "Of 2 calls: 2 whole.",
    ):
        assert part in told


def test_methods_name_the_arms_under_contention() -> None:
    made = measured()
    arm = made.spec.arms[0]
    arms = (arm, dataclasses.replace(arm, contention=True))
    told = methods(dataclasses.replace(made, spec=dataclasses.replace(made.spec, arms=arms)))
    assert "a-model through the chat.completions API" in told
    assert "a-model under contention through the chat.completions API" in told
    assert (
        "(seed 7). Only the two calls of each pair of a-model (number 2) were started at the same time."
        in told
    )
    alone = methods(dataclasses.replace(made, spec=dataclasses.replace(made.spec, arms=arms[1:])))
    assert "The two calls of a pair were started at the same time." in alone


def test_methods_of_what_was_not_measured_here_say_so() -> None:
    assert "published recording" in methods(recordings.experiment("text-davinci-002-2022-10"))
    imported = methods(dataclasses.replace(measured(), imported="aiperf"))
    assert "not of this instrument" in imported
    assert "receive stamp" not in imported
