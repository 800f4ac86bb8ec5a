"""What can be set of a PixelCNN or PixelIQN."""

import dataclasses
from typing import Literal

from qrkeras.families.optimizers import Adam, RmsProp, Sgd
from qrkeras.families.parts import Count, NonNegative, Share, part
from qrkeras.families.preset import Preset


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
class PixelPreset(Preset):
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
