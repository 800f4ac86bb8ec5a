"""Variational autoencoder of images."""

import functools
import math

import keras
import numpy as np
from keras import ops

from qrkeras.losses import bits_per_dim, discretized_logistic, gaussian_kl, squared_error
from qrkeras.models.base import GenerativeModel
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.noise import sample_seeds
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class VAE(GenerativeModel):
    """Variational autoencoder with a likelihood of grey levels  (Kingma & Welling 2014; AIQN, Supplement).

    The encoder gives `e(x)` and `sigma(x)`; `z = e(x) + sqrt(latent_variance) sigma(x) epsilon`; the decoder gives the
    mean of each value: of a logistic distribution cut into the 256 grey levels, of one learned scale for each colour,
    or of a Gaussian of variance 1/2, whose nats are squared errors. With D values in an image, the loss is

        (-log p(x | z) + kl_weight KL(N(e, sigma^2) || N(0, I))) / D

    in nats per value, so that learning rates do not depend on the size of images.

    **Choice**: the discretised logistic, a likelihood of grey levels, is the default. The implementation that the
    supplement changes (its footnote 4) descends, for each image, the sum of squared errors plus 2 KL, its decoder
    ending in tanh: `likelihood="squared_error", kl_weight=2`, of which "lowered to 0.5" is a quarter.

    **Choice**: the paper "lowered latent dimension variance to 0.1". Of the prior this would be a mere change of the
    units of z; here it is the variance of the noise, so that KL draws sigma to 1 and the posterior's variance to
    `latent_variance`. `bits_per_dim` bounds the likelihood of prior N(0, I) and decoder, with the posterior from
    which z is drawn, `N(e, latent_variance sigma^2)`. With `latent_variance` and `kl_weight` 1 it is the loss in bits.

    A level tau, uniform in (0, 1) for each latent, is all the noise of a sample: the prior's latents are the normal
    quantiles of tau.

    Example:
      ```python
      vae = VAE(networks.vae_encoder(32), networks.vae_decoder(32))
      vae.compile(keras.optimizers.Adam(2e-4, 0.5))
      vae.fit(images, batch_size=64, epochs=10)
      vae.bits_per_dim(held_out, samples=100).mean()
      ```

    Args:
      encoder: Keras model, images in [-1, 1] to mean and log-variance `(batch, latent_dim)`.
      decoder: Keras model, latents to the means of images.
      kl_weight: of the KL term, at least 0.   latent_variance: of the noise, above 0.
      likelihood: `"discretized_logistic"` or `"squared_error"`.
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("encoder", "decoder")
    OPTIONS = ("kl_weight", "latent_variance", "likelihood")
    REPORTS = ("loss", "bits_per_dim", "kl")
    NOISES = ("tau", "aiqn_tau")  # the second is for subclasses
    WAYS = ("prior",)

    def __init__(
        self,
        encoder,
        decoder,
        kl_weight=1.0,
        latent_variance=1.0,
        seed=0,
        likelihood="discretized_logistic",
        **kwargs,
    ):
        _check_networks(encoder, decoder)
        if likelihood not in ("discretized_logistic", "squared_error"):
            raise ValueError(f'likelihood must be "discretized_logistic" or "squared_error". Received: {likelihood!r}')
        if kl_weight < 0:
            raise ValueError(f"kl_weight must be 0 or positive. Received: {kl_weight}")
        if not latent_variance > 0:
            raise ValueError(f"latent_variance must be positive. Received: {latent_variance}")
        super().__init__(seed, autocast=False, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.kl_weight = kl_weight
        self.latent_variance = latent_variance
        self.example_shape = tuple(encoder.input_shape[1:])
        self.num_values = math.prod(self.example_shape)
        self.latent_dim = decoder.input_shape[-1]
        self.noise_shape = (self.latent_dim,)
        self.likelihood = likelihood
        if likelihood == "discretized_logistic":
            # To begin with, a deviation of pi / sqrt(3) exp(-2), or 31 grey levels.
            scale = keras.initializers.Constant(-2.0)
            self.log_scale = self.add_weight(name="log_scale", shape=self.example_shape[-1:], initializer=scale)
        seeds, images = ((None, 2), "int32"), ((None, *self.example_shape), "uint8")
        self.latent_functions = {
            way: compiled(functools.partial(self.draw_latents, way=way), seeds) for way in self.WAYS
        }
        self.encode_function = compiled(self._encode, images)
        self.decode_function = compiled(self._decode, ((None, self.latent_dim), "float32"))
        self.bound_function = compiled(self.bound, images, seeds, ((), "int32"))

    def call(self, images):
        """Reconstructions `d(e(x))` of images in [-1, 1]."""
        return self.decoder(self.encoder(images)[0])

    def measures(self, batch, noise, training):
        """What `REPORTS` names; training measures the networks that train, and not their averages."""
        codes = self.encoder(to_unit(batch.examples), training=training)
        return self._variational(batch.examples, *codes, noise("tau"), training)

    def _variational(self, images, mean, log_variance, tau, training):
        latents, posterior = self._posterior(mean, log_variance, tau)
        nats = self._reconstruction(images, latents, training)
        kl = ops.mean(ops.sum(gaussian_kl(mean, posterior), axis=-1))
        weighted = self.kl_weight * ops.mean(ops.sum(gaussian_kl(mean, log_variance), axis=-1))
        return {
            "loss": (ops.mean(nats) + weighted) / self.num_values,
            "bits_per_dim": bits_per_dim((ops.mean(nats) + kl) / self.num_values),
            "kl": kl,
        }

    def _encode(self, images):
        return self.encoder(to_unit(images))[0]

    def _decode(self, latents):
        return to_uint8(self.decoder(latents))

    def _posterior(self, mean, log_variance, tau):
        """Latents drawn at the levels tau, and the log-variance that they are drawn with."""
        log_variance = log_variance + math.log(self.latent_variance)
        return mean + ops.exp(0.5 * log_variance) * normal_quantile(tau), log_variance

    def _reconstruction(self, images, latents, training=False):
        """`-log p(x | z)`, `(batch,)`, in nats."""
        means = self.decoder(latents, training=training)
        if self.likelihood == "squared_error":
            nats = squared_error(images, means)
        else:
            nats = discretized_logistic(images, means, self.log_scale)
        return ops.sum(nats, axis=(1, 2, 3))

    def latents_at(self, tau, way):
        """Latents at the levels `tau`, `(batch, latent_dim)`, through one of `WAYS`."""
        return normal_quantile(tau)

    def draw_latents(self, seeds, way=None):
        """Latents `(batch, latent_dim)` as a pure function of (weights, seeds): row i depends on seed i alone."""
        return self.latents_at(self.noise_of_seeds(seeds), self._way(way))

    def drawn(self, noise, labels, way):
        return self.decode_function(self.latents_at(noise, way))

    def sample_latents(self, n, seed=0, batch_size=256, way=None):
        """The latents of the same samples: NumPy array `(n, latent_dim)` float32."""
        draw = self.latent_functions[self._way(way)]
        return all_batches(draw, batch_size, sample_seeds(seed, n))

    def encode(self, images, batch_size=256):
        """Means `e(x)` of the posteriors of uint8 images: NumPy array `(n, latent_dim)` float32."""
        check_images("images", images, self.example_shape)
        return all_batches(self.encode_function, batch_size, ops.convert_to_numpy(images))

    def decode(self, latents, batch_size=256):
        """The decoder's means for latents `(n, latent_dim)`: NumPy array of images, uint8."""
        latents = np.asarray(latents, "float32")
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim or not len(latents):
            raise ValueError(f"latents must have shape (n, {self.latent_dim}), n at least 1. Received: {latents.shape}")
        if not np.isfinite(latents).all():
            raise ValueError("latents must be finite. Received: NaN or infinity")
        return all_batches(self.decode_function, batch_size, latents)

    def reconstruct(self, images, batch_size=256):
        """`d(e(x))` of uint8 images: NumPy array of their shape, uint8."""
        return self.decode(self.encode(images, batch_size), batch_size)

    def interpolate(self, start, end, steps=8, batch_size=256):
        """Images decoded from the straight line between the codes of two: its ends are their reconstructions.

        Args:
          start, end: uint8 images `(n, height, width, channels)`.   steps: images on each line, at least 2.
        Returns: NumPy array `(n, steps, height, width, channels)` uint8.
        """
        if steps < 2:
            raise ValueError(f"steps must be at least 2, the two ends. Received: {steps}")
        if len(start) != len(end):
            raise ValueError(f"start and end must be equally many images. Received: {len(start)} and {len(end)}")
        first, last = self.encode(start, batch_size)[:, None], self.encode(end, batch_size)[:, None]
        at = np.linspace(0, 1, steps, dtype="float32")[:, None]
        drawn = self.decode(((1 - at) * first + at * last).reshape(-1, self.latent_dim), batch_size)
        return drawn.reshape(-1, steps, *self.example_shape)

    def bits_per_dim(self, images, samples=1, seed=0, batch_size=64):
        """Upper bound of `-log2 p(x) / D` of each image, D values each  (IWAE: Burda et al. 2016, eq. 8):

            -log2 mean_s p(x | z_s) p(z_s) / q(z_s | x) / D

        With one sample its expectation is the negative ELBO; more samples lower it, towards `-log2 p(x) / D`. Memory
        does not grow with `samples`.

        Args:
          images: uint8 `(n, height, width, channels)`.   samples: S, latents drawn for each image.
          seed: int32; the noise of image i is a function of (seed, i).   batch_size: images measured at a time.
        Returns: NumPy array `(n,)` float32.
        """
        check_images("images", images, self.example_shape)
        if samples < 1:
            raise ValueError(f"samples must be at least 1. Received: {samples}")

        def bounds(images, seeds):
            return self.bound_function(images, seeds, samples)

        images, seeds = ops.convert_to_numpy(images), sample_seeds(seed, len(images))
        return all_batches(bounds, batch_size, images, seeds)

    def bound(self, images, seeds, samples):
        """`bits_per_dim` as a pure function of (weights, images, seeds): row i depends on row i of each alone.

        Args:
          images: uint8.   seeds: int32 `(batch, 2)`.   samples: int.
        """
        mean, log_variance = self.encoder(to_unit(images))

        def add_sample(s, log_sum):
            tau = self.noise_of_seeds(seeds, index=s)
            latents, posterior = self._posterior(mean, log_variance, tau)
            # log p(z) - log q(z | x), q's density at its own normal quantile.
            ratio = 0.5 * (ops.square(normal_quantile(tau)) + posterior - ops.square(latents))
            log_weight = ops.sum(ratio, axis=-1) - self._reconstruction(images, latents)
            return s + 1, ops.logaddexp(log_sum, log_weight)

        _, first = add_sample(0, ops.full_like(mean[:, 0], -math.inf))
        _, log_sum = ops.while_loop(lambda s, _: s < samples, add_sample, (1, first))
        log_likelihood = log_sum - ops.log(ops.cast(samples, "float32"))
        return bits_per_dim(-log_likelihood / self.num_values)

    def signatures(self):
        """`sample`, `reconstruct`, and `score`, the bits per dimension of one sample (ELBO).

        The noise of a score is that of `bits_per_dim(images[:1], seed=0)` for every image: the score is a function of
        the image.
        """
        images = {"images": (self.example_shape, "uint8")}
        return {
            **super().signatures(),
            "reconstruct": Signature(
                lambda images: {"images": self.decode_function(self.encode_function(images))}, images
            ),
            "score": Signature(lambda images: {"bits_per_dim": self._score(images)}, images),
        }

    def _score(self, images):
        return self.bound(images, ops.zeros((ops.shape(images)[0], 2), "int32"), 1)


def normal_quantile(tau):
    """The tau-quantile of N(0, 1), `sqrt(2) erfinv(2 tau - 1)`."""
    return math.sqrt(2.0) * ops.erfinv(2.0 * tau - 1.0)


def _check_networks(encoder, decoder):
    shapes = encoder.output_shape
    if not isinstance(shapes, list | tuple) or len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2:
        raise ValueError(
            f"encoder must have two outputs (batch, latent_dim), mean and log-variance. Received outputs: {shapes}"
        )
    if decoder.input_shape != shapes[0]:
        raise ValueError(f"decoder must take the encoder's latents, {shapes[0]}. Received: {decoder.input_shape}")
    if decoder.output_shape != encoder.input_shape or len(encoder.input_shape) != 4:
        raise ValueError(
            f"decoder must make images of the shape that the encoder takes, {encoder.input_shape[1:]}. Received: "
            f"{decoder.output_shape[1:]}"
        )
