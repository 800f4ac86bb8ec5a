"""Pictures of images: grids, and panels side by side."""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from qrkeras.pictures.files import save, wrapped

WIDTH = 3.4  # of a panel, in inches


def image_grid(images, path, columns=None, scale=2):
    """Writes uint8 images `(n, height, width, channels)`, 1 or 3 channels, as one PNG, row by row.

    Args:
      columns: images in a row; None makes a square.   scale: screen pixels per pixel.
    """
    images = np.asarray(images)
    picture = Image.fromarray(_sheet(images, columns or int(np.ceil(np.sqrt(len(images))))))
    size = (picture.width * scale, picture.height * scale)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def image_panels(panels, path, columns=8):
    """Writes grids of images side by side, titled.

    Args:
      panels: title -> uint8 images `(n, height, width, channels)`.   columns: images in a row of each grid.
    """
    across = min(len(panels), 3)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(WIDTH * across, 3.6 * down), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis, (title, images) in zip(axes, panels.items()):
        axis.imshow(_sheet(images, columns), cmap="gray", vmin=0, vmax=255)
        axis.set_title(wrapped(title, WIDTH, 9), fontsize=9)
    for axis in axes:
        axis.axis("off")
    save(figure, path)


def _sheet(images, columns):
    """Images row by row with a white line between them: uint8 `(height, width)` or `(height, width, 3)`."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, channels), 255, "uint8")
    for i, image in enumerate(images):
        top, left = 1 + i // columns * (height + 1), 1 + i % columns * (width + 1)
        sheet[top : top + height, left : left + width] = image
    return sheet[..., 0] if channels == 1 else sheet
