"""Pictures of points in the plane: samples over training, contours of a discriminator."""

import numpy as np
from matplotlib.figure import Figure

from qrkeras.pictures.files import FAKE, REAL, save, wrapped

ARROW = "#d62728"
WIDTH = 2.4  # of a panel of points, in inches


def point_panels(panels, centers, path, rows=1):
    """Writes scatter plots of 2-D samples, real centres marked  (QRGAN, Fig. 2).

    Args:
      panels: pairs of title and `(n, 2)` samples, row by row.   centers: `(modes, 2)`.   rows: rows of panels.
    """
    columns = -(-len(panels) // rows)
    figure = Figure(figsize=(WIDTH * columns, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    limit = 1.25 * np.abs(centers).max()
    for axis, (title, samples) in zip(axes, panels):
        axis.scatter(samples[:, 0], samples[:, 1], s=1, color=FAKE, alpha=0.3, linewidths=0, rasterized=True)
        axis.scatter(centers[:, 0], centers[:, 1], s=18, color=REAL, marker="+", linewidths=0.7)
        axis.set_title(wrapped(title, WIDTH, 9), fontsize=9)
        _bare(axis, limit)
    save(figure, path)


def contours(panels, path, limit):
    """Writes discriminator contours with generator-gradient arrows  (QRGAN, Fig. 3).

    Args:
      panels: title -> object with `grid` `(g,)`, `realism` `(g, g)`, `real` and `fake`
        `(n, 2)`, `tails` and `arrows` `(k, 2)`.
      limit: half width of the plane shown.
    """
    columns = 3
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis, (title, panel) in zip(axes, panels.items()):
        filled = axis.contourf(panel.grid, panel.grid, panel.realism, levels=24, cmap="viridis")
        figure.colorbar(filled, ax=axis, shrink=0.8).ax.tick_params(labelsize=6)
        axis.scatter(panel.fake[:, 0], panel.fake[:, 1], s=2, color="#5aa7ff", linewidths=0)
        axis.scatter(panel.real[:, 0], panel.real[:, 1], s=5, color="white", linewidths=0)
        axis.quiver(*panel.tails.T, *panel.arrows.T, color=ARROW, angles="xy", scale_units="xy", scale=1.0, width=0.006)
        axis.set_title(wrapped(title, 3.0, 10), fontsize=10)
        _bare(axis, limit)
    for axis in list(axes):
        axis.set_visible(False)
    save(figure, path)


def _bare(axis, limit):
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
