"""How a figure becomes a file, and the colours, titles and legends that all pictures share."""

import textwrap

from matplotlib.backends.backend_agg import FigureCanvasAgg

REAL, FAKE = "#c8102e", "#1f5fa8"
COLOURS = (
    "#1f5fa8", "#e08214", "#4d9221", "#8e44ad", "#7f7f7f", "#b15928", "#1ba3a3", "#e377c2", "#b5a400", "#000000",
)  # fmt: skip


def save(figure, path):
    """Writes a figure as PNG, 110 dots to the inch."""
    FigureCanvasAgg(figure).print_figure(path, dpi=110)


def legend_below(figure, handles, names, columns=4, fontsize=8):
    """A legend under all axes, of at most so many names beside each other, and no more than fit."""
    points = 72 * figure.get_figwidth()
    line = 5 * fontsize  # the line before a name and the space after it
    names = [wrapped(name, (points - line) / 72, fontsize) for name in names]
    longest = max((len(row) for name in names for row in name.splitlines()), default=0)
    fit = int(points // (longest * _letter(fontsize) + line))
    figure.legend(handles, names, loc="outside lower center", ncols=max(1, min(columns, fit)), fontsize=fontsize)


def wrapped(text, inches, fontsize):
    """A text of one line or more in lines that are so wide at most."""
    width = max(1, int(72 * inches / _letter(fontsize)))
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, width))


def _letter(fontsize):
    """Width of a letter of the common font in points, on average."""
    return 0.62 * fontsize
