"""The block of the Gated PixelCNN, for whole images and for one value at a time."""

import keras
from keras import ops

from qrkeras.layers.causal import HorizontalConv2D, VerticalConv2D
from qrkeras.layers.colours import ColourDense


def gate(x):
    """`tanh(f) * sigmoid(g)`, f and g the two halves of the planes  (Gated PixelCNN, eq. 2)."""
    f, g = ops.split(x, 2, axis=-1)
    return ops.tanh(f) * ops.sigmoid(g)


def append_planes(planes, more):
    """`planes` with `more` behind them; None stands for no planes."""
    return more if planes is None else ops.concatenate([planes, more], axis=-1)


@keras.saving.register_keras_serializable(package="qrkeras")
class GatedBlock(keras.layers.Layer):
    """Gated block of two stacks  (Gated PixelCNN, van den Oord et al. 2016b, Fig. 2, eqs. 2 to 4).

    With v and h the stacks, `*` the causal convolutions, a one-hot class c, and quantile levels s in [-1, 1]:

        u  = K_v * v + b_v + V_v c + S_v s_above          vertical
        w  = K_h * h + F u + b_h + V_h c + S_h s          horizontal, sees the rows above through F u
        v' = gate(u),   y = gate(w),   h' = h + R y       y goes to the output layers

    `gate` is `tanh(f) * sigmoid(g)`. F is unmasked: u knows the rows above only, and so must s_above, the levels one
    row up. K_h, S_h and R are masked by colour: what predicts a colour sees its own level and earlier ones.

    **Choice**: the class and the levels act on both stacks; F reads u with its conditions.

    Args:
      planes: of each stack.   kernel_size: of both convolutions, odd, at least 3.   colours: colour groups.
      first: True for the block that sees the image: its convolutions hide the present row and colour (mask A), and
        there is no residual connection.
      last: True for the block whose h' nobody reads: it has no R, and returns h.
      num_classes: of the class that biases every plane, or None.   quantile: True where levels are given.
      seed: int, of all weights, or None.
    Shapes: v and h `(batch, height, width, planes)`, or the image twice where `first`; s_above and s
      `(batch, height, width, colours)`; c `(batch, num_classes)`. Returns `(v', h', y)`, of `planes` each.
    """

    def __init__(
        self,
        planes,
        kernel_size=5,
        colours=1,
        first=False,
        last=False,
        num_classes=None,
        quantile=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.planes = planes
        self.kernel_size = kernel_size
        self.colours = colours
        self.first = first
        self.last = last
        self.num_classes = num_classes
        self.quantile = quantile
        self.seed = seed
        weights = iter(range(8))

        def options():
            weight = next(weights)
            initializer = keras.initializers.GlorotUniform(None if seed is None else seed + weight)
            return {"kernel_initializer": initializer, "dtype": self.dtype_policy}

        def condition(colours=1):
            stacks = {} if colours == 1 else {"colours": colours, "output_stacks": 2}
            return ColourDense(2 * planes, use_bias=False, **stacks, **options())

        self.vertical_conv = VerticalConv2D(2 * planes, kernel_size, first, **options())
        self.horizontal_conv = HorizontalConv2D(2 * planes, kernel_size, colours, 2, first, **options())
        self.feed = ColourDense(2 * planes, **options())
        self.residual = None if last else ColourDense(planes, colours, use_bias=False, **options())
        self.vertical_class = self.horizontal_class = self.vertical_tau = self.horizontal_tau = None
        if num_classes is not None:
            self.vertical_class, self.horizontal_class = condition(), condition()
        if quantile:
            self.vertical_tau, self.horizontal_tau = condition(), condition(colours)

    def build(self, vertical_shape):
        wide = (*vertical_shape[:-1], 2 * self.planes)
        self.vertical_conv.build(vertical_shape)
        self.horizontal_conv.build(vertical_shape)
        self.feed.build(wide)
        if not self.last:
            self.residual.build((*vertical_shape[:-1], self.planes))
        self.vertical_bias = self.add_weight(shape=(2 * self.planes,), initializer="zeros", name="vertical_bias")
        for layer in (self.vertical_class, self.horizontal_class):
            if layer is not None:
                layer.build((None, self.num_classes))
        for layer in (self.vertical_tau, self.horizontal_tau):
            if layer is not None:
                layer.build((*vertical_shape[:-1], self.colours))

    def call(self, vertical, horizontal, tau_above=None, tau=None, classes=None):
        upper = self.upper(self.vertical_conv(vertical), tau_above, classes)
        gated = gate(self.horizontal_conv(horizontal) + self.context(upper, tau, classes))
        if not self.last:
            horizontal = self.residual(gated) if self.first else horizontal + self.residual(gated)
        return gate(upper), horizontal, gated

    def upper(self, convolved, tau_above=None, classes=None):
        """u, from the convolution of the vertical stack."""
        u = convolved + ops.cast(self.vertical_bias, self.compute_dtype)
        return _conditioned(u, self.vertical_tau, tau_above, self.vertical_class, classes)

    def context(self, upper, tau=None, classes=None):
        """w without its convolution: what a row knows before its first value."""
        return _conditioned(self.feed(upper), self.horizontal_tau, tau, self.horizontal_class, classes)

    def parts(self):
        """Weights for `value`, cut by colour: make them once, outside the loop over values."""
        residual = [None] * self.colours if self.last else [kernel for kernel, _ in self.residual.parts()]
        return list(zip(self.horizontal_conv.parts(), residual, strict=True))

    def value(self, part, seen, context, gated, horizontal):
        """One colour of one pixel.

        Args:
          part: of `parts()`, for the colour.
          seen: h of the k // 2 columns to the left, and of the pixel up to this colour, or below it where `first`;
            list of `(batch, planes)`.
          context: of `context`, cut by colour, `(batch, 2 * planes of the colour)`.
          gated: y of the pixel for earlier colours, or None.   horizontal: h of this colour; None where `first`.
        Returns: y up to this colour, and h' of this colour.
        """
        kernel, residual = part
        y = gate(ops.matmul(ops.concatenate(seen, axis=-1), kernel) + context)
        gated = append_planes(gated, y)
        if residual is None:
            return gated, horizontal
        update = ops.matmul(gated, residual)
        return gated, update if self.first else horizontal + update

    def get_config(self):
        return {
            **super().get_config(),
            "planes": self.planes,
            "kernel_size": self.kernel_size,
            "colours": self.colours,
            "first": self.first,
            "last": self.last,
            "num_classes": self.num_classes,
            "quantile": self.quantile,
            "seed": self.seed,
        }


def _conditioned(x, by_level, levels, by_class, classes):
    if by_level is not None:
        x = x + by_level(levels)
    return x if by_class is None else x + by_class(classes)[:, None, None]
