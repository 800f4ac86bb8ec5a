"""What models of images with latents share: codes, reconstructions, lines between codes, bounds of the likelihood."""

import math

import keras
import numpy as np
from keras import ops, tree

from qrkeras.losses import bits_per_dim, discretized_logistic, grey_level, log_mean_exp, log_mean_weight
from qrkeras.models.base import GenerativeModel
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images, check_labels
from qrkeras.models.image_range import to_uint8
from qrkeras.models.noise import sample_seeds
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


class LatentModel(GenerativeModel):
    """A model of images x with latents z, flattened `(batch, latent_dim)`, a posterior and a prior.

    Beside `measures`, a subclass gives these equations, of which row i of what comes out depends on row i of what goes
    in alone. Outputs are what the likelihood is computed from: the means of images in [-1, 1], unless `images_of` says
    otherwise.

        posterior(images, training)     # what of q(z | x) depends on no noise: tensors of any structure
        infer(posterior, tau, training) # z ~ q(z | x), log p(z) - log q(z | x) of shape (batch,), outputs
        generate(tau, way)              # z ~ p(z), outputs
        outputs(latents)                # of z as it is
        codes(images)                   # the z that stands for an image
        reconstruction(images, outputs) # -log p(x | z), (batch,), in nats; takes the noise "u" if NOISES has it

    Of a model with classes, `posterior`, `outputs` and `codes` take `labels`, int `(batch,)`, second, `generate` third.

    Images are uint8; tau, `(batch, latent_dim)`, is uniform in (0, 1), and latents are normal quantiles of it.

    Args:
      example_shape: of an image.   latent_dim: number of latents of an image, of all layers together.
      seed: int32, of all noise.
    """

    def __init__(self, example_shape, latent_dim, seed=0, **kwargs):
        super().__init__(seed, autocast=False, **kwargs)
        self.example_shape = tuple(example_shape)
        self.num_values = math.prod(self.example_shape)
        self.latent_dim = latent_dim
        self.noise_shape = (latent_dim,)
        images, seeds = ((None, *self.example_shape), "uint8"), ((None, 2), "int32")
        labels = [] if self.num_classes is None else [((None,), "int32")]
        self.encode_function = compiled(self.codes, images, *labels)
        self.decode_function = compiled(self._decode, ((None, latent_dim), "float32"), *labels)
        self.bound_function = compiled(self.bound, images, seeds, ((), "int32"), *labels)

    def add_log_scale(self, colours=None):
        """The logarithms of learned scales of logistics, one for each of the image's colours, or of so many."""
        # To begin with, a deviation of pi / sqrt(3) exp(-2), or 31 grey levels.
        scale = keras.initializers.Constant(-2.0)
        shape = (self.example_shape[-1] if colours is None else colours,)
        return self.add_weight(name="log_scale", shape=shape, initializer=scale)

    def images_of(self, outputs):
        """The uint8 images that outputs stand for."""
        return to_uint8(outputs)

    def _decode(self, latents, *labels):
        return self.images_of(self.outputs(latents, *labels))

    def drawn(self, noise, labels, way):
        return self.images_of(self.generate(noise, way, *given(labels))[1])

    def encode(self, images, batch_size=256, labels=None):
        """Codes of uint8 images, and of labels where the model has classes: NumPy array `(n, latent_dim)` float32."""
        check_images("images", images, self.example_shape)
        labels = self.checked_labels(labels, len(images))
        return all_batches(self.encode_function, batch_size, ops.convert_to_numpy(images), *labels)

    def decode(self, latents, batch_size=256, labels=None):
        """The images that latents `(n, latent_dim)` stand for: NumPy array, uint8."""
        latents = self._checked_latents(latents)
        return all_batches(self.decode_function, batch_size, latents, *self.checked_labels(labels, len(latents)))

    def checked_labels(self, labels, n):
        """Checked labels, int32 `(n,)`, of a model with classes, and nothing of others; raises ValueError."""
        labels = check_labels("labels", labels, n, self.num_classes)
        return () if self.num_classes is None else (labels,)

    def _checked_latents(self, latents):
        """Latents as float32 NumPy array; raises ValueError."""
        latents = np.asarray(latents, "float32")
        if latents.shape[1:] != (self.latent_dim,) or not len(latents):
            raise ValueError(f"latents must have shape (n, {self.latent_dim}), n at least 1. Received: {latents.shape}")
        if not np.isfinite(latents).all():
            raise ValueError("latents must be finite. Received: NaN or infinity")
        return latents

    def reconstruct(self, images, batch_size=256, labels=None):
        """What the codes of uint8 images stand for: NumPy array of their shape, uint8."""
        return self.decode(self.encode(images, batch_size, *given(labels)), batch_size, *given(labels))

    def interpolate(self, start, end, steps=8, batch_size=256, labels=None):
        """Images decoded from the straight line between the codes of two: its ends are their reconstructions.

        Args:
          start, end: uint8 images `(n, height, width, channels)`.   steps: images on each line, at least 2.
          labels: of each line, where the model has classes.
        Returns: NumPy array `(n, steps, height, width, channels)` uint8.
        """
        lines = self.lines(start, end, steps, batch_size, *given(labels))
        of_lines = self.checked_labels(labels, len(start))
        drawn = self.decode(lines, batch_size, *(np.repeat(each, steps) for each in of_lines))
        return drawn.reshape(-1, steps, *self.example_shape)

    def lines(self, start, end, steps, batch_size=256, labels=None):
        """The latents of `interpolate`, `(n steps, latent_dim)`; raises ValueError."""
        if steps < 2:
            raise ValueError(f"steps must be at least 2, the two ends. Received: {steps}")
        if len(start) != len(end):
            raise ValueError(f"start and end must be equally many images. Received: {len(start)} and {len(end)}")
        first, last = (self.encode(each, batch_size, *given(labels))[:, None] for each in (start, end))
        at = np.linspace(0, 1, steps, dtype="float32")[:, None]
        return ((1 - at) * first + at * last).reshape(-1, self.latent_dim)

    def bits_per_dim(self, images, samples=1, seed=0, batch_size=64, labels=None):
        """Upper bound of `-log2 p(x) / D` of each image, D values each  (IWAE: Burda et al. 2016, eq. 8):

            -log2 mean_s p(x | z_s) p(z_s) / q(z_s | x) / D

        With one sample its expectation is the negative ELBO; more samples lower it, towards `-log2 p(x) / D`. Memory
        does not grow with `samples`.

        Args:
          images: uint8 `(n, height, width, channels)`.   samples: S, latents drawn for each image.
          seed: int32; the noise of image i is a function of (seed, i).   batch_size: images measured at a time.
          labels: an int or `(n,)`, where the model has classes.
        Returns: NumPy array `(n,)` float32.
        """
        check_images("images", images, self.example_shape, self.levels)
        labels = self.checked_labels(labels, len(images))
        if samples < 1:
            raise ValueError(f"samples must be at least 1. Received: {samples}")

        def bounds(images, seeds, *labels):
            return self.bound_function(images, seeds, samples, *labels)

        images, seeds = ops.convert_to_numpy(images), sample_seeds(seed, len(images))
        return all_batches(bounds, batch_size, images, seeds, *labels)

    def nats(self, images, outputs, noise):
        """`reconstruction`, at noise of its own where it takes some: `noise(name)` draws it."""
        return self.reconstruction(images, outputs, *[noise(name) for name in self.NOISES if name == "u"])

    def importance_weighted(self, images, posterior, noise, training):
        """`loss`, `bits_per_dim` and `kl` of the bound of `importance_samples` latents an image  (IWAE: Burda et al.
        2016, eq. 8; thesis, eqs. 2.64 and 2.68): its gradient is that of their weighted terms by itself.

        All latents pass the decoder as one batch, sample after sample.

        Args: posterior: of the images.   noise: as `measures` has it.
        """
        samples = self.importance_samples

        def drawn(name):
            return ops.concatenate([noise(name, s) for s in range(samples)], axis=0)

        images, posterior = tree.map_structure(lambda x: ops.concatenate([x] * samples, axis=0), (images, posterior))
        _, log_ratio, outputs = self.infer(posterior, drawn("tau"), training)
        nats = self.nats(images, outputs, drawn)
        log_weights = ops.reshape(log_ratio - nats, (samples, -1))
        nats = -ops.mean(log_mean_exp(log_weights, axis=0)) / self.num_values
        return {"loss": nats, "bits_per_dim": bits_per_dim(nats), "kl": -ops.mean(log_ratio)}

    def bound(self, images, seeds, samples, *labels):
        """`bits_per_dim` as a pure function of (weights, images, seeds): row i depends on row i of each alone.

        Args:
          images: uint8.   seeds: int32 `(batch, 2)`.   samples: int.   labels: int32 `(batch,)`, of a model with
            classes.
        """
        posterior = self.posterior(images, *labels)

        def log_weight(s):
            _, log_ratio, outputs = self.infer(posterior, self.noise_of_seeds(seeds, index=s))
            return log_ratio - self.nats(images, outputs, lambda name: self.noise_of_seeds(seeds, index=s, name=name))

        return bits_per_dim(-log_mean_weight(log_weight, samples) / self.num_values)

    def signatures(self):
        """`sample`, `reconstruct`, and `score`, the bits per dimension of one sample (ELBO).

        The noise of a score is that of `bits_per_dim(images[:1], seed=0)` for every image: the score is a function of
        the image.
        """
        images = {"images": (self.example_shape, "uint8"), **self._label_input()}

        def reconstruct(images, label=None):
            labels = given(self._served_labels(label))
            return {"images": self.decode_function(self.encode_function(images, *labels), *labels)}

        def score(images, label=None):
            self._require_levels(images)
            seeds = ops.zeros((ops.shape(images)[0], 2), "int32")
            return {"bits_per_dim": self.bound(images, seeds, 1, *given(self._served_labels(label)))}

        served = {"reconstruct": Signature(reconstruct, images), "score": Signature(score, images)}
        return {**super().signatures(), **served}


