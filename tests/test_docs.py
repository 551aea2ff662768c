"""The README and the docs say what is there: settings, commands, files that they point to."""

import re
from pathlib import Path

import pytest

from lib import glossary, pairs
from lib.comparison import Comparison
from lib.settings import ROOT, Settings

README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_lists_every_setting_with_its_meaning(name: str) -> None:
    described = Settings.model_fields[name].description
    row = next((r for r in README.splitlines() if r.startswith(f"| `STREAMGAUGE_{name.upper()}` |")), "")
    assert described is not None
    assert described in row


def test_the_readme_names_no_setting_that_is_gone() -> None:
    named = {n.lower() for n in re.findall(r"`STREAMGAUGE_([A-Z_]+)`", README)}
    assert named == set(Settings.model_fields)


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_the_readme_points_to_files_that_exist(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)", README))))
def test_the_readme_names_targets_that_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m bench (\w+)", README))))
def test_the_readme_names_benchmarks_that_exist(name: str) -> None:
    assert (Path(ROOT) / "bench" / f"{name}.py").exists()


@pytest.mark.parametrize("flag", sorted(set(re.findall(r"(--[a-z-]+) ", README))))
def test_the_readme_names_flags_that_exist(flag: str) -> None:
    assert f'"{flag}"' in (ROOT / "lib" / "__main__.py").read_text("utf-8")


def test_the_list_of_numbers_is_the_tables() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text("utf-8") == glossary.markdown()


def test_the_list_leaves_out_no_number_of_a_pair() -> None:
    one = next(s for s in glossary.sections() if s.title == "One pair")
    assert [t.name for t in one.terms] == list(pairs._NUMBERS)


def test_the_list_names_what_a_comparison_has() -> None:
    many = next(s for s in glossary.sections() if s.title == "Many pairs")
    assert {t.name for t in many.terms} <= set(Comparison.__dataclass_fields__)
