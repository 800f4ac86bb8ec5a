"""Runs of images with captions: sheets of captioned images."""

from qrkeras import callbacks
from qrkeras.data import load


def evaluator(preset, source, held_out, split="train", verbose=1):
    """Raises ValueError: what captions cost is reported with every sheet."""
    raise ValueError(
        f"evaluate_every must be None for captions, whose nats a word are reported with every sheet. Received: "
        f"{preset.evaluate_every}. `qrkeras evaluate RUN` measures the rest."
    )


def pictures_during(run, source, every):
    """The callback that captions held-out images, and reports what their own captions cost."""
    data = run.preset.data
    held_out = run.preset.given(load(data.name, data.image_size, "test", data.directory))
    return callbacks.CaptionSheet(run.samples, run.metrics, held_out, every)


def held_out(source):
    """What a claim measures a model on: images with all their captions."""
    return source
