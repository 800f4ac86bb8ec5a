"""AGAVE: VAEs whose decoder guides a PixelCNN++."""

from qrkeras.families.agave.claims import CLAIMS
from qrkeras.families.agave.presets import PRESETS, PUBLISHED

SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
