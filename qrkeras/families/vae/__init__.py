"""VAE and AIQN-VAE."""

from qrkeras.families.vae.presets import PRESETS, PUBLISHED

SPACES = ()

__all__ = ["PRESETS", "PUBLISHED", "SPACES"]
