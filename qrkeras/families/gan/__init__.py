"""QRGAN and its baselines: objective x regulariser x update rule x networks."""

from qrkeras.families.gan import images, mixtures
from qrkeras.families.gan.spaces import SPACES

PRESETS = {**mixtures.PRESETS, **images.PRESETS}
PUBLISHED = {**mixtures.PUBLISHED, **images.PUBLISHED}

__all__ = ["PRESETS", "PUBLISHED", "SPACES"]
