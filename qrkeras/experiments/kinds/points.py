"""Runs of points: mode coverage and pictures of the plane."""

import numpy as np

from qrkeras import callbacks, data, pictures


def evaluator(preset, source, held_out, split="train", verbose=1):
    """Raises ValueError: points are evaluated with every picture."""
    raise ValueError(
        f"evaluate_every must be None for points. Received: {preset.evaluate_every} and {source.name}, whose mode "
        "coverage is reported with every picture."
    )


def pictures_during(run, source, every):
    """The callback that draws samples, and reports their mode coverage."""
    return callbacks.MixtureSamples(run.samples, run.metrics, source.centers, source.std, every)


held_out = data.take  # what a claim measures a model on: all examples of a split


def write(samples, run, output):
    """Writes points as .npy, and as PNG beside it if `output` ends in .png; returns the paths."""
    paths = [output.with_suffix(".npy")]
    np.save(paths[0], samples)
    if output.suffix == ".png":
        paths.append(output)
        pictures.point_panels([(f"{len(samples):,} samples", samples)], data.load(run.preset.data.name).centers, output)
    return paths
