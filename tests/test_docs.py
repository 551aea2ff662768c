"""The README and the docs say what is there: settings, commands, files that they point to."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from lib import api, glossary, pairs
from lib.api.control import Asked, names
from lib.api.files import TYPES
from lib.comparison import Comparison
from lib.service import Service
from lib.settings import ROOT, Settings
from lib.tables import columns

README = (ROOT / "README.md").read_text("utf-8")
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
ID = "A" * 22


def _never() -> Service:
    raise AssertionError


ROUTES: list[Route] = api.routes(_never, "")


def _named(pattern: str) -> list[tuple[str, str]]:
    """(page, what it names), each once."""
    return sorted({(page, found) for page, text in PAGES.items() for found in re.findall(pattern, text)})


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
    assert {t.name for t in many.terms} == set(Comparison.__dataclass_fields__) - {"log_ratios", "margin"}


def test_the_list_leaves_out_no_number_of_the_definitions() -> None:
    named = (
        "headers_s ttfb_s ttfe_s ttft_s ttfo_s ttfs_s last_content_s e2e_s eof_s coalesced_share gap_cv "
        "freeze_count freeze_s unexplained visible_tokens visible_tokens_source answer_tps tpot_s e2e_tps "
        "peak goodput_share goodput reader_stall_count reader_stall_s reader_finish_s reader_stall_ratio "
        "reader_time_saved_s qoe fluidity_index t50_s t90_s t100_s speed_index_s head_start_first_s "
        "mean_head_start_s total_difference_s text_equal common_prefix_chars"
    )
    assert set(named.split()) <= {t.name for s in glossary.sections() for t in s.terms}


@pytest.mark.parametrize(("page", "name"), _named(r"STREAMGAUGE_([A-Z_]+[A-Z])"))
def test_the_docs_name_settings_that_exist(page: str, name: str) -> None:
    assert name.lower() in Settings.model_fields, page


@pytest.mark.parametrize(
    ("page", "path"), _named(r"(?:`|\$URL)(/(?:api|e|embed|replay|healthz)(?:/[\w{}$.]+)*)(?=[`/? ])")
)
def test_the_docs_name_routes_that_exist(page: str, path: str) -> None:
    asked = re.sub(r"\{id\}|\$[A-Z]+", ID, path)
    paths = (asked, f"{asked}/models")  # a replay is named by its base URL
    assert any(route.path_regex.match(p) for route in ROUTES for p in paths), page


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.path))
def test_every_route_beside_the_pages_is_in_the_docs(route: Route) -> None:
    head = route.path.split("{")[0]
    assert any(head in text for text in (PAGES["api.md"], PAGES["deploy.md"]))


@pytest.mark.parametrize(("page", "flag"), _named(r"python -m lib [^\n`]*?(--[a-z-]+)"))
def test_the_docs_name_flags_that_exist(page: str, flag: str) -> None:
    assert f'"{flag}"' in (ROOT / "lib" / "__main__.py").read_text("utf-8"), page


@pytest.mark.parametrize(("page", "target"), _named(r"\]\(((?!http)[^)#]+)\)"))
def test_the_docs_point_to_files_that_exist(page: str, target: str) -> None:
    assert (ROOT / "docs" / target).exists(), page


def test_the_docs_name_every_endpoint_that_can_be_asked_by_name_and_every_field() -> None:
    assert all(f"`{word}`" in PAGES["api.md"] for word in (*names(local=True), *Asked.model_fields))


def test_the_docs_name_every_kind_of_file_and_every_column_of_events() -> None:
    assert all(f".{ending}`" in PAGES["api.md"] for ending in TYPES)
    assert all(f"`{name}`" in PAGES["json.md"] for name in columns("events"))
