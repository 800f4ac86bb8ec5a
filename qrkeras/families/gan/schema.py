"""What can be set of a GAN."""

import dataclasses
import math
from typing import Literal

from qrkeras import kinds
from qrkeras.families.optimizers import Adam
from qrkeras.families.parts import Count, name_of, part
from qrkeras.families.preset import GenerativePreset


@part
class Mlp:
    width: Count = 128
    """Units of each hidden layer, in both networks."""
    hidden_layers: Count = 2
    """Hidden layers of each network."""
    activation: str = "relu"
    """Activation of hidden layers, any of Keras."""
    kernel_initializer: str = "glorot_uniform"
    """Initialiser of weights, any random one of Keras."""
    equivariant: bool = False
    """Whether the discriminator's layers look at the whole batch (BGAN)."""

    def build(self, shape, latent_dim, num_outputs, batch_size, seed):
        """Generator and discriminator of examples of `shape`."""
        from qrkeras import networks

        if kinds.of(shape) is not kinds.POINTS:
            raise ValueError(
                f"network must be Dcgan for images. Received: Mlp, and data of shape {shape}. "
                "Begin from a preset for images, such as qrgan-cifar10."
            )
        options = dataclasses.asdict(self)
        whole = {"equivariant_batch_size": batch_size if options.pop("equivariant") else None}
        return (
            networks.mlp(latent_dim, shape[0], **options, seed=2 * seed, name="generator"),
            networks.mlp(shape[0], num_outputs, **options, **whole, seed=2 * seed + 1, name="discriminator"),
        )


@part
class Dcgan:
    width: Count = 64
    """Channels of both networks at the image's side; deeper layers have up to four times as many."""
    hidden_layers: Count = 3
    """Resampling layers; image_size / 2**hidden_layers must be 4 or 8."""
    resampling: Literal["resize", "transposed"] = "resize"
    """Resampling. resize: resize-convolution, convolution-pooling. transposed: strided, as in DCGAN (checkerboards)."""
    generator_batch_norm: bool = True
    """Batch normalisation in the generator."""
    discriminator_batch_norm: bool = True
    """Batch normalisation in the discriminator, from its second hidden layer on."""

    def build(self, shape, latent_dim, num_outputs, batch_size, seed):
        """Generator and discriminator of examples of `shape`."""
        from qrkeras import networks

        _check_square("Dcgan", shape)
        options = {
            "image_size": shape[0],
            "channels": shape[2],
            "width": self.width,
            "hidden_layers": self.hidden_layers,
            "resampling": self.resampling,
        }
        generator = networks.dcgan_generator(
            latent_dim=latent_dim, batch_norm=self.generator_batch_norm, seed=2 * seed, **options
        )
        discriminator = networks.dcgan_discriminator(
            num_outputs=num_outputs, batch_norm=self.discriminator_batch_norm, seed=2 * seed + 1, **options
        )
        return generator, discriminator


@part
class Sngan:
    width: Count = 64
    """Channels next to the image, in both networks."""
    spectral_norm: bool = False
    """Spectral normalisation of the discriminator's kernels."""
    batch_features: Literal["equivariant", "minibatch"] | None = None
    """What the discriminator knows of the batch. equivariant: every layer its mean (BGAN). minibatch: minibatch
    discrimination. None: nothing."""

    def build(self, shape, latent_dim, num_outputs, batch_size, seed):
        """Generator and discriminator of examples of `shape`."""
        from qrkeras import networks

        _check_square("Sngan", shape)
        sizes = {"image_size": shape[0], "channels": shape[2], "width": self.width}
        return (
            networks.sngan_generator(latent_dim=latent_dim, **sizes, seed=2 * seed),
            networks.sngan_discriminator(
                num_outputs=num_outputs,
                **sizes,
                spectral_norm=self.spectral_norm,
                batch_features=self.batch_features,
                batch_size=batch_size,
                seed=2 * seed + 1,
            ),
        )


