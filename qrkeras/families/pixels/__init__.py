"""PixelCNN and PixelIQN."""

from qrkeras.families.pixels.presets import PRESETS, PUBLISHED
from qrkeras.families.pixels.spaces import SPACES

CLAIMS = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
