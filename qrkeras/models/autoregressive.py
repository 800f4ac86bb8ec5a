"""What autoregressive models of images share: training, Polyak average, sampling, inpainting."""

from keras import ops

from qrkeras.models.average import averaged_copy, check_decay
from qrkeras.models.base import GenerativeModel
from qrkeras.models.batches import all_batches
from qrkeras.models.feed import require
from qrkeras.models.image_checks import check_images, check_labels, check_mask, check_tau
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.noise import sample_seeds
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


class AutoregressiveModel(GenerativeModel):
    """A network that predicts every value of an image from the values before it.

    A subclass gives two equations, and `REPORTS` names what is logged, as functions of the mean loss:

        losses(network, batch, noise, training)     # unreduced, in units of a value
        value_of(outputs, tau)                      # what the levels tau stand for, in [-1, 1]

    What `value_of` gives is one value, of a network that draws value by value, or a pixel, of one that draws pixels.

    `sample`, `inpaint` and `evaluate` use the Polyak average of the weights (`average.averaged`), training never does.

    Args:
      network: of `networks.pixelcnn` or `networks.pixelcnnpp`.
      average_decay: of the Polyak average, in [0, 1); 0 is no average.
      seed: int32, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("network",)
    OPTIONS = ("average_decay",)
    AVERAGES = {"average": "network"}
    batch_size = 64

    def __init__(self, network, average_decay=0.9999, seed=0, **kwargs):
        check_decay(average_decay)
        super().__init__(seed, autocast=False, **kwargs)
        self.network = network
        self.average = averaged_copy(network)
        self.average_decay = average_decay
        self.num_classes = network.num_classes
        self.example_shape = self.noise_shape = tuple(network.image_shape)
        images = (None, *self.example_shape)
        self.paint_function = compiled(
            self.paint, (images, "float32"), (images, "uint8"), (images[:-1], "int32"), ((None,), "int32")
        )

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, tau=None, labels=None):
        """The averaged network's outputs for images in [-1, 1]: see `PixelNetwork.call`."""
        return self.average(images, tau, labels)

    def measures(self, batch, noise, training):
        network = self.network if training else self.average
        return {"loss": ops.mean(self.losses(network, batch, noise, training))}

    def paint(self, tau, images, mask, labels):
        """Images drawn value by value around the known pixels, as a pure function of the averaged weights.

        Args:
          tau: levels in (0, 1), `(batch, height, width, channels)`.   images: uint8, same shape.
          mask: `(batch, height, width)`, 1 where the pixel of `images` is known.
          labels: int32 `(batch,)`; not looked at where the network has no classes.
        Returns: uint8 images.
        """
        return to_uint8(self.average.sample(tau, to_unit(images), mask, labels, self.value_of))

    def drawn(self, noise, labels, way):
        mask = ops.zeros(ops.shape(noise)[:-1], "int32")
        labels = mask[:, 0, 0] if labels is None else labels
        return self.paint_function(noise, ops.zeros_like(noise, "uint8"), mask, labels)

    def inpaint(self, images, mask, seed=0, tau=None, labels=None, batch_size=64):
        """Completes images: known pixels stay, bit for bit, the others are drawn in raster order.

        A pixel is drawn from the known and drawn pixels before it; known pixels behind it do not count. With nothing
        known it is `sample`.

        Args:
          images: uint8 `(n, height, width, channels)`.
          mask: 1 where the pixel is known, 0 where it is drawn, `(n, height, width)` or `(height, width)`.
          seed: int32, of the levels.   tau: levels in (0, 1) in their place: a number (0.5: every value its median),
            or an array that broadcasts to the shape of `images`.
          labels, batch_size: as in `sample`.
        Returns: NumPy array of the shape of `images`, uint8.
        """
        check_images("images", images, self.example_shape)
        n = len(images)
        mask = check_mask(mask, n, self.example_shape)
        labels = check_labels("labels", labels, n, self.num_classes)
        known = ops.convert_to_numpy(images), mask, labels
        if tau is not None:
            tau = check_tau(tau, n, self.example_shape)
            return all_batches(self.paint_function, batch_size, tau, *known)

        def paint_by_seeds(seeds, *known):
            return self.paint_function(self.noise_of_seeds(seeds), *known)

        return all_batches(paint_by_seeds, batch_size, sample_seeds(seed, n), *known)

    def signatures(self):
        """`sample` and `inpaint`, of labels where the network has classes."""

        def inpaint(images, mask, seed, label=None):
            return self._inpainted(images, mask, self.noise_of_seeds(seed), label)

        inputs = {**self._known_inputs(), "seed": ((2,), "int32"), **self._label_input()}
        return {**super().signatures(), "inpaint": Signature(inpaint, inputs)}

    def _known_inputs(self):
        return {"images": (self.example_shape, "uint8"), "mask": (self.example_shape[:-1], "uint8")}

    def _inpainted(self, images, mask, tau, label):
        expected = "mask must hold 1 where the pixel is known and 0 where it is drawn. Received:"
        require((mask == 0) | (mask == 1), expected, mask)
        mask = ops.cast(mask, "int32")
        labels = mask[:, 0, 0] if label is None else self._served_labels(label)
        return {"images": self.paint_function(tau, images, mask, labels)}


def check_network(model, network, num_outputs, quantile):
    """Raises ValueError where `network` does not have the outputs and levels that `model` needs."""
    if network.num_outputs != num_outputs or network.quantile != quantile:
        raise ValueError(
            f"network must be pixelcnn(..., num_outputs={num_outputs}, quantile={quantile}) for {model}. "
            f"Received: num_outputs={network.num_outputs}, quantile={network.quantile}"
        )
