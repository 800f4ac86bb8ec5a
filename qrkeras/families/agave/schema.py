"""What can be set of an AGAVE."""

import dataclasses

from qrkeras.families.optimizers import Adam, Adamax
from qrkeras.families.parts import Count, Levels, NonNegative, Share, Whole, part
from qrkeras.families.pixels.schema import PixelCnnPp
from qrkeras.families.preset import GenerativePreset
from qrkeras.families.vae.schema import TopDown


@part
class Auxiliary:
    levels: Levels = 256
    """Grey levels of the auxiliary image: bins of grey levels, if the number divides 256; else levels spread over 0 to
    255, as of images that have so few of their own."""
    size: Count | None = None
    """Side of the auxiliary image, which divides the image's; None: the image's own."""
    grey: bool = False
    """Whether the auxiliary image is grey."""

    def build(self):
        """The function that makes auxiliary images."""
        from qrkeras import losses

        return losses.Auxiliary(**dataclasses.asdict(self))


@part(kw_only=True)
class AgavePreset(GenerativePreset):
    """One experiment with a VAE whose decoder guides a PixelCNN++. Its weights start from the first 128 images."""

    network: PixelCnnPp
    hierarchy: TopDown
    auxiliary: Auxiliary
    optimizer: Adam | Adamax
    kl_weight: NonNegative
    """Weight of the KL term in the loss: lambda."""
    auxiliary_weight: NonNegative = 1.0
    """Weight of the auxiliary image's reconstruction in the loss; 0: the bound of the image alone."""
    pretrain_steps: Whole = 0
    """Updates in which VAE and PixelCNN++ train apart, before the PixelCNN++ sees what the decoder says."""
    detach: bool = False
    """Whether the PixelCNN++'s gradient stops at the decoder's output."""
    average_decay: Share = 0.9995
    """Decay of the averages of both networks' weights that samples and evaluations are taken from."""

    @property
    def objective(self):
        return "ELBO, auxiliary" if self.auxiliary_weight else "ELBO"

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.agave.build import build

        return build(self, source, seed)
