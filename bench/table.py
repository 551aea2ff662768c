"""How a benchmark prints: aligned columns, and whether the target was met."""

from collections.abc import Sequence


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table; numbers are formatted by the caller."""
    cells = [tuple(map(str, row)) for row in (heads, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def verdict(met: bool) -> str:
    """A word for the last column."""
    return "met" if met else "MISSED"
