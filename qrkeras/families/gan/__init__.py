"""QRGAN, BGAN and their baselines: objective x regulariser x update rule x networks."""

from qrkeras.families.gan.images import PRESETS as IMAGES
from qrkeras.families.gan.mixed import PRESETS as MIXED
from qrkeras.families.gan.mixtures import PRESETS as MIXTURES
from qrkeras.families.gan.spaces import SPACES

PRESETS = {**MIXTURES, **IMAGES, **MIXED}

__all__ = ["PRESETS", "SPACES"]
