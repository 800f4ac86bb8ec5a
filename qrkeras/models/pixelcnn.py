"""PixelCNN: a softmax for every value."""

import keras
from keras import ops

from qrkeras.losses import categorical_cross_entropy, categorical_quantile
from qrkeras.models.autoregressive import check_network
from qrkeras.models.pixel_likelihood import PixelLikelihood


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelCNN(PixelLikelihood):
    """Gated PixelCNN: `P(image) = prod_i softmax(outputs_i)[x_i]`  (van den Oord et al. 2016b).

    The loss is the mean cross-entropy of a value in nats; `bits_per_dim` is the same in bits. A value is drawn as the
    quantile of its softmax at a uniform level tau, which is the same as drawing it from the softmax.

    Example:
      ```python
      model = PixelCNN(networks.pixelcnn(32, channels=3))
      model.compile(keras.optimizers.RMSprop(1e-4))
      model.fit(images, batch_size=32, epochs=10)
      model.evaluate(held_out, return_dict=True)["bits_per_dim"]
      ```

    Args:
      network: of `networks.pixelcnn(..., num_outputs=256)`.
      average_decay: of the Polyak average that `sample`, `inpaint` and `evaluate` use.   seed: int, of all noise.
    """

    def __init__(self, network, average_decay=0.9999, seed=0, **kwargs):
        check_network("PixelCNN", network, num_outputs=256, quantile=False)
        super().__init__(network, average_decay, seed, **kwargs)

    def outputs(self, network, images, labels, noise):
        return network(images, None, labels)

    def nats(self, images, outputs):
        return categorical_cross_entropy(ops.cast(images, "int32"), outputs)

    def value_of(self, outputs, tau):
        return ops.cast(categorical_quantile(outputs, tau), "float32") / 127.5 - 1.0
