"""VQ-VAE."""

from qrkeras.families.vqvae.presets import PRESETS, PUBLISHED

SPACES = ()

__all__ = ["PRESETS", "PUBLISHED", "SPACES"]
