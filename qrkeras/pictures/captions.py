"""Pictures of captions: images over what is said of them, and where each word looks."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from qrkeras.pictures.files import REAL, save, wrapped


def caption_sheet(images, captions, path, columns=4):
    """Writes uint8 images, each over its caption, as one PNG."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.6 * columns, 3.1 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis, image, caption in zip(axes, images, captions):
        axis.imshow(image)
        axis.set_title(wrapped(caption, 2.5, 8) or "(nothing)", fontsize=8, y=-0.06, va="top")
    for axis in axes:
        axis.axis("off")
    save(figure, path)


def attention_words(image, words, attention, corners, path, columns=6):
    """Writes a panel for each word of a caption: areas drawn the stronger, the more the word looks there  (Fig. B.5).

    Args:
      image: uint8.   words: n strings.   attention: p(r|h) `(n, areas)`.   corners: `(areas, 4, (x, y))` in 0..1.
    """
    rows = -(-len(words) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.5 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    height, width = image.shape[:2]
    around = np.concatenate([corners, corners[:, :1]], axis=1) * (width, height) - 0.5
    for axis, word, weights in zip(axes, words, attention):
        axis.imshow(image)
        strong = weights / max(1e-9, float(weights.max()))
        axis.add_collection(LineCollection(around, colors=REAL, linewidths=2.5 * strong, alpha=strong))
        axis.set_title(word, fontsize=10)
    for axis in axes:
        axis.axis("off")
    save(figure, path)
