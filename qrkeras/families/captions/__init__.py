"""Captions with areas of attention."""

from qrkeras.families.captions.claims import CLAIMS
from qrkeras.families.captions.presets import PRESETS, PUBLISHED

SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
