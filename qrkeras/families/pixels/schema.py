"""What can be set of a PixelCNN, PixelIQN or PixelCNN++."""

import dataclasses
from typing import Literal

from qrkeras.families.optimizers import Adam, Adamax, RmsProp, Sgd
from qrkeras.families.parts import Count, Levels, NonNegative, Share, part
from qrkeras.families.preset import GenerativePreset


@part
class GatedPixelCnn:
    blocks: Count = 15
    """Number of gated blocks."""
    kernel_size: int = 5
    """Side of every convolution's kernel, before it is cut to its causal part."""
    planes: Count = 128
    """Feature planes of each block."""
    output_planes: Count = 1024
    """Planes of the connections that feed the output layers."""

    def build(self, image_size, channels, **options):
        """The network of images of that size; `options` of `networks.pixelcnn`."""
        from qrkeras import networks

        return networks.pixelcnn(image_size, channels, **dataclasses.asdict(self), **options)


@part(kw_only=True)
class PixelPreset(GenerativePreset):
    """One autoregressive experiment: a Gated PixelCNN that predicts every value from those before it."""

    network: GatedPixelCnn
    head: Literal["quantile", "softmax"]
    """Output for each value. quantile: a quantile of it (PixelIQN). softmax: 256 logits (PixelCNN)."""
    optimizer: Adam | RmsProp | Sgd
    kappa: NonNegative = 0.002
    """Width of the quadratic part of the Huber quantile loss, for pixels in [-1, 1]; 0: pinball loss."""
    class_conditional: bool = False
    """Learn and sample with the data's class labels."""
    average_decay: Share = 0.9999
    """Decay of the average of the weights that samples and evaluations are taken from."""

    @property
    def takes_labels(self):
        return self.class_conditional

    @property
    def objective(self):
        return {"quantile": "quantile Huber", "softmax": "cross-entropy"}[self.head]

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.pixels.build import build

        return build(self, source, seed)


@part
class PixelCnnPp:
    planes: Count = 160
    """Feature planes of each of the two streams."""
    blocks: Count = 5
    """Blocks of each stream at each resolution, on the way to the coarsest one."""
    resolutions: Count = 3
    """Number of resolutions; each further one has half the side."""
    components: Count = 10
    """Logistics in the mixture of each pixel."""
    levels: Levels = 256
    """Grey levels that the images have, spread over 0 to 255: 17 of digits. Figures of different levels do not
    compare."""
    dropout: Share = 0.5
    """Share of values that is dropped in each block while it trains."""

    def build(self, image_size, channels, **options):
        """The network of images of that size; `options` of `networks.pixelcnnpp`."""
        from qrkeras import networks

        return networks.pixelcnnpp(image_size, channels, **dataclasses.asdict(self), **options)


@part(kw_only=True)
class PixelPlusPreset(GenerativePreset):
    """One experiment with a PixelCNN++, which predicts every pixel from those before it. Its weights start from the
    first 128 images."""

    network: PixelCnnPp
    optimizer: Adam | Adamax
    class_conditional: bool = False
    """Learn and sample with the data's class labels."""
    average_decay: Share = 0.9995
    """Decay of the average of the weights that samples and evaluations are taken from."""

    @property
    def takes_labels(self):
        return self.class_conditional

    @property
    def objective(self):
        return "mixture of logistics"

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.pixels.build import build_plus

        return build_plus(self, source, seed)
