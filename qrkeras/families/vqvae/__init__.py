"""VQ-VAE."""

from qrkeras.families.vqvae.presets import PRESETS, PUBLISHED

CLAIMS = SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
