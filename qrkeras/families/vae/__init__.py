"""VAE and AIQN-VAE."""

from qrkeras.families.vae.presets import PRESETS

SPACES = ()

__all__ = ["PRESETS", "SPACES"]
