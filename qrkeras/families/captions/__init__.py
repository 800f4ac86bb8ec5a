"""Captions with areas of attention."""

from qrkeras.families.captions.presets import PRESETS, PUBLISHED

CLAIMS = SPACES = ()

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
