"""Areas of attention: descriptors of grid cells, boxes and transformed patches  (Areas of Attention, Section B.3.3).

Corners of areas are `(x, y)` in 0..1 of the image, four for each, in turn around it.
"""

import keras
import numpy as np
from keras import ops

from qrkeras.layers.kernels import positive_int

ANCHORS = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(9, 2).astype("float32")  # (u, v), row by row


def grid_corners(rows, columns):
    """Corners `(rows * columns, 4, 2)` of the cells of a grid over the image, row by row."""
    top, left = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    cells = np.stack([left, top], axis=-1).reshape(-1, 1, 2)
    around = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return ((cells + around) / (columns, rows)).astype("float32")


def box_corners(boxes):
    """Corners `(..., 4, 2)` of boxes `(..., (top, left, bottom, right))` in 0..1."""
    top, left, bottom, right = (boxes[..., i] for i in range(4))
    around = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return ops.stack([ops.stack(corner, axis=-1) for corner in around], axis=-2)


def pool_boxes(maps, boxes):
    """The greatest activation of each channel among the cells that a box touches, at least one  (Section B.3.3).

    Rows `floor(top H)` to `ceil(bottom H) - 1`, columns alike.

    Args:
      maps: `(images, height, width, channels)`, of known size.
      boxes: `(images, boxes, (top, left, bottom, right))` in 0..1.
    Returns: `(images, boxes, channels)`.
    """

    def touched(first, last, cells):
        begin = ops.clip(ops.floor(first * cells), 0, cells - 1)
        end = ops.maximum(ops.ceil(last * cells), begin + 1)
        at = ops.arange(cells, dtype="float32")
        return ops.logical_and(at >= begin[..., None], at < end[..., None])  # (images, boxes, cells)

    rows = touched(boxes[..., 0], boxes[..., 2], maps.shape[1])
    columns = touched(boxes[..., 1], boxes[..., 3], maps.shape[2])

    def greatest(each, inside):
        """Args: each: arrays that broadcast over boxes.   inside: `(images, boxes, len(each))`."""
        most = -np.inf
        for i, one in enumerate(each):
            shape = (-1, ops.shape(inside)[1], *[1] * (len(one.shape) - 2))
            most = ops.maximum(most, ops.where(ops.reshape(inside[..., i], shape), one, -np.inf))
        return most

    of_columns = greatest(
        [maps[:, None, :, i] for i in range(maps.shape[2])], columns
    )  # (images, boxes, height, channels)
    return greatest([of_columns[:, :, i] for i in range(maps.shape[1])], rows)


def sample_points(maps, points):
    """`maps` at `points`, bilinearly; 0 outside  (Jaderberg 2015, eq. 5).

    Args:
      maps: `(images, height, width, channels)`.
      points: `(images, points, (x, y))` in cells, (0, 0) the centre of the first.
    Returns: `(images, points, channels)`.
    """
    height, width, channels = maps.shape[1:]

    def shares(at, cells):
        """Those of the two cells around each point of an axis, `(images, points, cells)`, of all the others 0."""
        first = ops.floor(at)
        rest = (at - first)[..., None]
        behind = ops.arange(cells, dtype="float32") - first[..., None]  # 0 is the cell at or before a point
        return ops.where(behind == 0, 1 - rest, 0.0) + ops.where(behind == 1, rest, 0.0)

    # One product with all cells: a gather of four would be less work, but its gradient is a scatter, which costs more.
    of_cells = shares(points[..., 1], height)[..., None] * shares(points[..., 0], width)[..., None, :]
    of_cells = ops.reshape(ops.cast(of_cells, maps.dtype), (-1, ops.shape(points)[1], height * width))
    return ops.matmul(of_cells, ops.reshape(maps, (-1, height * width, channels)))


