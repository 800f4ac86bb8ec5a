"""PixelCNN and PixelIQN."""

from qrkeras.families.pixels.presets import PRESETS
from qrkeras.families.pixels.spaces import SPACES

__all__ = ["PRESETS", "SPACES"]
