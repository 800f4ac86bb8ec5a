"""What PixelCNN and PixelCNN++ share: outputs that are a distribution, so that an image has an exact likelihood."""

from keras import ops

from qrkeras.losses import bits_per_dim
from qrkeras.models.autoregressive import AutoregressiveModel
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images, check_labels
from qrkeras.models.image_range import to_unit
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


class PixelLikelihood(AutoregressiveModel):
    """An autoregressive model whose loss is `-log P(image)`, in nats per value.

    A subclass gives two equations beside `value_of`:

        outputs(network, images, labels, noise)     # of images in [-1, 1]; noise is None where nothing trains
        nats(images, outputs)                       # -log P of uint8 images, per value, (batch, ...)
    """

    REPORTS = ("loss", "bits_per_dim")

    def __init__(self, network, average_decay=0.9999, seed=0, **kwargs):
        super().__init__(network, average_decay, seed, **kwargs)
        images = ((None, *self.example_shape), "uint8")
        self.score_function = compiled(self.score, images, ((None,), "int32"))

    def measures(self, batch, noise, training):
        measured = super().measures(batch, noise, training)
        return {**measured, "bits_per_dim": bits_per_dim(measured["loss"])}

    def losses(self, network, batch, noise, training):
        outputs = self.outputs(network, to_unit(batch.examples), batch.labels, noise if training else None)
        return self.nats(batch.examples, outputs)

    def bits_per_dim(self, images, labels=None, batch_size=64):
        """Bits that a value of each image costs under the averaged weights: `-log2 P(image) / values`.

        Args:
          images: uint8 `(n, height, width, channels)`.   labels: an int or `(n,)`, where the network has classes.
          batch_size: images looked at at a time.
        Returns: NumPy array `(n,)`.
        """
        check_images("images", images, self.example_shape, self.levels)
        labels = check_labels("labels", labels, len(images), self.num_classes)
        return all_batches(self.score_function, batch_size, images, labels)

    def score(self, images, labels):
        """`bits_per_dim` of one batch, as a pure function: it serves exported signatures too."""
        nats = self.nats(images, self.outputs(self.average, to_unit(images), labels, None))
        return bits_per_dim(ops.mean(nats, axis=tuple(range(1, len(nats.shape)))))

    def signatures(self):
        """`sample`, `inpaint`, and `score`: the bits per dimension of each image."""

        def score(images, label=None):
            self._require_levels(images)
            return {"bits_per_dim": self.score(images, self._served_labels(label))}

        images = {"images": (self.example_shape, "uint8")}
        return {**super().signatures(), "score": Signature(score, {**images, **self._label_input()})}
