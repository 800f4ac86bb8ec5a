"""Captions with areas of attention."""

from qrkeras.families.captions.claims import CLAIMS
from qrkeras.families.captions.presets import PRESETS, PUBLISHED
from qrkeras.families.captions.spaces import SPACES

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
