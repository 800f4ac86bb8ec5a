"""Images in the order of their mean."""

from qrkeras.families.toy.presets import PRESETS, PUBLISHED
from qrkeras.families.toy.spaces import SPACES

CLAIMS = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
