"""PixelCNN: a softmax for every value."""

import keras
from keras import ops

from qrkeras.losses import bits_per_dim, categorical_cross_entropy, categorical_quantile
from qrkeras.models.autoregressive import AutoregressiveModel, check_network
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images, check_labels
from qrkeras.models.image_range import to_unit
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelCNN(AutoregressiveModel):
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

    REPORTS = ("loss", "bits_per_dim")

    def __init__(self, network, average_decay=0.9999, seed=0, **kwargs):
        check_network("PixelCNN", network, num_outputs=256, quantile=False)
        super().__init__(network, average_decay, seed, **kwargs)
        images = ((None, *self.example_shape), "uint8")
        self.score_function = compiled(self.score, images, ((None,), "int32"))

    def measures(self, batch, noise, training):
        measured = super().measures(batch, noise, training)
        return {**measured, "bits_per_dim": bits_per_dim(measured["loss"])}

    def losses(self, images, outputs, tau):
        return categorical_cross_entropy(ops.cast(images, "int32"), outputs)

    def value_of(self, outputs, tau):
        return ops.cast(categorical_quantile(outputs, tau), "float32") / 127.5 - 1.0

    def bits_per_dim(self, images, labels=None, batch_size=64):
        """Bits that a value of each image costs under the averaged weights: `-log2 P(image) / values`.

        Args:
          images: uint8 `(n, height, width, channels)`.   labels: an int or `(n,)`, where the network has classes.
          batch_size: images looked at at a time.
        Returns: NumPy array `(n,)`.
        """
        check_images("images", images, self.example_shape)
        labels = check_labels("labels", labels, len(images), self.num_classes)
        return all_batches(self.score_function, batch_size, images, labels)

    def score(self, images, labels):
        """`bits_per_dim` of one batch, as a pure function: it serves exported signatures too."""
        nats = self.losses(images, self.average(to_unit(images), None, labels), None)
        return bits_per_dim(ops.mean(nats, axis=(1, 2, 3)))

    def signatures(self):
        """`sample`, `inpaint`, and `score`: the bits per dimension of each image."""

        def score(images, label=None):
            return {"bits_per_dim": self.score(images, self._served_labels(label))}

        images = {"images": (self.example_shape, "uint8")}
        return {**super().signatures(), "score": Signature(score, {**images, **self._label_input()})}
