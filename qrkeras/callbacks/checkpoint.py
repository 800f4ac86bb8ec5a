"""Checkpoints: whole models, written so that a good one is always there."""

import pathlib
import warnings
import zipfile

import keras
import numpy as np

from qrkeras.callbacks.every import EveryNSteps
from qrkeras.machine import durable

KEPT = 2


class Checkpoint(EveryNSteps):
    """Saves the model as `step-*.keras`, weights, optimizers and random state, and keeps the last two.

    Weights that are not finite are not saved.

    Args:
      directory: existing folder.   every: steps between two checkpoints.
    """

    def __init__(self, directory, every):
        super().__init__(every)
        self.directory = pathlib.Path(directory)

    def at_step(self, step, logs):
        for variable in self.model.trainable_variables:
            if not np.all(np.isfinite(keras.ops.convert_to_numpy(variable))):
                raise FloatingPointError(f"the weights {variable.path} are not finite at step {step}")
        save(self.model, self.directory / f"step-{step:08d}.keras")
        for old in checkpoints(self.directory)[KEPT:]:
            old.unlink()


def save(model, path):
    """Saves `model` as `path`, whole or not at all."""
    temporary = path.with_name("tmp.keras")
    try:
        model.save(temporary)
        durable.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path):
    """The model that `save` wrote, checked against its checksums.

    A .keras file is a ZIP archive and holds the CRC-32 of each member, which finds torn and damaged files; Keras looks
    at it for some members and not for others, depending on how it reads them.

    Raises:
      ValueError, or what the libraries raise: where the file is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged:
        raise ValueError(f"{damaged} in it does not match its checksum")
    return keras.saving.load_model(path)


def checkpoints(directory):
    """Checkpoint files of a folder, the newest first."""
    return sorted(pathlib.Path(directory).glob("step-*.keras"), reverse=True)


def load_latest(directory):
    """The newest model of a folder, or None where there is none; warns of those that cannot be read.

    Raises:
      ValueError: where there are some and none can be read.
    """
    found = checkpoints(directory)
    for path in found:
        try:
            return load(path)
        except Exception as error:  # a torn file fails in as many ways as the libraries that read it
            warnings.warn(f"{path} cannot be read and is left out: {error}", stacklevel=2)
    if found:
        raise ValueError(
            f"checkpoints must hold a model that can be read. Received: {directory}, where none of {len(found)} can. "
            "Put back a good copy or begin a new run directory."
        )
    return None
