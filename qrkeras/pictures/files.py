"""How a figure becomes a file, and the colours that all pictures share."""

from matplotlib.backends.backend_agg import FigureCanvasAgg

REAL, FAKE = "#c8102e", "#1f5fa8"


def save(figure, path):
    """Writes a figure as PNG, 110 dots to the inch."""
    FigureCanvasAgg(figure).print_figure(path, dpi=110)
