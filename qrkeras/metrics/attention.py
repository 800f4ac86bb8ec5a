"""Where attention lies: its density on pixels, and how much of it is on what a word names  (Liu 2017; Table B.3)."""

import numpy as np


def density(weights, corners, side):
    """Density of attention on pixels, `d(x) = sum_r p(r|h) 1[x in area_r] / |area_r|`.

    Choice: divided by the area in pixels, so that the whole has the mass of p that lies within the image. A pixel
    belongs to an area that its centre is in; an area that holds no centre has its mass on the pixel nearest to its
    middle.

    Args:
      weights: p(r|h) `(areas,)`.   corners: `(areas, 4, (x, y))` in 0..1, in turn around each, convex.
      side: pixels of a side of the square image.
    Returns: `(side, side)`; the mass of an area beyond the image is lost.
    """
    corners = np.asarray(corners, "float64") * side
    _check(weights, corners)
    found = np.zeros((side, side))
    y, x = np.meshgrid(*[np.arange(side) + 0.5] * 2, indexing="ij")
    for weight, around in zip(weights, corners):
        edges = np.roll(around, -1, axis=0) - around  # (4, 2)
        across = edges[:, 0, None, None] * (y - around[:, 1, None, None])
        turned = across - edges[:, 1, None, None] * (x - around[:, 0, None, None])
        inside = (turned >= 0).all(0) | (turned <= 0).all(0)
        size = abs(np.sum(around[:, 0] * np.roll(around[:, 1], -1) - np.roll(around[:, 0], -1) * around[:, 1])) / 2
        if not inside.any():
            column, row = np.clip(around.mean(0), 0, side - 1e-9).astype(int)
            found[row, column] += weight
        else:
            found[inside] += weight / max(size, np.count_nonzero(inside))
    return found


def correctness(weights, corners, boxes, side):
    """Mass of attention within the union of boxes: of a noun, its "attention correctness"  (Liu 2017).

    Args:
      weights, corners, side: as of `density`.   boxes: `((top, left, bottom, right), ...)` in 0..1.
    Returns: float in 0..1.
    """
    covered = inside_boxes(boxes, side)
    return float(density(weights, corners, side)[covered].sum())


def inside_boxes(boxes, side):
    """Pixels `(side, side)` whose centres are in one of the boxes; their share is what chance would give."""
    covered = np.zeros((side, side), bool)
    at = (np.arange(side) + 0.5) / side
    for top, left, bottom, right in boxes:
        covered |= ((at >= top) & (at < bottom))[:, None] & ((at >= left) & (at < right))
    return covered


def _check(weights, corners):
    if np.ndim(weights) != 1 or corners.shape != (len(weights), 4, 2):
        raise ValueError(
            f"weights must be (areas,) and corners (areas, 4, 2). Received: {np.shape(weights)} and {corners.shape}"
        )
