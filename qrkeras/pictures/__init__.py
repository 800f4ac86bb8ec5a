"""Every picture: images, points, curves, sweeps."""

from qrkeras.pictures.curves import curves, histograms, minimum_curves, precision_recall_curves, reliability
from qrkeras.pictures.images import image_grid, image_panels
from qrkeras.pictures.points import contours, points

__all__ = [
    "contours",
    "curves",
    "histograms",
    "image_grid",
    "image_panels",
    "minimum_curves",
    "points",
    "precision_recall_curves",
    "reliability",
]
