"""What can be set of an AV-ADE, V-ADE, AV-GDE, VAE or GAN: one model, with a flow and a discriminator or not."""

import dataclasses
from typing import Annotated, Literal

from qrkeras.families.optimizers import Adam, Adamax
from qrkeras.families.parts import Count, Counts, NonNegative, Range, Whole, part
from qrkeras.families.preset import GenerativePreset
from qrkeras.families.vae.schema import Stem, TopDown

Strides = Annotated[
    tuple[int, ...], Range("one or more strides of 1 or 2", lambda value: bool(value) and set(value) <= {1, 2})
]


@part
class Hierarchy(TopDown):
    planes: Counts = (64, 128, 256, 512)
    """Feature planes of the blocks at each resolution, the finest first; each further one has half the side."""
    latent_planes: Counts = (32, 32, 32, 32)
    """Latent planes of each block, by resolution."""
    blocks: Counts = (1, 1, 1, 1)
    """Number of blocks, by resolution."""
    stem: Stem = (3, 1)
    """Kernel size and stride of the first and of the last convolution."""
    flow: bool = False
    """Whether posteriors pass an inverse autoregressive flow."""
    stem_planes: Count | None = None
    """Planes of the first convolution; None: as many as the finest blocks."""
    random: Literal["all", "top"] = "all"
    """Latents that are random. all: every one. top: the coarsest alone, of a GAN."""
    top_prior: Literal["trained", "standard"] = "standard"
    """Prior of the coarsest latents. standard: N(0, 1)."""


@part
class RealNvp:
    scales: Count = 1
    """Number of resolutions of the invertible map."""
    couplings: Count = 3
    """Couplings of each kind at each scale."""
    width: Count = 32
    """Planes of the first scale's couplings; each further scale has twice as many."""
    blocks: Count = 2
    """Residual blocks of each coupling."""
    logit: bool = False
    """Whether the logit of the image goes first."""

    def build(self, image_size, channels, seed):
        """The invertible map of images of that size."""
        from qrkeras import networks

        return networks.real_nvp((image_size, image_size, channels), **dataclasses.asdict(self), seed=seed)


@part
class PlainDiscriminator:
    planes: Counts = (64, 64, 128, 128, 256, 256, 512)
    """Planes of each convolution."""
    strides: Strides = (1, 2, 1, 2, 1, 2, 1)
    """Stride of each convolution: 1, of kernels 3 x 3, or 2, of 4 x 4."""

    def build(self, image_size, channels, num_classes, seed):
        """The discriminator of images of that size, and of so many classes or none."""
        from qrkeras import networks

        options = {**dataclasses.asdict(self), "num_classes": num_classes, "seed": seed}
        return networks.plain_discriminator(image_size, channels, **options)


@part
class ResidualDiscriminator:
    stem_planes: Count = 16
    """Planes of the first convolution."""
    planes: Counts = (32, 64, 128, 256)
    """Planes of each block; all but the first halve the side."""

    def build(self, image_size, channels, num_classes, seed):
        """The discriminator of images of that size, and of so many classes or none."""
        from qrkeras import networks

        options = {**dataclasses.asdict(self), "num_classes": num_classes, "seed": seed}
        return networks.residual_discriminator(image_size, channels, **options)


@part(kw_only=True)
class AdePreset(GenerativePreset):
    """One experiment with a density of images, by likelihood, by a discriminator, or by both, of images or of features
    that an invertible map makes of them. Its weights start from the first 128 images."""

    network: Hierarchy
    flow: RealNvp | None
    """Invertible map of images to features; None: the images themselves."""
    discriminator: PlainDiscriminator | ResidualDiscriminator | None
    """Network that tells images from samples; None: likelihood alone."""
    optimizer: Adamax | Adam
    discriminator_optimizer: Adamax | Adam | None
    """Optimizer of the discriminator, where there is one."""
    encoder_optimizer: Adamax | Adam | None = None
    """Optimizer of a GAN's encoder and of its Gaussian's deviation; None: one like the generator's."""
    coverage: Literal["all", "encoder", "none"] = "all"
    """What the likelihood trains. all: all but the discriminator. encoder: the encoder, around a GAN. none: nothing; a
    GAN without a likelihood."""
    adversarial_weight: NonNegative | None
    """Weight of the discriminator's judgement of samples beside the likelihood, in nats of an image: w. None: there are
    not both, in a GAN, a VAE or V-ADE."""
    gradient_penalty: NonNegative | None
    """Weight of the penalty on the discriminator's gradient; None: there is no discriminator."""
    flow_from: Whole = 0
    """Updates before the invertible map begins to move."""
    adversarial_from: Whole = 0
    """Updates before the discriminator's judgement counts."""
    class_conditional: bool = False
    """Whether hierarchy and discriminator learn from class labels."""
    update: Literal["simultaneous", "alternating"] = "simultaneous"
    """Update rule. simultaneous: all networks at the same weights. alternating: discriminator first."""

    @property
    def takes_labels(self):
        return self.class_conditional

    @property
    def objective(self):
        parts = ["ELBO"] * (self.coverage == "all") + ["density ratio"] * (self.discriminator is not None)
        return ", ".join(parts)

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.ade.build import build

        return build(self, source, seed)
