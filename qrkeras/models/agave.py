"""AGAVE: a VAE whose decoder guides a PixelCNN++, and is guided by an auxiliary image."""

import keras
import numpy as np
from keras import ops

from qrkeras.losses import Auxiliary, bits_per_dim
from qrkeras.models.average import averaged_copy, check_decay
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.noise import sample_seeds
from qrkeras.models.pixelcnnpp import pixel_nats, pixel_quantile
from qrkeras.models.saved_model import compiled
from qrkeras.models.shared_latents import SharedLatents
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class AGAVE(SharedLatents):
    """Auxiliary-guided autoregressive VAE  (thesis, chapter 3).

    The decoder's f(z) predicts an auxiliary image y of the image x, and is what the PixelCNN++ sees beside the pixels
    before its own. For one `z ~ q(z | x)` and D values in an image, the loss is

        [-log p(x | f(z)) - auxiliary_weight log p(y | f(z)) + kl_weight (log q(z | x) - log p(z))] / D    (eq. 3.13)

    in nats per value; `kl_weight` is the thesis' lambda. The first term's gradient runs through f(z) into decoder and
    encoder, unless `detach` stops it. p(y | f(z)) is the discretised logistic with one learned scale for each channel.

    **Choice**: before `pretrain_steps` updates the condition is multiplied by 0 where it enters the PixelCNN++, which
    trains VAE and PixelCNN++ apart, in one run, with the same lambda.
    **Choice**: no free nats, which would hide that latents are ignored.

    Figures and samples are those of Polyak averages of both networks. `bits_per_dim` bounds the likelihood of x, by
    `-log p(x | f(z))` and the KL.

    Example:
      ```python
      hierarchy = networks.top_down(8, 1, planes=(32,), latent_planes=(4,), blocks=(2,))
      network = networks.pixelcnnpp(8, 1, 16, 1, 2, components=5, levels=17, condition=hierarchy.outputs_shape)
      model = AGAVE(hierarchy, network, losses.Auxiliary(17), kl_weight=2.0)
      model.initialize(images[:128])
      model.compile(keras.optimizers.Adamax(0.002))
      model.fit(images, batch_size=32, epochs=10)
      model.sample(16), model.sample(16, way="auxiliary")  # x of f(z), and f(z)
      ```

    Args:
      hierarchy: of `networks.top_down`, whose outputs have the auxiliary image's size and channels.
      network: of `networks.pixelcnnpp`, whose condition is the hierarchy's output.
      auxiliary: `losses.Auxiliary`; None: the image itself, of the network's levels.
      kl_weight: lambda, 0 or more.   auxiliary_weight: 0 or more; 0 trains on the bound of x alone.
      pretrain_steps: updates before the PixelCNN++ sees f(z).
      detach: whether the PixelCNN++'s gradient stops at f(z).
      average_decay: of the Polyak averages, in [0, 1).
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("hierarchy", "network", "auxiliary")
    OPTIONS = ("kl_weight", "auxiliary_weight", "pretrain_steps", "detach", "average_decay")
    REPORTS = ("loss", "bits_per_dim", "pixel_bits", "auxiliary_bits", "kl")
    AVERAGES = {"averaged_hierarchy": "hierarchy", "averaged_network": "network"}
    WAYS = ("pixels", "auxiliary")
    BOUNDED_WAY = "pixels"
    batch_size = 64

    def __init__(
        self,
        hierarchy,
        network,
        auxiliary=None,
        kl_weight=2.0,
        auxiliary_weight=1.0,
        pretrain_steps=0,
        detach=False,
        average_decay=0.9995,
        seed=0,
        **kwargs,
    ):
        auxiliary = Auxiliary(network.levels) if auxiliary is None else auxiliary
        for name, value in (("kl_weight", kl_weight), ("auxiliary_weight", auxiliary_weight)):
            if not value >= 0:
                raise ValueError(f"{name} must be 0 or positive. Received: {value}")
        if not pretrain_steps >= 0:
            raise ValueError(f"pretrain_steps must be 0 or positive. Received: {pretrain_steps}")
        check_decay(average_decay)
        _check_networks(hierarchy, network, auxiliary)
        super().__init__(hierarchy.image_shape, hierarchy.latent_dim, seed, **kwargs)
        self.hierarchy, self.network, self.auxiliary = hierarchy, network, auxiliary
        self.averaged_hierarchy, self.averaged_network = averaged_copy(hierarchy), averaged_copy(network)
        self.kl_weight, self.auxiliary_weight = kl_weight, auxiliary_weight
        self.pretrain_steps, self.detach, self.average_decay = pretrain_steps, detach, average_decay
        self.levels = network.levels
        height, width, channels = hierarchy.outputs_shape
        self.num_auxiliary_values = height * width * channels
        shape, images = (None, *hierarchy.outputs_shape), (None, *self.example_shape)
        self.paint_function = compiled(self.paint, (shape, "float32"), (images, "float32"))
        images, seeds = ((None, *self.example_shape), "uint8"), ((None, 2), "int32")
        self.decompose_function = compiled(self._decompose, images, images, seeds)
        self.log_scale = self.add_log_scale(channels)

    @property
    def measured(self):
        return self.averaged_hierarchy

    def start_others(self, images, outputs):
        self.network(images, outputs)
        for average, part in self.AVERAGES.items():
            getattr(self, average).set_weights(getattr(self, part).get_weights())

    def measures(self, batch, noise, training):
        hierarchy, network = (
            (self.hierarchy, self.network) if training else (self.averaged_hierarchy, self.averaged_network)
        )
        unit = to_unit(batch.examples)
        inferred = hierarchy(unit, self.gaussian_noise(noise("tau")))
        means = ops.stop_gradient(inferred.outputs) if self.detach else inferred.outputs
        outputs = network(unit, means, uniforms=noise.dropout if training else None, gate=self._gate())
        pixels = ops.mean(self._pixel_nats(batch.examples, outputs))
        auxiliary = ops.mean(self._auxiliary_nats(batch.examples, inferred.outputs))
        kl = -ops.mean(ops.sum(inferred.log_ratio, axis=-1))
        loss = pixels + self.auxiliary_weight * auxiliary + self.kl_weight * kl
        return {
            "loss": loss / self.num_values,
            "bits_per_dim": bits_per_dim((pixels + kl) / self.num_values),
            "pixel_bits": bits_per_dim(pixels / self.num_values),
            "auxiliary_bits": bits_per_dim(auxiliary / self.num_auxiliary_values),
            "kl": kl,
        }

    def _gate(self):
        """What multiplies the condition: 0 before `pretrain_steps`, then 1; None where that is always 1."""
        if not self.pretrain_steps:
            return None
        return ops.cast(self.random_state[1] >= self.pretrain_steps, "float32")

    def _pixel_nats(self, images, outputs):
        """`-log p(x | f(z))`, `(batch,)`."""
        return ops.sum(pixel_nats(images, outputs, self.levels), axis=(1, 2))

    def _auxiliary_nats(self, images, means):
        """`-log p(y | f(z))`, `(batch,)`."""
        return ops.sum(self.auxiliary.nats(self.auxiliary(images), means, self.log_scale), axis=(1, 2, 3))

    def reconstruction(self, images, outputs):
        """`-log p(x | f(z))`, `(batch,)`, in nats."""
        return self._pixel_nats(images, self.averaged_network(to_unit(images), outputs, gate=self._gate()))

    def images_of(self, outputs):
        """f(z) as uint8 images, as large as x."""
        return to_uint8(self.auxiliary.shown(outputs, self.example_shape))

    def drawn(self, noise, labels, way):
        return self.images_by(way, self.generate(noise, way)[1], self.of_values(noise))

    def images_by(self, way, means, tau):
        """Images of f(z): as the decoder means them, or drawn by the PixelCNN++ at levels tau."""
        return self.images_of(means) if way == "auxiliary" else self.paint_function(means, tau)

    def paint(self, means, tau):
        """Images that the PixelCNN++ draws of f(z), as a pure function of the averaged weights.

        Args:
          means: f(z), of the auxiliary image's shape.   tau: levels in (0, 1), `(batch, height, width, channels)`.
        Returns: uint8 images.
        """
        nothing = ops.zeros_like(tau)
        mask = ops.zeros(ops.shape(tau)[:-1], "int32")
        drawn = self.averaged_network.sample(
            tau, nothing, mask, None, self._pixel_of, condition=means, gate=self._gate()
        )
        return to_uint8(drawn)

    def _pixel_of(self, outputs, tau):
        return pixel_quantile(outputs, tau, self.levels)

    def decode(self, latents, batch_size=64, seed=0, way=None):
        """Images of latents `(n, latent_dim)`: NumPy array, uint8.

        Args:
          seed: int32; the PixelCNN++'s noise of image i is a function of (seed, i).
          way: "pixels", what the PixelCNN++ draws of f(z), or "auxiliary", f(z); None: the first.
        """
        latents = self._checked_latents(latents)
        return self.decoded(way, latents, sample_seeds(seed, len(latents)), batch_size)

    def reconstruct(self, images, batch_size=64, seed=0, way=None):
        """Images of the codes of uint8 images; `seed` and `way` as of `decode`."""
        return self.decode(self.encode(images, batch_size), batch_size, seed, way)

    def interpolate(self, start, end, steps=8, batch_size=64, seed=0, way=None):
        """Images of the straight line between the codes of two, all of a line with the same noise.

        Args:
          start, end: uint8 images `(n, height, width, channels)`.   steps: images on each line, at least 2.
          seed, way: as of `decode`.
        Returns: NumPy array `(n, steps, height, width, channels)` uint8.
        """
        latents = self.lines(start, end, steps, batch_size)
        seeds = np.repeat(sample_seeds(seed, len(start)), steps, axis=0)
        return self.decoded(way, latents, seeds, batch_size).reshape(-1, steps, *self.example_shape)

    def decompose(self, images, seed=0, batch_size=64):
        """What the bound of each image is made of, by one `z ~ q(z | x)`.

        Args:
          images: uint8 `(n, height, width, channels)`, n at least 2.
          seed: int32; the noise of image i is a function of (seed, i), and that of `bits_per_dim(images, seed=seed)`.
        Returns: name -> NumPy array `(n,)`: `kl` in nats; `pixel_bits`, `-log2 p(x | f(z)) / D`; `auxiliary_bits`,
          `-log2 p(y | f(z))` of a value of y; `other_bits`, the bits of a value of x under f(z) of the image behind it,
          minus those under its own, which are 0 where the PixelCNN++ ignores z.
        """
        check_images("images", images, self.example_shape, self.levels)
        if len(images) < 2:
            raise ValueError(f"images must be at least 2, each another's other. Received: {len(images)}")
        images = ops.convert_to_numpy(images)
        found = all_batches(
            self.decompose_function, batch_size, images, np.roll(images, -1, axis=0), sample_seeds(seed, len(images))
        )
        return dict(zip(("kl", "pixel_bits", "auxiliary_bits", "other_bits"), found.T, strict=True))

    def _decompose(self, images, others, seeds):
        """What `decompose` gives, `(batch, 4)`."""
        tau = self.noise_of_seeds(seeds, index=0)
        _, log_ratio, means = self.infer(self.posterior(images), tau)
        other_means = self.infer(self.posterior(others), tau)[-1]
        pixels, other = self.reconstruction(images, means), self.reconstruction(images, other_means)
        auxiliary = self._auxiliary_nats(images, means) / self.num_auxiliary_values
        pixels, other = pixels / self.num_values, other / self.num_values
        bits = (bits_per_dim(nats) for nats in (pixels, auxiliary, other - pixels))
        return ops.stack([-log_ratio, *bits], axis=-1)

    def signatures(self):
        """`sample` and `sample_auxiliary`, `reconstruct` of images and seeds, `reconstruct_auxiliary`, and `score`."""

        def reconstruct(images, seed):
            return {"images": self._decode_by("pixels", self.codes(images), seed)}

        def reconstruct_auxiliary(images):
            return {"images": self.images_of(self.outputs(self.codes(images)))}

        images = {"images": (self.example_shape, "uint8")}
        return {
            **super().signatures(),
            "reconstruct": Signature(reconstruct, {**images, "seed": ((2,), "int32")}),
            "reconstruct_auxiliary": Signature(reconstruct_auxiliary, images),
        }


def _check_networks(hierarchy, network, auxiliary):
    if hierarchy.image_shape != network.image_shape:
        raise ValueError(
            f"network must be of the hierarchy's images, {hierarchy.image_shape}. Received: {network.image_shape}"
        )
    if network.num_classes is not None:
        raise ValueError(f"network must have no classes for AGAVE. Received: num_classes={network.num_classes}")
    wanted = auxiliary.shape_of(hierarchy.image_shape)
    if hierarchy.outputs_shape != wanted:
        raise ValueError(
            f"hierarchy must have outputs of the auxiliary image's shape, {wanted}. Received: "
            f"{hierarchy.outputs_shape}. Build it with output_size={wanted[0]}, output_channels={wanted[-1]}."
        )
    if network.condition_shape != wanted:
        raise ValueError(
            f"network must have a condition of the auxiliary image's shape. Received: {network.condition_shape}. "
            f"Build it with condition={wanted}."
        )
