"""Variational autoencoder of images."""

import functools
import math

import keras
from keras import ops

from qrkeras.losses import bits_per_dim, check_levels, gaussian_kl, squared_error
from qrkeras.models.batches import all_batches
from qrkeras.models.image_range import to_unit
from qrkeras.models.latent import LatentModel, check_importance_samples, level_nats, normal_quantile
from qrkeras.models.noise import sample_seeds
from qrkeras.models.saved_model import compiled


@keras.saving.register_keras_serializable(package="qrkeras")
class VAE(LatentModel):
    """Variational autoencoder with a likelihood of grey levels  (Kingma & Welling 2014; AIQN, Supplement).

    The encoder gives `e(x)` and `sigma(x)`; `z = e(x) + sqrt(latent_variance) sigma(x) epsilon`; the decoder gives the
    mean of each value: of a logistic distribution cut into the grey levels, of one learned scale for each colour, or
    of a Gaussian of variance 1/2, whose nats are squared errors. With D values in an image, the loss is

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
      importance_samples: S, latents drawn for each image in training; above 1 the loss is the bound of IWAE, in nats
        per value, and `kl_weight` and `latent_variance` must be 1.
      levels: of the discretised logistic, that the images have, spread over 0..255: 17 of digits. Figures of different
        levels do not compare.
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("encoder", "decoder")
    OPTIONS = ("kl_weight", "latent_variance", "likelihood", "importance_samples", "levels")
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
        importance_samples=1,
        levels=256,
        **kwargs,
    ):
        _check_networks(encoder, decoder)
        if likelihood not in ("discretized_logistic", "squared_error"):
            raise ValueError(f'likelihood must be "discretized_logistic" or "squared_error". Received: {likelihood!r}')
        if not kl_weight >= 0:
            raise ValueError(f"kl_weight must be 0 or positive. Received: {kl_weight}")
        if not latent_variance > 0:
            raise ValueError(f"latent_variance must be positive. Received: {latent_variance}")
        check_importance_samples(importance_samples, kl_weight=(kl_weight, 1.0), latent_variance=(latent_variance, 1.0))
        check_levels(levels)
        if likelihood == "squared_error" and levels != 256:
            raise ValueError(f'levels must be left out where likelihood is "squared_error". Received: {levels}')
        super().__init__(encoder.input_shape[1:], decoder.input_shape[-1], seed, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.kl_weight = kl_weight
        self.latent_variance = latent_variance
        self.likelihood = likelihood
        self.importance_samples = importance_samples
        self.levels = levels
        if likelihood == "discretized_logistic":
            self.log_scale = self.add_log_scale()
        self.latent_functions = {
            way: compiled(functools.partial(self.draw_latents, way=way), ((None, 2), "int32")) for way in self.WAYS
        }

    def call(self, images):
        """Reconstructions `d(e(x))` of images in [-1, 1]."""
        return self.decoder(self.encoder(images)[0])

    def measures(self, batch, noise, training):
        """What `REPORTS` names; training measures the networks that train, and not their averages."""
        posterior = self.posterior(batch.examples, training)
        return self._variational(batch.examples, posterior, noise, training)

    def _variational(self, images, encoded, noise, training):
        if self.importance_samples > 1:
            return self.importance_weighted(images, encoded, noise, training)
        mean, log_variance = encoded
        latents, posterior = self._posterior(mean, log_variance, noise("tau"))
        nats = self.reconstruction(images, self.outputs(latents, training))
        kl = ops.mean(ops.sum(gaussian_kl(mean, posterior), axis=-1))
        weighted = self.kl_weight * ops.mean(ops.sum(gaussian_kl(mean, log_variance), axis=-1))
        return {
            "loss": (ops.mean(nats) + weighted) / self.num_values,
            "bits_per_dim": bits_per_dim((ops.mean(nats) + kl) / self.num_values),
            "kl": kl,
        }

    def _posterior(self, mean, log_variance, tau):
        """Latents drawn at the levels tau, and the log-variance that they are drawn with."""
        log_variance = log_variance + math.log(self.latent_variance)
        return mean + ops.exp(0.5 * log_variance) * normal_quantile(tau), log_variance

    def posterior(self, images, training=False):
        return self.encoder(to_unit(images), training=training)

    def infer(self, posterior, tau, training=False):
        latents, log_variance = self._posterior(*posterior, tau)
        # log p(z) - log q(z | x), q's density at its own normal quantile.
        ratio = 0.5 * (ops.square(normal_quantile(tau)) + log_variance - ops.square(latents))
        return latents, ops.sum(ratio, axis=-1), self.outputs(latents, training)

    def generate(self, tau, way):
        latents = self.latents_at(tau, way)
        return latents, self.outputs(latents)

    def outputs(self, latents, training=False):
        """The decoder's means."""
        return self.decoder(latents, training=training)

    def codes(self, images):
        """Means `e(x)` of the posteriors."""
        return self.posterior(images)[0]

    def reconstruction(self, images, outputs):
        """`-log p(x | z)`, `(batch,)`, in nats."""
        if self.likelihood == "squared_error":
            return ops.sum(squared_error(images, outputs), axis=(1, 2, 3))
        return level_nats(images, outputs, self.log_scale, self.levels)

    def latents_at(self, tau, way):
        """Latents at the levels `tau`, `(batch, latent_dim)`, through one of `WAYS`."""
        return normal_quantile(tau)

    def draw_latents(self, seeds, way=None):
        """Latents `(batch, latent_dim)` as a pure function of (weights, seeds): row i depends on seed i alone."""
        return self.latents_at(self.noise_of_seeds(seeds), self._way(way))

    def sample_latents(self, n, seed=0, batch_size=256, way=None):
        """The latents of the same samples: NumPy array `(n, latent_dim)` float32."""
        draw = self.latent_functions[self._way(way)]
        return all_batches(draw, batch_size, sample_seeds(seed, n))


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
