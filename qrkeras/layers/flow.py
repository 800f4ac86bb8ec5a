"""Inverse autoregressive flow over latents that stand in a plane  (Kingma et al. 2016; thesis, eq. 2.60).

    z' = (z - 0.1 m) e^(-0.1 s),    log q(z') = log q(z) + 0.1 sum s,

where m and s of a latent are functions of the context and of the latents *before* it: its places come in raster order,
and at a place its channels in theirs. So the Jacobian is triangular, and all of z' is known in one pass.

m and s come from three masked convolutions, weight-normalised: z -> planes (+ context, ELU) -> planes (ELU) -> 2 z. A
kernel has 2 rows, that above and the present one, of which the mask leaves the column to the left and, at the place
itself, earlier channels: the channels are cut into `min(in, out)` groups; hidden planes see their own group and earlier
ones, outputs only earlier ones. Norms are those of masked kernels.
"""

import keras
from keras import ops

from qrkeras.layers.colours import colour_mask, plane_colours
from qrkeras.layers.kernels import positive_int
from qrkeras.layers.weight_norm import WeightNorm

STEP = 0.1


class _Masked(WeightNorm):
    """A convolution that sees earlier places, and at its own place earlier groups or, if not `strict`, its own too.

    Shapes: `(batch, h, w, channels)` -> `(batch, h, w, filters)`, the filters in `stacks` that are cut alike.
    """

    def __init__(self, filters, stacks=1, strict=False, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.stacks, self.strict = filters, stacks, strict

    def kernel_shape(self, input_shape):
        inputs = input_shape[-1]
        groups = min(inputs, self.filters // self.stacks)
        outputs = plane_colours(self.filters, groups, self.stacks)
        self._mask = colour_mask(plane_colours(inputs, groups), outputs, self.strict)
        return 2, 3, inputs, self.filters

    def masked(self, kernel):
        (above, present), mask = ops.unstack(kernel, axis=0), ops.cast(self._mask, kernel.dtype)
        left, own, right = ops.unstack(present, axis=0)
        return ops.stack([above, ops.stack([left, own * mask, ops.zeros_like(right)])])

    def applied(self, kernel, x):
        padded = ops.pad(x, [[0, 0], [1, 0], [1, 1], [0, 0]])
        return ops.conv(padded, kernel, padding="valid", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)


@keras.saving.register_keras_serializable(package="qrkeras")
class InverseAutoregressiveFlow(keras.layers.Layer):
    """One step of the flow, float32 whatever the policy.

    Example:
      ```python
      flow = InverseAutoregressiveFlow(160)
      latents, log_derivatives = flow(latents, context)
      log_q = log_q - ops.sum(log_derivatives, axis=(1, 2, 3))
      ```

    Args:
      planes: of the hidden layers, and of the context.
      seed: int, from which the kernels N(0, 0.05^2) are drawn, or None.
    Shapes: latents `(batch, h, w, z)` and context `(batch, h, w, planes)` -> latents z', and `log dz'_i / dz_i =
      -0.1 s_i`, whose sum is the log-determinant: both of the shape of the latents.
    Raises:
      ValueError: for planes that are no positive int, or a context of other planes.
    """

    def __init__(self, planes, seed=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.planes = positive_int("planes", planes)
        self.seed = seed

    def build(self, latents_shape, context_shape):
        if context_shape[-1] != self.planes:
            raise ValueError(f"context must have as many planes as the flow, {self.planes}. Received: {context_shape}")
        latents = latents_shape[-1]
        widths = ("first", self.planes, 1, False), ("hidden", self.planes, 1, False), ("last", 2 * latents, 2, True)
        self.convolutions, inputs = [], latents_shape
        for i, (name, filters, stacks, strict) in enumerate(widths):
            initializer = keras.initializers.RandomNormal(0.0, 0.05, None if self.seed is None else self.seed + i)
            convolution = _Masked(filters, stacks, strict, kernel_initializer=initializer, dtype="float32", name=name)
            convolution.build(inputs)
            self.convolutions.append(convolution)
            inputs = convolution.compute_output_shape(inputs)

    def call(self, latents, context):
        shift, log_scale = self._shift_and_log_scale(latents, context)
        return (latents - shift) * ops.exp(-log_scale), -log_scale

    def inverse(self, latents, context):
        """The latents that the flow leads to these: one more of each place is right after each pass.

        Args: as of a call; `latents` are z', of known height and width.
        Returns: z, of their shape.
        """
        latents, context = (ops.cast(x, "float32") for x in (latents, context))
        _, height, width, channels = latents.shape

        def place(_, found):
            shift, log_scale = self._shift_and_log_scale(found, context)
            return latents * ops.exp(log_scale) + shift

        return ops.fori_loop(0, height * width * channels, place, ops.zeros_like(latents))

    def _shift_and_log_scale(self, latents, context):
        """0.1 m and 0.1 s, `(batch, h, w, z)` each."""
        first, hidden, last = self.convolutions
        x = ops.elu(first(latents) + context)
        return ops.split(STEP * last(ops.elu(hidden(x))), 2, axis=-1)

    def compute_output_shape(self, latents_shape, context_shape):
        return latents_shape, latents_shape

    def get_config(self):
        return {**super().get_config(), "planes": self.planes, "seed": self.seed}
