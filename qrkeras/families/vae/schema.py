"""What can be set of a VAE, AIQN-VAE or hierarchical VAE."""

import dataclasses
from typing import Annotated, Literal

from qrkeras.families.optimizers import Adam, Adamax
from qrkeras.families.parts import Count, Counts, Levels, NonNegative, Positive, Range, Share, part
from qrkeras.families.preset import GenerativePreset


@part
class ConvVae:
    width: Count = 64
    """Channels of both networks at the image's side, doubled by each layer."""
    hidden_layers: Count = 3
    """Resampling layers; image_size / 2**hidden_layers must be 4 or 8."""

    def build(self, image_size, channels, latent_dim, activation, seed):
        """Encoder and decoder; `activation` of the decoder's means, or None."""
        from qrkeras import networks

        sizes = image_size, channels, latent_dim, self.width, self.hidden_layers
        return networks.vae_encoder(*sizes, seed=seed), networks.vae_decoder(*sizes, activation=activation, seed=seed)


@part
class Aiqn:
    width: Count = 512
    """Units of each of the AIQN's hidden layers, a multiple of latent_dim."""
    hidden_layers: Count = 3
    """Hidden layers of the AIQN, fully connected."""
    kappa: NonNegative = 0.002
    """Width of the quadratic part of the Huber quantile loss, in units of the latents; 0: pinball loss."""
    average_decay: Share = 0.9999
    """Decay of the average of the weights that samples and evaluations are taken from."""
    stop_gradient: bool = True
    """Whether the AIQN's loss leaves the encoder alone."""

    def build(self, latent_dim, seed):
        from qrkeras import networks

        return networks.aiqn(latent_dim, self.width, self.hidden_layers, seed=seed)


@part(kw_only=True)
class VaePreset(GenerativePreset):
    """One experiment with a variational autoencoder, and an AIQN over its latents or none."""

    network: ConvVae
    latent_dim: Count
    """Number of latents of an image."""
    kl_weight: NonNegative
    """Weight of the KL term in the loss."""
    latent_variance: Positive
    """Variance of the noise in the latents."""
    optimizer: Adam
    aiqn: Aiqn | None
    """Network that learns the distribution of the latents; None: a VAE alone."""
    likelihood: Literal["discretized_logistic", "squared_error"] = "discretized_logistic"
    """Likelihood of images. discretized_logistic: of grey levels, with learned scales. squared_error: of a Gaussian of
    variance 1/2."""
    importance_samples: Count = 1
    """Latents drawn for each image in training; above 1 the loss is the bound of IWAE, which nothing may weigh."""
    levels: Levels = 256
    """Grey levels of the discretised logistic that the images have, spread over 0 to 255: 17 of digits. Figures of
    different levels do not compare."""

    @property
    def objective(self):
        bound = "IWAE" if self.importance_samples > 1 else "ELBO"
        return f"{bound}, quantile Huber" if self.aiqn else bound

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.vae.build import build

        return build(self, source, seed)


LevelLikelihood = Literal["discretized_logistic", "dequantized_uniform", "dequantized_variational"]
Stem = Annotated[tuple[int, int], Range("a kernel's size and a stride of at least 1", lambda value: min(value) >= 1)]


@part
class TopDown:
    planes: Counts = (160,)
    """Feature planes of the blocks at each resolution, the finest first; each further one has half the side."""
    latent_planes: Counts = (32,)
    """Latent planes of each block, by resolution."""
    blocks: Counts = (20,)
    """Number of blocks, by resolution."""
    stem: Stem = (5, 2)
    """Kernel size and stride of the first and of the last convolution."""
    flow: bool = True
    """Whether posteriors pass an inverse autoregressive flow."""

    def build(self, image_size, channels, seed, **options):
        """The hierarchy of images of that size; `options` of `networks.top_down`."""
        from qrkeras import networks

        return networks.top_down(image_size, channels, **dataclasses.asdict(self), seed=seed, **options)


@part(kw_only=True)
class HierarchicalVaePreset(GenerativePreset):
    """One experiment with a VAE whose latents stand in a hierarchy. Its weights start from the first 128 images."""

    network: TopDown
    optimizer: Adam | Adamax
    kl_weight: NonNegative = 1.0
    """Weight of the KL term in the loss."""
    free_nats: NonNegative = 0.0
    """Nats that the KL of each latent plane costs at least."""
    levels: Levels = 256
    """Grey levels that the images have, spread over 0 to 255: 17 of digits. Figures of different levels do not
    compare."""
    likelihood: LevelLikelihood = "discretized_logistic"
    """Likelihood of images. discretized_logistic: of grey levels. dequantized_uniform, dequantized_variational: bound
    by a Gaussian density, of noise within the levels that is uniform, or drawn by a network that trains jointly."""
    importance_samples: Count = 1
    """Latents drawn for each image in training; above 1 the loss is the bound of IWAE, which nothing may weigh."""

    @property
    def objective(self):
        return "IWAE" if self.importance_samples > 1 else "ELBO"

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.vae.build import build_hierarchy

        return build_hierarchy(self, source, seed)
