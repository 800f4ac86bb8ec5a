"""VAE whose latents stand in a hierarchy."""

import keras
from keras import ops

from qrkeras.layers import Dequantizer
from qrkeras.losses import (
    bits_per_dim,
    check_levels,
    dequantized,
    dequantized_nats,
    free_nats,
    gaussian_nats,
    grey_level,
    quantized,
)
from qrkeras.models import replicas
from qrkeras.models.image_range import to_unit
from qrkeras.models.latent import check_importance_samples, level_nats
from qrkeras.models.over_hierarchy import OverHierarchy

LIKELIHOODS = ("discretized_logistic", "dequantized_uniform", "dequantized_variational")


@keras.saving.register_keras_serializable(package="qrkeras")
class HierarchicalVAE(OverHierarchy):
    """VAE of a top-down hierarchy, its posteriors with a flow or without  (Kingma et al. 2016; thesis, Sec. 2.10).

    With D values in an image, the loss is

        (-log p(x | z) + kl_weight sum_c max(KL_c, free_nats)) / D

    in nats per value, KL_c that of a latent plane, summed over its places and averaged over the whole batch. Without
    flow it is that of Gaussians, with one the sample's `log q(z | x) - log p(z)`. `kl` and `bits_per_dim` have the KL
    itself.

    The likelihood is the discretised logistic of `levels` levels, with one learned scale for each colour. Or a Gaussian
    density, of learned scales too, bounds one, over levels whose bins noise fills: uniform, or drawn by a network of
    the image that trains jointly and begins at uniform noise  (Ho et al. 2019; thesis, eqs. 2.78 to 2.84). Every sample
    of a bound has noise of its own.

    `initialize(images)` starts the weights from data, once, before training.

    Example:
      ```python
      model = HierarchicalVAE(networks.top_down(8, 1, planes=(32,), latent_planes=(4,)), levels=17)
      model.initialize(images[:128])
      model.compile(keras.optimizers.Adamax(0.002))
      model.fit(images, batch_size=32, epochs=10)
      model.bits_per_dim(held_out, samples=100).mean()
      ```

    Args:
      hierarchy: of `networks.top_down`.   kl_weight: of the KL term, at least 0.
      free_nats: nats that the KL of a latent plane costs at least, 0 or more.
      levels: that the images have, spread over 0..255: 17 of digits. Figures of different levels do not compare.
      likelihood: `"discretized_logistic"`, `"dequantized_uniform"` or `"dequantized_variational"`.
      importance_samples: S, latents drawn for each image in training; above 1 the loss is the bound of IWAE, in nats
        per value, and `kl_weight` must be 1 and `free_nats` 0.
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("hierarchy",)
    OPTIONS = ("kl_weight", "free_nats", "levels", "likelihood", "importance_samples")
    REPORTS = ("loss", "bits_per_dim", "kl")

    def __init__(
        self,
        hierarchy,
        kl_weight=1.0,
        free_nats=0.0,
        levels=256,
        seed=0,
        likelihood="discretized_logistic",
        importance_samples=1,
        **kwargs,
    ):
        for name, value in (("kl_weight", kl_weight), ("free_nats", free_nats)):
            if not value >= 0:
                raise ValueError(f"{name} must be 0 or positive. Received: {value}")
        check_levels(levels)
        if likelihood not in LIKELIHOODS:
            known = " or ".join(f'"{each}"' for each in LIKELIHOODS)
            raise ValueError(f"likelihood must be {known}. Received: {likelihood!r}")
        check_importance_samples(importance_samples, kl_weight=(kl_weight, 1.0), free_nats=(free_nats, 0.0))
        super().__init__(hierarchy.image_shape, hierarchy.latent_dim, seed, **kwargs)
        self.hierarchy = hierarchy
        self.kl_weight = kl_weight
        self.free_nats = free_nats
        self.levels = levels
        self.likelihood = likelihood
        self.importance_samples = importance_samples
        self.dequantizer = None
        if likelihood != "discretized_logistic":
            self.NOISES = (*self.NOISES, "u")
            self.noise_shapes = {"u": self.example_shape}
        if likelihood == "dequantized_variational":
            self.dequantizer = Dequantizer(seed=seed, name="dequantizer")
            self.dequantizer.build((None, *self.example_shape), (None, *self.example_shape))
        self.log_scale = self.add_log_scale()

    @property
    def parts(self):
        own = {} if self.dequantizer is None else {"dequantizer": self.dequantizer}
        return {**super().parts, **own}

    def measures(self, batch, noise, training):
        if self.importance_samples > 1:
            return self.importance_weighted(batch.examples, self.posterior(batch.examples), noise, training)
        inferred = self.hierarchy(to_unit(batch.examples), self.gaussian_noise(noise("tau")), training=training)
        nats = ops.mean(self.nats(batch.examples, inferred.outputs, noise))
        kl = self.kl(inferred)  # (batch, latent planes)
        costs = free_nats(ops.mean(replicas.whole_batch(kl), axis=0), self.free_nats)
        kl = ops.mean(ops.sum(kl, axis=-1))
        return {
            "loss": (nats + self.kl_weight * ops.sum(costs)) / self.num_values,
            "bits_per_dim": bits_per_dim((nats + kl) / self.num_values),
            "kl": kl,
        }

    @property
    def bits_of(self):
        noise = self.likelihood.partition("dequantized_")[2]
        return super().bits_of + (f", {noise} dequantisation" if noise else "")

    def images_of(self, outputs):
        if self.likelihood == "discretized_logistic":
            return super().images_of(outputs)
        levels = ops.cast(quantized(outputs, self.levels), "float32")
        return ops.cast(ops.round(levels * (255 / (self.levels - 1))), "uint8")

    def reconstruction(self, images, outputs, tau=None):
        """`-log p(x | z)`, `(batch,)`, in nats, or its bound at the levels tau of noise u, of the images' shape."""
        if self.likelihood == "discretized_logistic":
            return level_nats(images, outputs, self.log_scale, self.levels)
        u, log_q = (tau, 0.0) if self.dequantizer is None else self.dequantizer(to_unit(images), tau)
        y = dequantized(grey_level(images, self.levels), u, self.levels)
        nats = dequantized_nats(gaussian_nats(y, outputs, self.log_scale), log_q, self.levels)
        return ops.sum(nats, axis=(1, 2, 3))
