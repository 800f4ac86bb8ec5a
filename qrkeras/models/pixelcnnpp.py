"""PixelCNN++: a mixture of logistics for every pixel."""

import keras
from keras import ops

from qrkeras.layers import initializing
from qrkeras.losses import grey_level, logistic_mixture, logistic_mixture_quantile
from qrkeras.models.image_checks import check_images, check_labels
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.pixel_likelihood import PixelLikelihood


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelCNNPlusPlus(PixelLikelihood):
    """PixelCNN++: `P(image) = prod_i P(pixel i | pixels before it)`, mixtures of logistics  (Salimans et al. 2017).

    The loss is the exact `-log P(image)` in nats per value; `bits_per_dim` is the same in bits. Training drops out, by
    the network's rate. A pixel is drawn exactly: its colours are quantiles of their mixtures at uniform levels, each
    given those before it, on the grid of the images' levels.

    `initialize(images)` starts the weights from data, once, before training.

    Example:
      ```python
      model = PixelCNNPlusPlus(networks.pixelcnnpp(8, 1, planes=16, blocks=1, resolutions=2, levels=17))
      model.initialize(images[:128])
      model.compile(keras.optimizers.Adamax(0.004))
      model.fit(images, batch_size=32, epochs=10)
      model.bits_per_dim(held_out).mean()
      ```

    Args:
      network: of `networks.pixelcnnpp`, without a condition; its `levels` are those of the images.
      average_decay: of the Polyak average that `sample`, `inpaint` and `evaluate` use.   seed: int, of all noise.
    """

    def __init__(self, network, average_decay=0.9995, seed=0, **kwargs):
        if getattr(network, "condition_shape", ()) is not None:
            raise ValueError(
                "network must be pixelcnnpp(..., condition=None) for PixelCNNPlusPlus, which has no condition to give. "
                f"Received: {network.name}"
            )
        super().__init__(network, average_decay, seed, **kwargs)
        self.levels = network.levels

    def call(self, images, labels=None):
        """The averaged network's outputs for images in [-1, 1]: see `PixelPlusNetwork.call`."""
        return self.average(images, labels=labels)

    def initialize(self, images, labels=None):
        """Starts the weights from uint8 images: see `layers.initializing`. Call it once, before `fit`.

        Args: labels: an int or `(n,)`, where the network has classes.
        """
        check_images("images", images, self.example_shape, self.levels)
        labels = check_labels("labels", labels, len(images), self.num_classes)
        with initializing():
            self.network(to_unit(ops.convert_to_tensor(images)), labels=labels)
        self.average.set_weights(self.network.get_weights())

    def outputs(self, network, images, labels, noise):
        return network(images, labels=labels, uniforms=None if noise is None else noise.dropout)

    def nats(self, images, outputs):
        return pixel_nats(images, outputs, self.levels) / self.example_shape[-1]

    def value_of(self, outputs, tau):
        return pixel_quantile(outputs, tau, self.levels)


def pixel_nats(images, outputs, levels):
    """`-log P` of each pixel of uint8 images, `(batch, h, w)`: see `losses.logistic_mixture`."""
    return logistic_mixture(grey_level(images, levels), outputs, levels)


def pixel_quantile(outputs, tau, levels):
    """The pixels in [-1, 1], `(..., C)`, that levels tau `(..., C)` stand for: see `losses.logistic_mixture_quantile`.

    They are those of uint8 images, so that the network sees what it was trained on.
    """
    found = logistic_mixture_quantile(outputs, tau, levels)
    return to_unit(to_uint8(ops.cast(found, "float32") * (2.0 / (levels - 1)) - 1.0))
