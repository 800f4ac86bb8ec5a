"""The unmasked convolutions that lead a condition to every layer of PixelCNN++  (thesis, Sec. 3.4.1)."""

import keras
from keras import ops

from qrkeras.layers import WeightNormConv2D, concat_elu

SCALE = 0.1  # of what a convolution adds, at the start from data


class ConditionStream(keras.layers.Layer):
    """Features of a condition for each pair of blocks: "as many" convolutions "as there are pixelCNN layers".

    With `e` of `concat_elu`, before pair n

        s_0 = 3x3 of the condition,    s_n = s_(n-1) + 3x3(e(s_(n-1)))      scale 0.1

    and the pair is given ELU(s_n). Where the network halves, s does by a 3x3 of stride 2; where it doubles, s is
    repeated, goes through a 3x3, and what s was at that resolution is added.

    **Choice**: the text gives their number, and that they are not masked; the rest is chosen.

    Args:
      planes: of s.   pairs: of each resolution, the finest first, the pairs on the way down and on the way up again.
      seeds: stream of a seed for each layer.
    Shapes: `(batch, h, w, c)` -> for each resolution a list of `(batch, h / 2^n, w / 2^n, planes)`, in the order of the
      pairs.
    """

    def __init__(self, planes, pairs, seeds, **kwargs):
        super().__init__(autocast=False, **kwargs)  # each layer casts for itself
        self.planes, self.pairs = planes, pairs

        def convolutions(number, **options):
            return [
                WeightNormConv2D(
                    planes,
                    3,
                    kernel_initializer=keras.initializers.RandomNormal(0.0, 0.05, next(seeds)),
                    dtype=self.dtype_policy,
                    **options,
                )
                for _ in range(number)
            ]

        (self.first,) = convolutions(1)
        self.adding = convolutions(sum(down + up for down, up in pairs), scale=SCALE)
        self.halving = convolutions(len(pairs) - 1, strides=2)
        self.doubling = convolutions(len(pairs) - 1)

    def build(self, shape):
        self.first.build(shape)
        space = (None, *shape[1:3])
        for convolution in self.adding:
            convolution.build((*space, 2 * self.planes))
        for convolution in (*self.halving, *self.doubling):
            convolution.build((*space, self.planes))

    def call(self, condition):
        found, adding = [[] for _ in self.pairs], iter(self.adding)

        def through(n, s):
            """s, led through resolution n and what is coarser."""
            s = steps(n, self.pairs[n][0], s)
            if n + 1 < len(self.pairs):
                coarse = through(n + 1, self.halving[n](s))
                s = s + self.doubling[n](ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2))
            return steps(n, self.pairs[n][1], s)

        def steps(n, number, s):
            for _ in range(number):
                s = s + next(adding)(concat_elu(s))
                found[n].append(ops.elu(s))
            return s

        through(0, self.first(condition))
        return found
