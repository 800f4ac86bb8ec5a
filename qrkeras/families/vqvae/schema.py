"""What can be set of a VQ-VAE."""

import dataclasses

from qrkeras.families.optimizers import Adam, RmsProp
from qrkeras.families.parts import Count, Levels, NonNegative, part
from qrkeras.families.pixels.schema import GatedPixelCnn
from qrkeras.families.preset import GenerativePreset


@part
class ResidualVae:
    code_dim: Count = 64
    """Features of a code."""
    width: Count = 256
    """Channels of every hidden layer."""
    hidden_layers: Count = 2
    """Layers of stride 2: codes stand at image_size / 2**hidden_layers places a side."""
    residual_blocks: Count = 2
    """Residual blocks of each network."""

    def build(self, image_size, channels, seed):
        """Encoder and decoder."""
        from qrkeras import networks

        sizes = dataclasses.asdict(self)
        return tuple(
            build(image_size, channels, **sizes, seed=seed)
            for build in (networks.vqvae_encoder, networks.vqvae_decoder)
        )


@part(kw_only=True)
class VqVaePreset(GenerativePreset):
    """One experiment with a VQ-VAE, whose prior learns the codes while they form. The codebook starts from encodings
    of the first 128 images."""

    network: ResidualVae
    num_codes: Count = 512
    """Rows of the codebook."""
    prior: GatedPixelCnn
    optimizer: Adam | RmsProp
    """Optimizer of encoder, decoder and codebook."""
    prior_optimizer: Adam | RmsProp
    """Optimizer of the prior."""
    commitment: NonNegative = 0.25
    """Weight of the distance that the encoder keeps from its codes."""
    levels: Levels = 256
    """Grey levels that the images have, spread over 0 to 255: 17 of digits. Figures of different levels do not
    compare."""

    @property
    def objective(self):
        return "VQ, cross-entropy"

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.vqvae.build import build

        return build(self, source, seed)
