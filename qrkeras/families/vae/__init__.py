"""VAE and AIQN-VAE."""

from qrkeras.families.vae.presets import PRESETS, PUBLISHED

CLAIMS = SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
