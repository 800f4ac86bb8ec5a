"""Preset to compiled captioner."""

from qrkeras import kinds, layers
from qrkeras.features import encoders
from qrkeras.models import Captioner
from qrkeras.networks import CaptionDecoder, last_convolution


def build(preset, source, seed):
    """`CaptionPreset.build`.

    Raises:
      ValueError: if the data have no captions, or other images than the encoder takes.
    """
    if source.kind is not kinds.CAPTIONED:
        raise ValueError(
            f"data must be images with captions: scenes, coco_captions or captions:PATH. Received: {source.name}"
        )
    encoder = encoders.load(preset.encoder, seed)
    if tuple(encoder.input_shape[1:]) != tuple(source.shape):
        raise ValueError(
            f"data must be images of {encoder.input_shape[1:]}, which encoder={preset.encoder} takes. Received: "
            f"{source.shape}. Set --data.image-size {encoder.input_shape[1]}."
        )
    areas, dims = None, encoder.output_shape[1][-1]
    if preset.areas == "transformers":
        areas = _patches(encoder, seed)
    decoder = CaptionDecoder(
        len(source.vocabulary),
        encoder.output_shape[2][-1],
        0 if preset.areas == "none" else dims,
        preset.word_dim,
        preset.state_dim,
        preset.by_state,
        preset.feedback,
        preset.dropout,
        seed,
    )
    options = {"areas": areas, "thins": preset.thins, "boxes": preset.areas == "proposals", "seed": seed}
    model = Captioner(encoder, decoder, source.vocabulary.words, source.length, **options)
    optimizers = preset.optimizer.build(), preset.encoder_optimizer.build()
    for optimizer in optimizers:
        optimizer.global_clipnorm = preset.clip_norm
    model.compile(*optimizers, steps_per_execution=preset.steps_per_execution)
    return model


def _patches(encoder, seed):
    """Patches whose filter begins as the encoder's last convolution  (Lucas, Section B.3.3)."""
    patches = layers.TransformedPatches(encoder.output_shape[1][-1], seed=seed)
    patches.build(encoder.output_shape[0])
    convolution = last_convolution(encoder)
    if convolution is not None:
        patches.kernel.assign(convolution.kernel)
        patches.bias.assign(convolution.bias)
    return patches
