"""AV-ADE and its relatives V-ADE, AV-GDE, VAE and GAN: adaptive density estimation."""

from qrkeras.families.ade.presets import PRESETS, PUBLISHED

CLAIMS = SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
