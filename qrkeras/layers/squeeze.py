"""Places of an image as planes, and back: what a flow changes its resolution by  (Dinh et al. 2017).

A block of 2 x 2 places becomes one place of four times the planes, in raster order, and at each place all its planes:
plane `(2 i + j) C + c` is plane c of place (i, j) of the block. Values are moved, none is changed: the log-determinant
is 0.
"""

from keras import ops


def squeeze(x):
    """`(batch, h, w, c)`, h and w even -> `(batch, h / 2, w / 2, 4 c)`."""
    _, height, width, planes = x.shape
    x = ops.reshape(x, (-1, height // 2, 2, width // 2, 2, planes))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height // 2, width // 2, 4 * planes))


def unsqueeze(x):
    """The inverse of `squeeze`: `(batch, h, w, 4 c)` -> `(batch, 2 h, 2 w, c)`."""
    _, height, width, planes = x.shape
    x = ops.reshape(x, (-1, height, width, 2, 2, planes // 4))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 2 * height, 2 * width, planes // 4))
