"""Auxiliary images: what a VAE predicts of an image, to guide its latents  (thesis, Sec. 3.4.1 and 3.4.5)."""

import keras
from keras import ops

from qrkeras.losses.likelihood import check_levels, discretized_logistic, grey_level

LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable(package="qrkeras")
class Auxiliary:
    """The auxiliary image y, a pure function of the uint8 image x; in this order:

        grey      round(0.299 R + 0.587 G + 0.114 B)
        size      floor(mean + 1/2) of the square of pixels that becomes one
        levels    floor(v b / 256), if the number of levels b divides 256  (eq. 3.17); else round(v (b - 1) / 255),
                  the levels of images that have b of their own, spread over 0..255: 17 of digits

    With the defaults y is x. What a model says of y is a mean in units of [-1, 1]: level j stands for
    `x = lowest + step j`.

    **Choice**: grey is Rec. 601's luma, and a mean is rounded half up; the thesis is silent.

    Args:
      levels: b, 2 to 256.   size: side of y, which divides the image's; None: the image's.   grey: whether y is grey.
    """

    def __init__(self, levels=256, size=None, grey=False):
        check_levels(levels)
        if size is not None and size < 1:
            raise ValueError(f"size must be at least 1, or None for the image's own. Received: {size}")
        self.levels, self.size, self.grey = levels, size, grey
        if 256 % levels:
            self.lowest, self.step = -1.0, 2.0 / (levels - 1)
        else:
            bin_width = 256 // levels
            self.lowest, self.step = (bin_width - 1) / 255.0 - 1.0, 2.0 * bin_width / 255.0

    def shape_of(self, image_shape):
        """Shape of y of an image of `image_shape`; raises ValueError where it cannot be made."""
        height, width, channels = image_shape
        if self.grey and channels != 3:
            raise ValueError(f"grey must be False for images that have no red, green and blue. Received: {image_shape}")
        size = height if self.size is None else self.size
        if height % size or width % size or height != width:
            raise ValueError(
                f"size must divide the image's side. Received: size={self.size} for images of {height} x {width}"
            )
        return size, size, 1 if self.grey else channels

    def __call__(self, images):
        """y of uint8 images `(batch, H, W, C)`: int32 `(batch, h, w, c)` in 0..levels - 1."""
        size, _, channels = self.shape_of(images.shape[1:])
        values = ops.cast(images, "float32")
        if self.grey:
            values = ops.round(ops.sum(values * ops.convert_to_tensor(LUMA), axis=-1, keepdims=True))
        factor = images.shape[1] // size
        if factor > 1:
            squares = ops.reshape(values, (-1, size, factor, size, factor, channels))
            values = ops.floor(ops.mean(squares, axis=(2, 4)) + 0.5)
        if 256 % self.levels:
            return grey_level(values, self.levels)
        return ops.cast(ops.floor(values * (self.levels / 256.0)), "int32")

    def nats(self, levels, mean, log_scale):
        """`-log P(y)` of each value, discretised logistic, in nats; `mean` and `log_scale` in units of [-1, 1]."""
        return discretized_logistic(levels, mean, log_scale, self.levels, self.lowest, self.step)

    def shown(self, means, image_shape):
        """Means of y, `(batch, h, w, c)`, as images in [-1, 1] of `image_shape`: pixels and grey repeated."""
        repeats = image_shape[0] // means.shape[1]
        means = ops.repeat(ops.repeat(means, repeats, axis=1), repeats, axis=2)
        return ops.repeat(means, image_shape[-1] // means.shape[-1], axis=-1)

    def get_config(self):
        return {"levels": self.levels, "size": self.size, "grey": self.grey}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