def _check_square(network, shape):
    if kinds.of(shape) is not kinds.IMAGES:
        raise ValueError(
            f"network must be Mlp for points. Received: {network}, and data of shape {shape}. "
            "Begin from a preset for points, such as qrgan-grid25."
        )
    if shape[0] != shape[1]:
        raise ValueError(f"data.image_size must be given if images are not square. Received images of {shape}.")


@part
class QuantileRegression:
    num_quantiles: int = 64
    """Number of quantiles that the discriminator predicts, N in the paper."""
    real_target: float = math.inf
    """Target of real examples, a in the paper."""
    fake_target: float = -math.inf
    """Target of generated examples, b in the paper."""
    penalty: Literal["l1_square", "l2"] | None = "l1_square"
    """Penalty on the discriminator's outputs."""
    penalty_weight: float = 0.1
    """Weight of the penalty on the discriminator's outputs, lambda in the paper."""
    norm_target: float = 0.0
    """Size of outputs that the L1-square penalty leaves free, k in the paper."""
    generator: Literal["maximize", "match"] = "maximize"
    """Loss of the generator. maximize: large outputs for samples (eq. 9). match: those of real examples (eq. 7)."""
    pinball: Literal["batch_mean", "each_output"] = "batch_mean"
    """Outputs that finite targets are compared with. batch_mean: means over the batch (eq. 4). each_output: those of
    each example (Algorithm 1)."""

    def build(self):
        from qrkeras import losses

        return losses.QuantileRegression(**dataclasses.asdict(self))


@part
class NonSaturating:
    def build(self):
        from qrkeras import losses

        return losses.NonSaturating()


@part
class DensityRatio:
    def build(self):
        from qrkeras import losses

        return losses.DensityRatio()


@part
class LeastSquares:
    def build(self):
        from qrkeras import losses

        return losses.LeastSquares()


@part
class Wasserstein:
    def build(self):
        from qrkeras import losses

        return losses.Wasserstein()


@part
class Hinge:
    def build(self):
        from qrkeras import losses

        return losses.Hinge()


@part
class BatchSmoothing:
    smoothing: float = 0.5
    """Smoothing gamma of batches: the share of real examples lies in [0, gamma] or [1 - gamma, 1]; 0: pure batches."""
    average: Literal["outputs", "losses"] = "losses"
    """What is averaged over the batch. outputs: BGAN. losses: M-BGAN."""

    def build(self):
        from qrkeras import losses

        return losses.BatchSmoothing(self.smoothing, self.average)


@part
class Mixup:
    concentration: float = 0.2
    """Concentration a of Beta(a, a), from which the shares of real examples are drawn."""

    def build(self):
        from qrkeras import losses

        return losses.Mixup(self.concentration)


@part(kw_only=True)
class GanPreset(GenerativePreset):
    """One GAN experiment: networks, objective and update rule."""

    network: Mlp | Dcgan | Sngan
    loss: (
        QuantileRegression | NonSaturating | DensityRatio | LeastSquares | Wasserstein | Hinge | BatchSmoothing | Mixup
    )
    generator_optimizer: Adam
    discriminator_optimizer: Adam
    latent_dim: Count
    """Size of the generator's noise."""
    prior: Literal["normal", "uniform"]
    """Distribution of the generator's noise: standard normal, or uniform on [-1, 1]."""
    update: Literal["simultaneous", "alternating"]
    """Update rule. simultaneous: both networks at the same weights (Algorithm 1). alternating: discriminator first."""
    discriminator_steps: Count = 1
    """Discriminator updates for each generator update, with alternating updates."""
    gradient_penalty: float | None = None
    """Weight of the gradient penalty (WGAN-GP); None: without."""
    weight_clip: float | None = None
    """Bound on the discriminator's weights (WGAN); None: without."""

    @property
    def examples_per_step(self):
        return self.batch_size * self.discriminator_steps

    @property
    def objective(self):
        return f"{name_of(self.loss)}, {self.update}"

    @property
    def references(self):
        return self.loss.build().references()

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.gan.build import build

        return build(self, source, seed)