def given(labels):
    """Labels as arguments: none where there are none."""
    return () if labels is None else (labels,)


def level_nats(images, means, log_scale, levels):
    """`-log p(x | z)`, `(batch,)`, of uint8 images of so many grey levels, spread over 0..255: that of discretised
    logistics."""
    nats = discretized_logistic(grey_level(images, levels), means, log_scale, levels, step=2 / (levels - 1))
    return ops.sum(nats, axis=(1, 2, 3))


def check_importance_samples(samples, **plain):
    """Raises ValueError if `samples` is no number of samples, or above 1 where the loss is no bound.

    Args: plain: what makes it another -> its value, and the one that leaves it a bound.
    """
    if not isinstance(samples, int) or samples < 1:
        raise ValueError(f"importance_samples must be an int of at least 1. Received: {samples!r}")
    changed = {name: value for name, (value, bound) in plain.items() if value != bound}
    if samples > 1 and changed:
        asked = ", ".join(f"{name} {plain[name][1]:g}" for name in changed)
        got = ", ".join(f"{name}={value:g}" for name, value in changed.items())
        raise ValueError(
            f"importance_samples must be 1 unless the loss is a bound of the likelihood, with {asked}. Received: "
            f"{samples} and {got}"
        )


def normal_quantile(tau):
    """The tau-quantile of N(0, 1), `sqrt(2) erfinv(2 tau - 1)`."""
    return math.sqrt(2.0) * ops.erfinv(2.0 * tau - 1.0)
