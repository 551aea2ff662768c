"""Numbers → Plotly figures, each with a sentence that says the same (its `alt`).

Pure and deterministic: the same experiment gives the same bytes, so a rerun of the page redraws nothing.
Arrays are numpy. The hero draws its own strip; how many seconds something took is metrics' business.
"""

from plotly.graph_objects import Figure

from lib.charts.amounts import amount
from lib.charts.arrivals import arrivals_alt, arrivals_figure, picked
from lib.charts.dots import dots_alt, dots_figure, dots_table
from lib.charts.errors import errors_alt, errors_figure, errors_table, spread_alt, spread_figure
from lib.charts.forest import Effect, forest_alt, forest_figure, forest_table
from lib.charts.gaps import ecdf_alt, ecdf_figure, gaps_alt, gaps_figure
from lib.charts.heat import MANY, heat_alt, heat_figure
from lib.charts.look import MAX_POINTS, duration, extremes, spread
from lib.charts.multiples import multiples_alt, multiples_figure
from lib.charts.overlay import overlay_alt, overlay_figure
from lib.charts.phases import (
    moments_alt,
    moments_figure,
    moments_table,
    spoken,
    waits,
    waterfall_alt,
    waterfall_figure,
    waterfall_table,
)
from lib.charts.shares import shares_alt, shares_figure, shares_table
from lib.charts.shifts import shifts_alt, shifts_figure, shifts_table
from lib.charts.tables import Table, arrivals_table, csv_text, gaps_table, lanes_table, rates_table

__all__ = [
    "MANY",
    "MAX_POINTS",
    "Effect",
    "Figure",
    "Table",
    "amount",
    "arrivals_alt",
    "arrivals_figure",
    "arrivals_table",
    "csv_text",
    "dots_alt",
    "dots_figure",
    "dots_table",
    "duration",
    "ecdf_alt",
    "ecdf_figure",
    "errors_alt",
    "errors_figure",
    "errors_table",
    "extremes",
    "forest_alt",
    "forest_figure",
    "forest_table",
    "gaps_alt",
    "gaps_figure",
    "gaps_table",
    "heat_alt",
    "heat_figure",
    "lanes_table",
    "moments_alt",
    "moments_figure",
    "moments_table",
    "multiples_alt",
    "multiples_figure",
    "overlay_alt",
    "overlay_figure",
    "picked",
    "rates_table",
    "shares_alt",
    "shares_figure",
    "shares_table",
    "shifts_alt",
    "shifts_figure",
    "shifts_table",
    "spoken",
    "spread",
    "spread_alt",
    "spread_figure",
    "waits",
    "waterfall_alt",
    "waterfall_figure",
    "waterfall_table",
]
