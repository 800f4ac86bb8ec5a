"""AV-ADE and its relatives V-ADE, AV-GDE, VAE and GAN: adaptive density estimation."""

from qrkeras.families.ade import presets, refinements
from qrkeras.families.ade.claims import CLAIMS
from qrkeras.families.ade.spaces import SPACES

PRESETS = {**presets.PRESETS, **refinements.PRESETS}
PUBLISHED = {**presets.PUBLISHED, **refinements.PUBLISHED}

__all__ = ["CLAIMS", "PRESETS", "PUBLISHED", "SPACES"]
