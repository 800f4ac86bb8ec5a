"""Every picture: images, points, curves, sweeps."""

from qrkeras.pictures.captions import attention_words, caption_sheet
from qrkeras.pictures.curves import (
    decompositions,
    histograms,
    loss_panels,
    minimum_curves,
    precision_recall_curves,
    reliability,
    spread_against,
    spread_curves,
    training_curves,
)
from qrkeras.pictures.images import image_grid, image_panels
from qrkeras.pictures.points import contours, point_panels

__all__ = [
    "attention_words",
    "caption_sheet",
    "contours",
    "decompositions",
    "histograms",
    "image_grid",
    "image_panels",
    "loss_panels",
    "minimum_curves",
    "point_panels",
    "precision_recall_curves",
    "reliability",
    "spread_against",
    "spread_curves",
    "training_curves",
]
