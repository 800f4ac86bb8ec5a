"""Images in the order of their mean."""

from qrkeras.families.toy.presets import PRESETS, PUBLISHED
from qrkeras.families.toy.spaces import SPACES

__all__ = ["PRESETS", "PUBLISHED", "SPACES"]
