"""PixelCNN, PixelIQN and PixelCNN++."""

from qrkeras.families.pixels import plus, presets
from qrkeras.families.pixels.claims import CLAIMS
from qrkeras.families.pixels.spaces import SPACES

PRESETS = {**presets.PRESETS, **plus.PRESETS}
PUBLISHED = {**presets.PUBLISHED, **plus.PUBLISHED}

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
