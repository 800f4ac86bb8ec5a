"""VAE, AIQN-VAE and hierarchical VAE."""

from qrkeras.families.vae import hierarchies, presets
from qrkeras.families.vae.claims import CLAIMS

SPACES = ()
PRESETS = {**presets.PRESETS, **hierarchies.PRESETS}
PUBLISHED = {**presets.PUBLISHED, **hierarchies.PUBLISHED}

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
