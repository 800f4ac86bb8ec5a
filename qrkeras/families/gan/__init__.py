"""QRGAN, BGAN and their baselines: objective x regulariser x update rule x networks."""

from qrkeras.families.gan import images, mixed, mixtures
from qrkeras.families.gan.claims import CLAIMS
from qrkeras.families.gan.spaces import SPACES

PRESETS = {**mixtures.PRESETS, **images.PRESETS, **mixed.PRESETS}
PUBLISHED = {**mixtures.PUBLISHED, **images.PUBLISHED, **mixed.PUBLISHED}

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
