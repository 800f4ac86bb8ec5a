"""Gated PixelCNN, with a softmax or with quantiles at its end  (van den Oord et al. 2016b; AIQN, Supplement)."""

import keras
from keras import ops

from qrkeras.layers import ColourDense, GatedBlock
from qrkeras.networks.pixel_sampler import sample_pixels
from qrkeras.networks.seeds import layer_seeds


def pixelcnn(
    image_size,
    channels=3,
    blocks=15,
    kernel_size=5,
    planes=128,
    output_planes=1024,
    num_outputs=256,
    num_classes=None,
    quantile=False,
    num_categories=None,
    seed=None,
    name="pixelcnn",
):
    """Gated PixelCNN of a square image; the defaults are the small network of CIFAR-10  (AIQN, Supplement).

    The large one is `blocks=20, planes=256`. PixelCNN takes 256 outputs a value, logits; PixelIQN takes 1, the
    value's quantile, and `quantile=True`.

    **Choice**: the skip connections are one masked 1x1 map of all blocks' gated planes to `output_planes`; then ReLU,
    masked 1x1 of as many planes, ReLU, masked 1x1 to the outputs. Weights are Glorot uniform, biases zero.

    Args:
      image_size: height and width.   channels: 1 or 3 (any number of colours works).
      blocks: number of gated blocks, the first of which sees the image.   kernel_size: odd, at least 3.
      planes: of each stack; at least one for each channel, groups as equal as can be.
      output_planes: planes of the connections that feed the output layers.
      num_outputs: outputs for each value.   num_classes: of the class condition, or None.
      quantile: True where the network takes the levels tau.
      num_categories: number of categories that values stand for, 0 and up, of which the blocks see one-hot planes; None
        where they are numbers, such as grey levels in [-1, 1].
      seed: int, from which every layer draws its own seed, or None.
    Returns: `PixelNetwork`.
    Raises:
      ValueError: where a size is not a positive int, or planes are fewer than channels.
    """
    sizes = {
        "image_size": image_size,
        "channels": channels,
        "blocks": blocks,
        "planes": planes,
        "output_planes": output_planes,
        "num_outputs": num_outputs,
        "num_classes": num_classes,
        "num_categories": num_categories,
    }
    for argument, size in sizes.items():
        if argument in ("num_classes", "num_categories") and size is None:
            continue
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{argument} must be a positive int. Received: {size!r}")
    for argument in ("planes", "output_planes"):
        if sizes[argument] < channels:
            raise ValueError(
                f"{argument} must be at least channels={channels}, a plane for each. Received: {sizes[argument]}"
            )
    return PixelNetwork(**sizes, kernel_size=kernel_size, quantile=quantile, seed=seed, name=name)


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelNetwork(keras.Model):
    """Outputs for every value of an image, each of which sees the values before it. `pixelcnn` makes it.

    The value at row i, column j, colour c sees rows above i within `blocks * (kernel_size // 2)` rows and columns,
    the columns left of j as far, and colours before c; of the levels tau also its own.
    """

    def __init__(
        self,
        image_size,
        channels,
        blocks,
        kernel_size,
        planes,
        output_planes,
        num_outputs,
        num_classes,
        quantile,
        seed,
        num_categories=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # tau loses too much in bfloat16 before it is rescaled
        self.image_shape = (image_size, image_size, channels)
        self.num_outputs = num_outputs
        self.num_classes = num_classes
        self.quantile = quantile
        self.num_categories = num_categories
        self.seen_planes = channels * (num_categories or 1)
        self._config = {
            "image_size": image_size,
            "channels": channels,
            "blocks": blocks,
            "kernel_size": kernel_size,
            "planes": planes,
            "output_planes": output_planes,
            "num_outputs": num_outputs,
            "num_classes": num_classes,
            "quantile": quantile,
            "num_categories": num_categories,
            "seed": seed,
        }
        seeds = layer_seeds(seed, "pixelcnn")
        self.blocks = [
            GatedBlock(
                planes,
                kernel_size,
                channels,
                first=i == 0,
                last=i == blocks - 1,
                num_classes=num_classes,
                quantile=quantile,
                seed=next(seeds),
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i in range(blocks)
        ]

        def dense(units, stacks=1, dtype=self.dtype_policy):
            return ColourDense(
                units,
                channels,
                input_stacks=stacks,
                kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
                dtype=dtype,
            )

        skip, hidden = dense(output_planes, stacks=blocks), dense(output_planes)
        self.head = [skip, hidden, dense(channels * num_outputs, dtype="float32")]
        self.build((None, *self.image_shape))

    def build(self, input_shape):
        space = (None, *self.image_shape[:2])
        inputs = self.seen_planes
        for block in self.blocks:
            block.build((*space, inputs))
            inputs = block.planes
        inputs *= len(self.blocks)
        for layer in self.head:
            layer.build((*space, inputs))
            inputs = layer.units
        self.built = True

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, tau=None, labels=None):
        """Outputs for every value.

        Args:
          images: `(batch, height, width, channels)` in [-1, 1], or categories as numbers.
          tau: same shape, in (0, 1), where `quantile`.   labels: int `(batch,)`, where `num_classes`.
        Returns: `(batch, height, width, channels, num_outputs)` float32.
        """
        for argument, value, needed in (("tau", tau, self.quantile), ("labels", labels, self.num_classes is not None)):
            if needed and value is None:
                raise ValueError(f"{argument} must be given: the network is conditioned on it. Received: None")
        levels_above, levels = self.levels(tau) if self.quantile else (None, None)
        classes = self.classes(labels)
        vertical = horizontal = self.seen(images)
        features = []
        for block in self.blocks:
            vertical, horizontal, gated = block(vertical, horizontal, levels_above, levels, classes)
            features.append(gated)
        x = self.head[0](ops.concatenate(features, axis=-1))
        for layer in self.head[1:]:
            x = layer(ops.relu(x))
        return ops.reshape(x, (-1, *self.image_shape, self.num_outputs))

    def seen(self, values):
        """What the blocks see of values `(..., colours)`: themselves, or of each colour a one-hot plane a category."""
        if self.num_categories is None:
            return values
        planes = ops.one_hot(ops.cast(values, "int32"), self.num_categories, dtype=self.compute_dtype)
        return ops.reshape(planes, (*ops.shape(values)[:-1], values.shape[-1] * self.num_categories))

    def levels(self, tau):
        """tau rescaled to [-1, 1], one row down (0 in the first row) and in place."""
        levels = ops.cast(2.0 * tau - 1.0, self.compute_dtype)
        return ops.pad(levels[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]]), levels

    def classes(self, labels):
        """One-hot labels `(batch, num_classes)`, or None where there are no classes."""
        return None if self.num_classes is None else ops.one_hot(labels, self.num_classes, dtype=self.compute_dtype)

    def sample(self, tau, known, mask, labels, value_of):
        """Images drawn value by value, as a pure function: see `sample_pixels`.

        Args:
          tau: `(batch, height, width, channels)` in (0, 1).
          known: images as in `call`; mask: `(batch, height, width)`, 1 where the pixel is known.
          labels: int `(batch,)`, or None.
          value_of: outputs `(batch, num_outputs)` and levels `(batch,)` to values `(batch,)`, as in `call`.
        Returns: `(batch, height, width, channels)` float32.
        """
        return sample_pixels(self, tau, known, mask, self.classes(labels), value_of)

    def get_config(self):
        return {**super().get_config(), **self._config}
