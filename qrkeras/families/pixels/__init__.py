"""PixelCNN and PixelIQN."""

from qrkeras.families.pixels.presets import PRESETS, PUBLISHED
from qrkeras.families.pixels.spaces import SPACES

__all__ = ["PRESETS", "PUBLISHED", "SPACES"]