def transformed_points(transforms, anchors=ANCHORS):
    """`(x, y)' = (j, i)' + A (u, v, 1)'` of anchors (u, v), at each location (i, j)  (Section B.3.3).

    Args:
      transforms: A `(images, height, width, 2, 3)`; the first row is of x.   anchors: `(anchors, 2)`.
    Returns: `(images, height, width, anchors, (x, y))` in cells.
    """
    height, width = transforms.shape[1:3]
    there = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)  # (x, y)
    whole = np.concatenate([anchors, np.ones((len(anchors), 1))], axis=1)
    there, whole = (ops.convert_to_tensor(each, "float32") for each in (there, whole))
    return there[:, :, None] + ops.matmul(whole, ops.swapaxes(transforms, -1, -2))


@keras.saving.register_keras_serializable(package="qrkeras")
class TransformedPatches(keras.layers.Layer):
    """Descriptors of patches that the image transforms, one at each location  (Areas of Attention, Section B.3.3).

        A(i, j) = [scale I | 0] + conv_1x1(ReLU(conv_1x1(gamma)))
        R_ij = ReLU(sum over (u, v) of filter[v, u] gamma((j, i)' + A (u, v, 1)') + bias),   u, v in {-1, 0, 1}

    The last convolution begins with zeros. Choice, as the released code: two convolutions of 1 x 1. Choice: gamma is 0
    outside its map, so that with scale 1 the descriptors are a 3 x 3 convolution of gamma, to the border.

    Args:
      filters: channels of R.   hidden: channels between the two convolutions.
      scale: of the patches at first; 2: twice the size of a convolution's, "away from the grid's optimum".
      stride: locations are every second, say, of gamma's.   seed: int, of all weights, or None.
    Call: `(images, height, width, channels)` -> `(R (images, areas, filters), corners (images, areas, 4, 2))`.
    """

    def __init__(self, filters, hidden=512, scale=2.0, stride=1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = positive_int("filters", filters)
        self.hidden = positive_int("hidden", hidden)
        self.stride = positive_int("stride", stride)
        self.scale = float(scale)
        self.seed = seed
        drawn = keras.initializers.GlorotUniform(seed)
        places = {"kernel_size": 1, "data_format": "channels_last"}
        first = {"activation": "relu", "kernel_initializer": drawn, "dtype": self.dtype_policy}
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.localize = [
            keras.layers.Conv2D(self.hidden, **places, **first, name="hidden"),
            keras.layers.Conv2D(6, **places, **last, name="transform"),
        ]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for layer in self.localize:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        drawn = keras.initializers.GlorotUniform(None if self.seed is None else self.seed + 1)
        shape = (3, 3, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=drawn)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def transforms(self, maps):
        """A `(images, height, width, 2, 3)`, float32."""
        moved = maps
        for layer in self.localize:
            moved = layer(moved)
        start = ops.convert_to_tensor([[self.scale, 0.0, 0.0], [0.0, self.scale, 0.0]], "float32")
        return ops.reshape(moved, (-1, *maps.shape[1:3], 2, 3)) + start

    def call(self, maps):
        height, width, channels = maps.shape[1:]
        transforms = self.transforms(maps)
        points = transformed_points(transforms)[:, :: self.stride, :: self.stride]
        areas = points.shape[1] * points.shape[2]
        samples = sample_points(maps, ops.reshape(points, (-1, areas * 9, 2)))
        samples = ops.reshape(samples, (-1, areas, 9 * channels))
        descriptors = ops.relu(ops.matmul(samples, ops.reshape(self.kernel, (9 * channels, self.filters))) + self.bias)
        around = np.array([[-1.5, -1.5], [1.5, -1.5], [1.5, 1.5], [-1.5, 1.5]])  # outer points, half a cell out
        corners = transformed_points(transforms, around)[:, :: self.stride, :: self.stride]
        corners = (ops.reshape(corners, (-1, areas, 4, 2)) + 0.5) / ops.convert_to_tensor([width, height], "float32")
        return descriptors, corners

    def compute_output_shape(self, input_shape):
        areas = -(-input_shape[1] // self.stride) * -(-input_shape[2] // self.stride)
        return (input_shape[0], areas, self.filters), (input_shape[0], areas, 4, 2)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "scale": self.scale,
            "stride": self.stride,
            "seed": self.seed,
        }
