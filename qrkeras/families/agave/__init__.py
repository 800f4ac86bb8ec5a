"""AGAVE: VAEs whose decoder guides a PixelCNN++."""

from qrkeras.families.agave.presets import PRESETS, PUBLISHED

CLAIMS = SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
