"""The hero's source: the parts in lib/ui/player, joined in their order into one script and one style.

Plain concatenation; only comments, indentation and needless line ends stay behind, which no browser needs.
What mounts it is not known here: the page, the HTML file and whatever else plays lanes share these two.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

SCRIPTS = (
    *("model", "view", "panes", "strip", "film", "pace", "reader"),
    *("controls", "sound", "present", "live", "link"),
)
STYLES = ("base", "panes", "clock", "strip", "film", "present", "narrow")
_FOLDER = Path(__file__).parent / "ui" / "player"
_COMMENT = re.compile(r"^\s*/\*.*?\*/\n", re.DOTALL | re.MULTILINE)
_INDENT = re.compile(r"^\s+", re.MULTILINE)
_OPEN_END = re.compile(r"(?<=[{(\[,])\n|\n(?=[})\]])")
_CSS_SPACE = re.compile(r"\s*;?\s*(})\s*|\s*([{;,])\s*|(?<=:)\s+")


@cache
def script() -> str:
    """One ES module without imports. Its default export is a Streamlit component."""
    return _OPEN_END.sub("", _joined(SCRIPTS, ".js"))


@cache
def style() -> str:
    """The style sheet. Colours come from the page's --st-* variables."""
    return _CSS_SPACE.sub(r"\1\2", _joined(STYLES, ".css"))


def _joined(names: tuple[str, ...], ending: str) -> str:
    parts = ((_FOLDER / f"{name}{ending}").read_text(encoding="utf-8") for name in names)
    return _INDENT.sub("", _COMMENT.sub("", "\n".join(parts)))
