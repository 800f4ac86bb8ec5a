"""Colour groups: which planes of a pixel may see which others of the same pixel.

The planes of a pixel are cut into as many groups as there are colours, in the order red, green, blue; group c
predicts colour c. A map within the pixel lets group c see groups up to c (mask B), or below c where the input is
the colour to be predicted itself (mask A)  (van den Oord et al. 2016a, Sec. 3.4).

Planes may stand in several stacks, each of which is cut into groups: the two halves of a gate are two stacks.
"""

import keras
import numpy as np
from keras import ops


def colour_bounds(planes, colours, stacks=1):
    """Bounds `(start, stop)` of each colour's planes in a stack: groups as equal as can be, the first ones larger."""
    if planes % stacks or planes // stacks < colours:
        raise ValueError(
            f"planes must be {stacks} equal stack(s) with at least one plane for each of {colours} colours. "
            f"Received: {planes}"
        )
    size, rest = divmod(planes // stacks, colours)
    return [(c * size + min(c, rest), (c + 1) * size + min(c + 1, rest)) for c in range(colours)]


def plane_colours(planes, colours, stacks=1):
    """Colour of each plane: int NumPy array `(planes,)`, such as `[0, 0, 1, 2]` for 4 planes of 3 colours."""
    sizes = [stop - start for start, stop in colour_bounds(planes, colours, stacks)]
    return np.tile(np.repeat(np.arange(colours), sizes), stacks)


def colour_mask(inputs, outputs, strict=False):
    """1 where an output plane may see an input plane of its pixel, else 0.

    Args:
      inputs, outputs: colours of the planes, as `plane_colours` gives them.
      strict: True for mask A, earlier colours only; False for mask B, the own colour too.
    Returns: float32 NumPy array `(len(inputs), len(outputs))`.
    """
    visible = inputs[:, None] < outputs if strict else inputs[:, None] <= outputs
    return visible.astype("float32")


def cut_planes(x, colours, stacks=1, axis=-1):
    """`x` cut along the planes of `axis`: list by colour, of the colour's planes, stack after stack."""
    if colours == 1:
        return [x]
    shape, planes = list(ops.shape(x)), x.shape[axis]
    axis %= len(shape)
    bounds = colour_bounds(planes, colours, stacks)
    stacked = ops.reshape(x, (*shape[:axis], stacks, planes // stacks, *shape[axis + 1 :]))
    parts = ops.split(stacked, [stop for _, stop in bounds[:-1]], axis=axis + 1)
    sizes = [stacks * (stop - start) for start, stop in bounds]
    return [
        ops.reshape(part, (*shape[:axis], size, *shape[axis + 1 :])) for part, size in zip(parts, sizes, strict=True)
    ]


def cut_matrix(matrix, colours, input_stacks=1, output_stacks=1, strict=False):
    """The parts of a matrix `(inputs, outputs)` that `colour_mask` leaves, one for each colour of output.

    Returns: list of `(input planes that the colour sees, output planes of the colour)`, stack after stack.
    """
    inputs, parts = matrix.shape[0], []
    for (start, stop), part in zip(
        colour_bounds(inputs, colours, input_stacks), cut_planes(matrix, colours, output_stacks), strict=True
    ):
        seen = start if strict else stop
        stacked = ops.reshape(part, (input_stacks, inputs // input_stacks, part.shape[-1]))
        parts.append(ops.reshape(stacked[:, :seen], (input_stacks * seen, part.shape[-1])))
    return parts


# Outputs a colour from which on leaving the masked products out saves more time than cutting the planes costs.
_WIDE = 170


@keras.saving.register_keras_serializable(package="qrkeras")
class ColourDense(keras.layers.Layer):
    """Map of each pixel by itself, `x (W * mask) + b`: a 1x1 convolution with mask B.

    Args:
      units: number of output planes.   colours: number of groups; 1 leaves the map unmasked.
      input_stacks, output_stacks: stacks that the planes come in, each cut into groups.
      use_bias, kernel_initializer: as in `keras.layers.Dense`.
    Shapes: `(..., planes)` -> `(..., units)`.
    """

    def __init__(
        self,
        units,
        colours=1,
        input_stacks=1,
        output_stacks=1,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.colours = colours
        self.input_stacks = input_stacks
        self.output_stacks = output_stacks
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        colour_bounds(units, colours, output_stacks)  # refuses units that cannot be cut

    def build(self, input_shape):
        self._mask = colour_mask(
            plane_colours(input_shape[-1], self.colours, self.input_stacks),
            plane_colours(self.units, self.colours, self.output_stacks),
        )
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, x):
        flat = ops.reshape(x, (-1, x.shape[-1]))
        if self.colours == 1:
            y = ops.matmul(flat, self.kernel)
        elif self.output_stacks == 1 and self.units >= _WIDE * self.colours:
            y = self._without_zeros(flat)
        else:
            y = ops.matmul(flat, self.kernel * ops.cast(self._mask, self.kernel.dtype))
        return ops.reshape(y if self.bias is None else y + self.bias, (*ops.shape(x)[:-1], self.units))

    def _without_zeros(self, x):
        """`x (W * mask)`, colour by colour of input: colour c goes to the outputs of colours c and later."""
        colours = cut_planes(x, self.colours, self.input_stacks)
        kernels = cut_planes(self.kernel, self.colours, self.input_stacks, axis=0)
        outputs, rest = [], None
        for x, kernel, (start, stop) in zip(colours, kernels, colour_bounds(self.units, self.colours), strict=True):
            y = ops.matmul(x, kernel[:, start:])  # the outputs from `start` on
            y = y if rest is None else rest + y
            own, rest = ops.split(y, [stop - start], axis=-1) if stop < self.units else (y, None)
            outputs.append(own)
        return ops.concatenate(outputs, axis=-1)

    def parts(self):
        """Weights by colour: list of kernel `(planes seen, planes of the colour)` and bias, or None."""
        kernel = ops.cast(self.kernel, self.compute_dtype)
        kernels = cut_matrix(kernel, self.colours, self.input_stacks, self.output_stacks)
        if self.bias is None:
            return [(kernel, None) for kernel in kernels]
        biases = cut_planes(ops.cast(self.bias, self.compute_dtype), self.colours, self.output_stacks)
        return list(zip(kernels, biases, strict=True))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "colours": self.colours,
            "input_stacks": self.input_stacks,
            "output_stacks": self.output_stacks,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
