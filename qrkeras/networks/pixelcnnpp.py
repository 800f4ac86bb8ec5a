"""PixelCNN++: two streams of cut convolutions through several resolutions  (Salimans et al. 2017)."""

import keras
from keras import ops

from qrkeras.layers import GatedResidual, ShiftedConv2D, ShiftedConv2DTranspose, WeightNormDense
from qrkeras.layers.kernels import positive_int
from qrkeras.losses import check_levels, mixture_outputs
from qrkeras.networks.condition_stream import ConditionStream
from qrkeras.networks.seeds import layer_seeds
from qrkeras.networks.strided_sampler import sample_strided

UPPER, LEFT = (-1, 1), (-1, 0)  # columns that the streams u and l read


def pixelcnnpp(
    image_size,
    channels=3,
    planes=160,
    blocks=5,
    resolutions=3,
    components=10,
    levels=256,
    dropout=0.5,
    condition=None,
    num_classes=None,
    seed=None,
    name="pixelcnnpp",
):
    """PixelCNN++ of square images; the defaults are those of the authors' code for CIFAR-10  (Salimans et al. 2017).

    **Choice**: a bias in every convolution. The authors' code shifts results, and leaves exact zeros at the border.

    Args:
      image_size: height and width, a multiple of 2^(resolutions - 1).   channels: 1 or 3.
      planes: F, of each stream.   blocks: R, of each stream on each resolution on the way down; on the way up again as
        many on the coarsest, one more on each other.
      resolutions: number of them; each further one has half the side.
      components: K, of the mixture of logistics.   levels: that the images have, spread over 0..255.
      dropout: rate within each block, in [0, 1).
      condition: shape `(h, w, c)` of a further input that every pixel sees as a whole, or None; h and w divide
        image_size.
      num_classes: of the class condition, or None.
      seed: int, from which every layer draws its own seed, or None.
    Returns: `PixelPlusNetwork`.
    Raises:
      ValueError: for a size that is not a positive int, or that does not divide, other numbers of channels, levels that
        are not 2 to 256, or a rate that is not in [0, 1).
    """
    return PixelPlusNetwork(
        image_size, channels, planes, blocks, resolutions, components, levels, dropout, condition, num_classes, seed,
        name=name,
    )  # fmt: skip


