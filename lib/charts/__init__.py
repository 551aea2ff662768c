"""Numbers → Plotly figures, each with a sentence that says the same (its `alt`).

Pure and deterministic: the same experiment gives the same bytes, so a rerun of the page redraws nothing.
Arrays are numpy. The hero draws its own strip; how many seconds something took is metrics' business.
"""

from plotly.graph_objects import Figure

from lib.charts.arrivals import arrivals_alt, arrivals_figure, picked
from lib.charts.errors import errors_alt, errors_figure, spread_alt, spread_figure
from lib.charts.look import MAX_POINTS, duration, extremes, spread
from lib.charts.phases import moments_alt, moments_figure, spoken, waits, waterfall_alt, waterfall_figure
from lib.charts.throughput import throughput_alt, throughput_figure
from lib.charts.timeline import timeline_alt, timeline_figure

__all__ = [
    "MAX_POINTS",
    "Figure",
    "arrivals_alt",
    "arrivals_figure",
    "duration",
    "errors_alt",
    "errors_figure",
    "extremes",
    "moments_alt",
    "moments_figure",
    "picked",
    "spoken",
    "spread",
    "spread_alt",
    "spread_figure",
    "throughput_alt",
    "throughput_figure",
    "timeline_alt",
    "timeline_figure",
    "waits",
    "waterfall_alt",
    "waterfall_figure",
]
