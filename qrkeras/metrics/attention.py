"""Where attention lies: its density on pixels, and how much of it is on what a word names  (Liu 2017; Table B.3)."""

import numpy as np


def masses(corners, side):
    """Where the mass of each area lies, `1[x in area] / |area|` on pixels: `(areas, side, side)`.

    Choice: divided by the area in pixels, so that the whole has the mass of p that lies within the image. A pixel
    belongs to an area that its centre is in; an area that holds no centre has its mass on the pixel nearest to its
    middle. What lies beyond the image is lost.

    Args:
      corners: `(areas, 4, (x, y))` in 0..1, in turn around each, convex.   side: pixels of a side of the square image.
    """
    corners = np.asarray(corners, "float64") * side
    if corners.ndim != 3 or corners.shape[1:] != (4, 2):
        raise ValueError(f"corners must be (areas, 4, 2). Received: {corners.shape}")
    found = np.zeros((len(corners), side, side))
    y, x = np.meshgrid(*[np.arange(side) + 0.5] * 2, indexing="ij")
    for mass, around in zip(found, corners):
        edges = np.roll(around, -1, axis=0) - around  # (4, 2)
        across = edges[:, 0, None, None] * (y - around[:, 1, None, None])
        turned = across - edges[:, 1, None, None] * (x - around[:, 0, None, None])
        inside = (turned >= 0).all(0) | (turned <= 0).all(0)
        after = np.roll(around, -1, axis=0)
        size = abs(np.sum(around[:, 0] * after[:, 1] - after[:, 0] * around[:, 1])) / 2
        if inside.any():
            mass[inside] = 1 / max(size, np.count_nonzero(inside))
        else:
            column, row = np.clip(around.mean(0), 0, side - 1e-9).astype(int)
            mass[row, column] = 1
    return found


def correctness(weights, of_areas, boxes):
    """Mass of attention within the union of boxes: of a noun, its "attention correctness"  (Liu 2017).

        sum over pixels x in the boxes of  sum_r p(r|h) 1[x in area_r] / |area_r|

    Args:
      weights: p(r|h) `(..., areas)`.   of_areas: `masses` of the areas.
      boxes: `((top, left, bottom, right), ...)` in 0..1.
    Returns: `(...)` in 0..1.
    """
    if np.shape(weights)[-1] != len(of_areas):
        raise ValueError(
            f"weights must have one for each of {len(of_areas)} areas at their end. Received: {np.shape(weights)}"
        )
    covered = inside_boxes(boxes, of_areas.shape[1])
    return np.asarray(weights) @ of_areas[:, covered].sum(1)


def inside_boxes(boxes, side):
    """Pixels `(side, side)` whose centres are in one of the boxes; their share is what chance would give."""
    covered = np.zeros((side, side), bool)
    at = (np.arange(side) + 0.5) / side
    for top, left, bottom, right in boxes:
        covered |= ((at >= top) & (at < bottom))[:, None] & ((at >= left) & (at < right))
    return covered
