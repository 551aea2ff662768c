"""The direction of imports, one door per library, and what pages may not do; read from the source."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([ROOT / "app.py", *ROOT.glob("pages/**/*.py"), *ROOT.glob("lib/**/*.py")])

PURE = {
    "lib.spec",
    "lib.plan",
    "lib.waits",
    "lib.estimate",
    "lib.dialects",
    "lib.recording",
    "lib.messages",
    "lib.experiment",
    "lib.outline",
    "lib.sse",
    "lib.timeline",
    "lib.body",
    "lib.arrivals",
    "lib.metrics",
    "lib.delivery",
    "lib.phases",
    "lib.calibration",
    "lib.moments",
    "lib.pace",
    "lib.facts",
    "lib.pairs",
    "lib.rates",
    "lib.reader",
    "lib.definitions",
    "lib.intervals",
    "lib.comparison",
    "lib.sample",
    "lib.points",
    "lib.findings",
    "lib.teaser",
    "lib.progress",
    "lib.pilot",
    "lib.goals",
    "lib.glossary",
    "lib.verdict",
    "lib.trust",
    "lib.summary",
    "lib.example",
    "lib.phrases",
    "lib.captions",
    "lib.lanes",
    "lib.view",
    "lib.overlay",
    "lib.closeup",
    "lib.film",
    "lib.pictures",
    "lib.pictures.look",
    "lib.pictures.text",
    "lib.pictures.svg",
    "lib.pictures.race",
    "lib.pictures.paint",
    "lib.pictures.gif",
    "lib.pictures.filmstrip",
    "lib.charts",
    "lib.charts.look",
    "lib.charts.offline",
    "lib.charts.lane",
    "lib.charts.told",
    "lib.charts.marks",
    "lib.charts.staircase",
    "lib.charts.arrivals",
    "lib.charts.labels",
    "lib.charts.stack",
    "lib.charts.overlay",
    "lib.charts.multiples",
    "lib.charts.gaps",
    "lib.charts.tables",
    "lib.charts.timeline",
    "lib.charts.throughput",
    "lib.charts.phases",
    "lib.charts.errors",
    "lib.charts.amounts",
    "lib.charts.forest",
    "lib.charts.dots",
    "lib.charts.shares",
    "lib.charts.shifts",
    "lib.charts.heat",
    "lib.document",
    "lib.schema",
    "lib.reopen",
    "lib.share",
    "lib.hosts",
    "lib.naming",
    "lib.foreign",
    "lib.tables",
    "lib.spans",
    "lib.cite",
    "lib.objectives",
    "lib.replay",
    "lib.verify",
}
IMPURE_LIBRARIES = {"socket", "time", "subprocess", "threading", "os", "pathlib", "random", "datetime"}
PURE_MAY = {("lib.cite", "datetime"), ("lib.plan", "random"), ("lib.summary", "datetime")}

DOORS = {
    "streamlit": ("app", "pages", "lib.ui"),
    "openai": ("lib.capture", "lib.peers"),
    "httpx2": ("lib.wire", "lib.capture", "lib.peers", "lib.api.passing"),
    "httpcore2": ("lib.wire", "lib.tls", "lib.guard", "lib.capture"),
    "sqlalchemy": ("lib.store", "lib.derived", "lib.ledger", "lib.shelf", "lib.migrations"),
    "alembic": ("lib.store", "lib.migrations"),
    "plotly": ("lib.charts",),
    "pyarrow": ("lib.tables",),
    "PIL": ("lib.pictures",),
    "starlette": ("lib.api", "lib.middleware"),
    "tiktoken": ("lib.tokens",),
    "scipy": ("lib.comparison", "lib.intervals"),
    "statsmodels": ("lib.comparison", "lib.intervals"),
    "jinja2": ("lib.exports",),
    "filelock": ("lib.owner", "lib.store"),
    "ssrfguard": ("lib.guard",),
    "genai_prices": ("lib.prices",),
    "pydantic": ("lib.schema", "lib.settings", "lib.reopen", "lib.foreign", "lib.api", "lib.probe"),
    "pydantic_settings": ("lib.settings",),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


@pytest.fixture(params=SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def source(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_imports_go_one_way(source: Path) -> None:
    module, found = name_of(source), set(imports(source))
    if under(module, "pages"):
        assert not [i for i in found if under(i, "pages", "app")], "a page imports no page"
    elif under(module, "lib.ui"):
        assert not [i for i in found if under(i, "pages", "app", "lib.api", "lib.middleware")]
    elif module == "app":
        ours = [i for i in found if under(i, "lib") and i.count(".") == 1]
        allowed = ("lib.api", "lib.middleware", "lib.ui", "lib.errors", "lib.settings")
        assert not [i for i in ours if not under(i, *allowed)]
    else:
        assert not [i for i in found if under(i, "pages", "app", "lib.ui")], "lib never looks up"


def test_each_library_has_few_doors(source: Path) -> None:
    module = name_of(source)
    for imported in imports(source):
        library = imported.split(".")[0]
        assert library not in DOORS or under(module, *DOORS[library]), f"{library} in {module}"


def test_pure_modules_touch_no_clock_file_or_socket(source: Path) -> None:
    module = name_of(source)
    if module in PURE:
        used = {i.split(".")[0] for i in imports(source)} & IMPURE_LIBRARIES
        assert not {u for u in used if (module, u) not in PURE_MAY}


def test_pure_modules_import_only_pure_ones(source: Path) -> None:
    module = name_of(source)
    if module in PURE:
        ours = {".".join(i.split(".")[:2]) for i in imports(source) if under(i, "lib")} - {"lib"}
        assert ours <= PURE | {"lib.errors", "lib.providers", "lib.decoder"}


def test_pages_hold_no_sql_and_no_raw_html(source: Path) -> None:
    if under(name_of(source), "pages", "lib.ui"):
        text = source.read_text("utf-8")
        assert "unsafe_allow_html" not in text
        assert "sqlalchemy" not in text


def test_no_catch_all_modules() -> None:
    names = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not names & {"utils", "common", "helpers", "core", "misc"}


def test_every_module_says_what_belongs_in_it(source: Path) -> None:
    assert ast.get_docstring(ast.parse(source.read_text("utf-8")))


def test_modules_stay_one_concept_long(source: Path) -> None:
    assert len(source.read_text("utf-8").splitlines()) <= 400


def test_lib_is_ours() -> None:
    import lib

    assert Path(lib.__file__).parent == ROOT / "lib"


def test_the_map_of_lib_names_every_module() -> None:
    import lib

    named = lib.__doc__ or ""
    modules = {p.stem for p in (ROOT / "lib").glob("*.py") if not p.stem.startswith("__")}
    assert {m for m in modules if m not in named} == set()


@pytest.mark.parametrize("module", ["lib.probe", "lib.lab"])
def test_children_import_no_page_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('streamlit', 'pandas', 'plotly') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_in_the_repository_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    words = ["/" + "work/", "/" + "root/", "pypi" + ".org", "registry.npm" + "js", "deb" + "ian.org"]
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".gif", ".woff2"} or not path.exists():
            continue
        text = path.read_text("utf-8", errors="replace")
        assert not [w for w in words if w in text], name


def test_no_figure_needs_webgl_which_the_policy_forbids(source: Path) -> None:
    code = source.read_text("utf-8")
    assert not re.search(r"\bgo\.\w+gl\b", code)
