"""Runs of images: feature networks and grids."""

import numpy as np

from qrkeras import callbacks, data, evaluation, features, pictures


def evaluator(preset, source, held_out, split="train", verbose=1):
    """What measures generated images against the training data `source` and the `held_out` ones.

    Raises:
      ValueError, RuntimeError: if samples are too few, or the feature network is not to be had.
    """
    evaluation.check_samples(preset.evaluate_samples)
    network = features.load(preset.evaluate_features)
    return evaluation.Evaluator(
        network,
        evaluation.reference(source, "train", network, preset.evaluate_references, verbose),
        evaluation.reference(held_out, "test", network, preset.evaluate_references, verbose),
        preset.evaluate_samples,
        split,
        preset.evaluate_measures,
    )


def pictures_during(run, source, every):
    """The callback that draws samples."""
    return callbacks.SampleGrid(run.samples, every)


held_out = data.take  # what a claim measures a model on: all examples of a split


def write(samples, run, output):
    """Writes images as a PNG grid, or as .npy if `output` ends in that; returns the paths."""
    if output.suffix == ".npy":
        np.save(output, samples)
    else:
        pictures.image_grid(samples, output)
    return [output]