class Resolution(keras.layers.Layer):
    """The blocks of both streams at one resolution, and what leads to the coarser one and back.

    Attributes:
      down, up: blocks on the way to the coarsest resolution and back, u and l in turn.
      halve, double: convolutions of u and of l, to the coarser resolution and from it; empty for the coarsest.
    """

    def __init__(self, planes, down, up, coarsest, options, seeds, **kwargs):
        super().__init__(autocast=False, **kwargs)  # each layer casts for itself
        self.planes = planes

        def pairs(prefix, number, aux):
            return [
                GatedResidual(
                    planes,
                    columns,
                    aux + (columns == LEFT),
                    **options,
                    seed=next(seeds),
                    dtype=self.dtype_policy,
                    name=f"{self.name}_{prefix}_{i}_{stream}",
                )
                for i in range(number)
                for stream, columns in (("u", UPPER), ("l", LEFT))
            ]

        self.down, self.up = pairs("down", down, aux=0), pairs("up", up, aux=1)
        self.halve, self.double = [], []
        if not coarsest:
            self.halve = [
                ShiftedConv2D(planes, columns=columns, strides=2, **_kernels(seeds), dtype=self.dtype_policy)
                for columns in (UPPER, LEFT)
            ]
            self.double = [
                ShiftedConv2DTranspose(planes, columns, **_kernels(seeds), dtype=self.dtype_policy)
                for columns in (UPPER, (0, 1))
            ]

    def build(self, side):
        """Builds for images of `side` x `side`."""
        for layer in (*self.down, *self.up, *self.halve):
            layer.build((None, side, side, self.planes))
        for layer in self.double:
            layer.build((None, side // 2, side // 2, self.planes))


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelPlusNetwork(keras.Model):
    """Outputs for every pixel of an image, of which each sees the pixels before it. `pixelcnnpp` makes it.

    The stream u of a place knows the rows above it, l also what is to the left in its row. Both go down through R
    blocks on each resolution, halving in between, and up again; every result on the way down, the last one first, comes
    back on the way up as the skip of a block, beside what the block reads otherwise. Outputs are a 1x1 of ELU(l).

    Attributes:
      image_shape: `(image_size, image_size, channels)`.   num_outputs: for each pixel, as of `losses.mixture_outputs`.
      condition_shape, num_classes, components, levels, dropout: as of `pixelcnnpp`.
    """

    def __init__(
        self,
        image_size,
        channels,
        planes,
        blocks,
        resolutions,
        components,
        levels,
        dropout,
        condition,
        num_classes,
        seed,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        sizes = {
            "image_size": image_size, "planes": planes, "blocks": blocks, "resolutions": resolutions,
            "components": components, **({} if num_classes is None else {"num_classes": num_classes}),
        }  # fmt: skip
        for argument, size in sizes.items():
            positive_int(argument, size)
        if image_size % 2 ** (resolutions - 1):
            raise ValueError(
                f"image_size must be a multiple of {2 ** (resolutions - 1)}, for {resolutions} resolutions. Received: "
                f"{image_size}"
            )
        check_levels(levels)
        self.image_shape = (image_size, image_size, channels)
        self.condition_shape = None if condition is None else _checked_condition(condition, image_size)
        self.num_outputs = mixture_outputs(channels, components)
        self.num_classes, self.components, self.levels = num_classes, components, levels
        self.planes, self.dropout = planes, dropout
        self._config = {
            "image_size": image_size, "channels": channels, "planes": planes, "blocks": blocks,
            "resolutions": resolutions, "components": components, "levels": levels, "dropout": dropout,
            "condition": self.condition_shape, "num_classes": num_classes, "seed": seed,
        }  # fmt: skip
        seeds = layer_seeds(seed, "pixelcnnpp")
        options = {"dropout": dropout, "condition": condition is not None, "num_classes": num_classes}

        def start(rows, columns):
            return ShiftedConv2D(planes, rows, columns, **_kernels(seeds), dtype=self.dtype_policy)

        self.start_upper = start((-2, -1), UPPER)
        self.start_above = start((-1, -1), UPPER)
        self.start_left = start((-1, 0), (-1, -1))
        pairs = [(blocks, blocks + (n < resolutions - 1)) for n in range(resolutions)]
        self.resolutions = [
            Resolution(
                planes, *pairs[n], n == resolutions - 1, options, seeds, dtype=self.dtype_policy, name=f"resolution_{n}"
            )
            for n in range(resolutions)
        ]
        self.head = WeightNormDense(self.num_outputs, **_kernels(seeds), dtype="float32", name="head")
        self.stream = None  # made last, so that all else has the weights of a network without condition
        if condition is not None:
            self.stream = ConditionStream(planes, pairs, seeds, dtype=self.dtype_policy, name="stream")
        self.build((None, *self.image_shape))

    def build(self, input_shape):
        side, _, channels = self.image_shape
        for layer in (self.start_upper, self.start_above, self.start_left):
            layer.build((None, side, side, channels + 1))
        for n, resolution in enumerate(self.resolutions):
            resolution.build(side // 2**n)
        if self.stream is not None:
            self.stream.build((None, side, side, self.condition_shape[-1]))
        self.head.build((None, side, side, self.planes))
        self.built = True

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, condition=None, labels=None, uniforms=None, gate=None):
        """Outputs for every pixel.

        Args:
          images: `(batch, height, width, channels)` in [-1, 1].
          condition: `(batch, *condition_shape)`, where there is one; in [-1, 1], if it is an image.
          labels: int `(batch,)`, where `num_classes`.
          uniforms: function of a block's name and a shape to uniforms on [0, 1), `(batch, *shape)`, by which values are
            dropped; None: nothing is dropped.
          gate: a number by which the condition is multiplied where it enters a block, or None, which is 1.
        Returns: `(batch, height, width, num_outputs)` float32.
        """
        given = self.given(condition, labels, gate)
        _, left = self._through(0, *self._start(images), given, labels, uniforms)
        return self.head(ops.elu(left))

    def given(self, condition, labels, gate=None):
        """What the condition gives the pairs of blocks, by resolution: see `ConditionStream`; None without one."""
        needed = ("condition", condition, self.stream is not None), ("labels", labels, self.num_classes is not None)
        for argument, value, wanted in needed:
            if wanted and value is None:
                raise ValueError(f"{argument} must be given: the network is conditioned on it. Received: None")
        if self.stream is None:
            return None
        times = [self.image_shape[axis] // self.condition_shape[axis] for axis in (0, 1)]
        condition = ops.repeat(ops.repeat(condition, times[0], axis=1), times[1], axis=2)
        found = self.stream(ops.cast(condition, self.compute_dtype))
        if gate is None:
            return found
        return [[ops.cast(gate, features.dtype) * features for features in each] for each in found]

    def with_ones(self, images):
        """Images with a plane of ones behind them, which marks the border."""
        images = ops.cast(images, self.compute_dtype)
        return ops.concatenate([images, ops.ones_like(images[..., :1])], axis=-1)

    def _start(self, images):
        x = self.with_ones(images)
        return self.start_upper(x), self.start_above(x) + self.start_left(x)

    def _through(self, n, upper, left, given, labels, uniforms):
        """Both streams, led through resolution n and what is coarser."""
        here, skips = self.resolutions[n], [(upper, left)]
        features = iter(() if given is None else given[n])

        def block(layer, v, aux, condition):
            dropped = None
            if uniforms is not None and layer.dropout:
                dropped = uniforms(layer.name, (*v.shape[1:3], 2 * self.planes))
            return layer(v, aux, condition=condition, labels=labels, uniforms=dropped)

        def pair(blocks, skip_upper=(), skip_left=()):
            condition = next(features, None)
            new = block(blocks[0], upper, skip_upper, condition)
            return new, block(blocks[1], left, (new, *skip_left), condition)

        for blocks in pairs_of(here.down):
            upper, left = pair(blocks)
            skips.append((upper, left))
        if here.halve:
            coarse = (convolution(v) for convolution, v in zip(here.halve, (upper, left), strict=True))
            coarse = self._through(n + 1, *coarse, given, labels, uniforms)
            upper, left = (convolution(v) for convolution, v in zip(here.double, coarse, strict=True))
        else:
            skips.pop()  # the way up begins with it
        for blocks in pairs_of(here.up):
            skip_upper, skip_left = skips.pop()
            upper, left = pair(blocks, (skip_upper,), (skip_left,))
        return upper, left

    def sample(self, tau, known, mask, labels, pixel_of, condition=None, gate=None):
        """Images drawn pixel by pixel, as a pure function: see `sample_strided`.

        Args:
          tau: `(batch, height, width, channels)` in (0, 1).
          known: images in [-1, 1]; mask: `(batch, height, width)`, 1 where the pixel is known.
          labels: int `(batch,)`; not looked at where the network has no classes.   condition, gate: as of a call.
          pixel_of: outputs `(batch, num_outputs)` and levels `(batch, channels)` to values `(batch, channels)` in
            [-1, 1].
        Returns: `(batch, height, width, channels)` float32.
        """
        return sample_strided(self, tau, known, mask, labels, self.given(condition, labels, gate), pixel_of)

    def get_config(self):
        return {**super().get_config(), **self._config}


def pairs_of(blocks):
    """Blocks of u and l in turn, as pairs."""
    return list(zip(blocks[::2], blocks[1::2], strict=True))


def _kernels(seeds):
    return {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.05, next(seeds))}


def _checked_condition(condition, image_size):
    condition = tuple(condition)
    if len(condition) != 3 or any(image_size % side for side in condition[:2]):
        raise ValueError(
            f"condition must be a shape (h, w, c) whose h and w divide image_size={image_size}. Received: {condition}"
        )
    return condition
