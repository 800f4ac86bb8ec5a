"""What PixelCNN and PixelIQN share: training, Polyak average, sampling, inpainting."""

import keras
import numpy as np
from keras import ops

from qrkeras.models.average import averaged_copy, check_decay
from qrkeras.models.batches import all_batches, in_batches
from qrkeras.models.image_checks import check_images, check_labels, check_mask, check_tau
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.seeded import EVALUATION, NOISE, SeededModel, sample_seeds
from qrkeras.models.signature import Signature


class AutoregressiveModel(SeededModel):
    """A network that predicts every value of an image from the values before it.

    A subclass gives the equations: `losses(images, outputs, tau)`, unreduced, and `value_of(outputs, tau)`, the value
    in [-1, 1] that the level tau stands for. `REPORTS` names what is logged, as functions of the mean loss.

    `sample`, `inpaint` and `evaluate` use the Polyak average of the weights (`average.averaged`), training never does.

    Args:
      network: of `networks.pixelcnn`.   average_decay: of the Polyak average, in [0, 1); 0 is no average.
      seed: int32, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("network",)
    REPORTS = {"loss": lambda loss: loss}

    def __init__(self, network, average_decay=0.9999, seed=0, **kwargs):
        check_decay(average_decay)
        super().__init__(seed, autocast=False, **kwargs)
        self.network = network
        self.average = averaged_copy(network)
        self.average_decay = average_decay
        self.example_shape = self.noise_shape = tuple(network.image_shape)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.REPORTS]
        images, labels = (None, *self.example_shape), ((None,), "int32")
        self.paint_function = self._compiled(
            self.paint, (images, "float32"), (images, "uint8"), (images[:-1], "int32"), labels
        )
        conditions = () if network.num_classes is None else (labels,)
        self.draw_function = self._compiled(self.draw, ((None, 2), "int32"), *conditions)
        self.build((None, *self.example_shape))

    def build(self, input_shape):
        self.built = True

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, tau=None, labels=None):
        """The averaged network's outputs for images in [-1, 1]: see `PixelNetwork.call`."""
        return self.average(images, tau, labels)

    @property
    def num_classes(self):
        """Number of classes that the model draws by label, or None."""
        return self.network.num_classes

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        images, labels = self._images_and_labels(data)
        tau = self._levels(images, self._seed(NOISE))
        loss = self._descend(lambda: self._loss(self.network, images, labels, tau, training=True))
        self._update_average(self.average, self.network, self.average_decay)
        self._advance(loss=loss)
        return self._report(loss, images)

    def test_step(self, data):
        """The loss of the averaged weights; the noise is the same in every evaluation."""
        images, labels = self._images_and_labels(data)
        tau = self._levels(images, self._seed(EVALUATION, self._seen(self.trackers[0])))
        return self._report(self._loss(self.average, images, labels, tau, training=False), images)

    def _images_and_labels(self, data):
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.network.num_classes is None:
            return images, None
        return images, ops.cast(labels, "int32")

    def _levels(self, images, seed):
        return self._batch_noise(ops.shape(images), seed) if self.network.quantile else None

    def _loss(self, network, images, labels, tau, training):
        outputs = network(to_unit(images), tau, labels, training=training)
        return ops.mean(self.losses(images, outputs, tau))

    def _report(self, loss, images):
        for tracker, of_loss in zip(self.trackers, self.REPORTS.values(), strict=True):
            tracker.update_state(of_loss(loss), sample_weight=ops.shape(images)[0])
        return {metric.name: metric.result() for metric in self.metrics}

    def noise(self, shape, seed):
        """Levels tau, uniform in (0, 1), a pure function of `seed`, int32 `(2,)`."""
        return self._uniform(shape, seed)

    def paint(self, tau, images, mask, labels):
        """Images drawn value by value around the known pixels, as a pure function of the averaged weights.

        Args:
          tau: levels in (0, 1), `(batch, height, width, channels)`.   images: uint8, same shape.
          mask: `(batch, height, width)`, 1 where the pixel of `images` is known.
          labels: int32 `(batch,)`; not looked at where the network has no classes.
        Returns: uint8 images.
        """
        return to_uint8(self.average.sample(tau, to_unit(images), mask, labels, self.value_of))

    def draw(self, seeds, labels=None):
        """Samples as a pure function of (weights, seeds, labels): row i depends on seed and label i alone.

        It serves `sample`, evaluation, and exported signatures.

        Args:
          seeds: int32 `(batch, 2)`.   labels: int32 `(batch,)` where the network has classes.
        Returns: `(batch, height, width, channels)` uint8.
        """
        tau = self.noise_of_seeds(seeds)
        mask = ops.zeros(ops.shape(tau)[:-1], "int32")
        labels = mask[:, 0, 0] if labels is None else labels
        return self.paint_function(tau, ops.zeros_like(tau, "uint8"), mask, labels)

    def sample(self, n, seed=0, labels=None, batch_size=64):
        """`n` samples; the i-th is a function of (weights, seed, i, label i), whatever n and batch_size.

        Args:
          n: number of samples, at least 1.   seed: int32.
          labels: an int or `(n,)`, where the network has classes; None: the classes in turn.
          batch_size: samples drawn at a time.
        Returns: NumPy array `(n, height, width, channels)` uint8.
        """
        return np.concatenate(list(self.sample_batches(n, seed, batch_size, labels)))

    def sample_batches(self, n, seed=0, batch_size=64, labels=None):
        """The same samples as a generator of NumPy arrays, at most `batch_size` each."""
        inputs = [sample_seeds(seed, n)]
        if labels is None and self.num_classes is not None:
            labels = np.arange(n) % self.num_classes
        labels = check_labels("labels", labels, n, self.network.num_classes)
        if self.network.num_classes is not None:
            inputs.append(labels)
        return in_batches(self.draw_function, batch_size, *inputs)

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
        labels = check_labels("labels", labels, n, self.network.num_classes)
        known = ops.convert_to_numpy(images), mask, labels
        if tau is not None:
            tau = check_tau(tau, n, self.example_shape)
            return all_batches(self.paint_function, batch_size, tau, *known)

        def paint_by_seeds(seeds, *known):
            return self.paint_function(self.noise_of_seeds(seeds), *known)

        return all_batches(paint_by_seeds, batch_size, sample_seeds(seed, n), *known)

    def signatures(self):
        """What an export serves: `sample` and `inpaint`, of labels where the network has classes.

        Returns: name -> `Signature`.
        """

        def sample(seed, label=None):
            return {"images": self.draw(seed, self._served_labels(label))}

        def inpaint(images, mask, seed, label=None):
            return self._inpainted(images, mask, self.noise_of_seeds(seed), label)

        seed = {"seed": ((2,), "int32")}
        return {
            "sample": Signature(sample, {**seed, **self._label_input()}),
            "inpaint": Signature(inpaint, {**self._known_inputs(), **seed, **self._label_input()}),
        }

    def _known_inputs(self):
        return {"images": (self.example_shape, "uint8"), "mask": (self.example_shape[:-1], "uint8")}

    def _label_input(self):
        return {} if self.num_classes is None else {"label": ((), "int32")}

    def _served_labels(self, label):
        if label is not None:
            valid = (label >= 0) & (label < self.num_classes)
            self._require(valid, f"label must be in 0..{self.num_classes - 1}. Received:", label)
        return label

    def _inpainted(self, images, mask, tau, label):
        expected = "mask must hold 1 where the pixel is known and 0 where it is drawn. Received:"
        self._require((mask == 0) | (mask == 1), expected, mask)
        mask = ops.cast(mask, "int32")
        labels = mask[:, 0, 0] if label is None else self._served_labels(label)
        return {"images": self.paint_function(tau, images, mask, labels)}

    def get_config(self):
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "average_decay": self.average_decay,
            "seed": self.seed,
        }


def check_network(model, network, num_outputs, quantile):
    """Raises ValueError where `network` does not have the outputs and levels that `model` needs."""
    if network.num_outputs != num_outputs or network.quantile != quantile:
        raise ValueError(
            f"network must be pixelcnn(..., num_outputs={num_outputs}, quantile={quantile}) for {model}. "
            f"Received: num_outputs={network.num_outputs}, quantile={network.quantile}"
        )
