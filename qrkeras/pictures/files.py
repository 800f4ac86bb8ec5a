"""How a figure becomes a file, and the colours that all pictures share."""

from matplotlib.backends.backend_agg import FigureCanvasAgg

REAL, FAKE = "#c8102e", "#1f5fa8"
COLOURS = (
    "#1f5fa8", "#e08214", "#4d9221", "#8e44ad", "#7f7f7f", "#b15928", "#1ba3a3", "#e377c2", "#b5a400", "#000000",
)  # fmt: skip


def save(figure, path):
    """Writes a figure as PNG, 110 dots to the inch."""
    FigureCanvasAgg(figure).print_figure(path, dpi=110)
