"""Samples from fixed noise while training goes on."""

import dataclasses
import pathlib

import numpy as np

from qrkeras import pictures
from qrkeras.callbacks.every import EveryNSteps
from qrkeras.callbacks.log import append_record
from qrkeras.metrics import mode_coverage


class _Samples(EveryNSteps):
    """Also acts before the first step, on untrained weights."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.model.step == 0:
            self.report(0, {})


class SampleGrid(_Samples):
    """Writes `step-*.png`, a grid of images from the same noise each time.

    Args:
      directory: existing folder.   every: steps between two grids.   n: images in a grid.   seed: of the noise.
    """

    def __init__(self, directory, every, n=64, seed=0):
        super().__init__(every)
        self.directory = pathlib.Path(directory)
        self.n = n
        self.seed = seed

    def at_step(self, step, logs):
        pictures.image_grid(self.model.sample(self.n, self.seed), self.directory / f"step-{step:08d}.png")


class MixtureSamples(_Samples):
    """Writes `step-*.png` and `step-*.npy`, points from the same noise each time, and their mode coverage.

    Args:
      directory: existing folder.   records: path of metrics.jsonl.   centers, std: of the mixture.
      every: steps between two pictures.   n: points.   seed: of the noise.
    """

    def __init__(self, directory, records, centers, std, every, n=10_000, seed=0):
        super().__init__(every)
        self.directory = pathlib.Path(directory)
        self.records = records
        self.centers = centers
        self.std = std
        self.n = n
        self.seed = seed

    def at_step(self, step, logs):
        points = self.model.sample(self.n, self.seed, batch_size=self.n)
        if not np.all(np.isfinite(points)):
            raise FloatingPointError(f"the samples are not finite at step {step:,}")
        path = self.directory / f"step-{step:08d}"
        np.save(path.with_suffix(".npy"), points)
        pictures.point_panels([(f"step {step:,}", points)], self.centers, path.with_suffix(".png"))
        coverage = mode_coverage(points, self.centers, self.std)
        append_record(self.records, {"step": step, **dataclasses.asdict(coverage), "samples": self.n})
