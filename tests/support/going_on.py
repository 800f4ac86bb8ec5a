"""A model that was saved and loaded, and a run that was ended, go on as if they had never stopped."""

import contextlib
import dataclasses

import keras

from qrkeras.experiments.train import load_model, train
from tests.support.weights import assert_equal, weights


@contextlib.contextmanager
def reloaded(make, fit, folder):
    """Yields a model after its first half, which was saved, and what was loaded of that.

    Behind, the loaded one goes through the second half, and must have the weights and optimizers, to the last bit, of
    one that went through both.

    Args:
      make: function of nothing to a new model, each time the same.   fit: function of a model and a number of halves.
    """
    whole, half = make(), make()
    fit(whole, 2)
    fit(half, 1)
    half.save(folder / "half.keras")
    again = keras.saving.load_model(folder / "half.keras")
    yield half, again
    fit(again, 1)
    assert again.step == whole.step == 2 * half.step > 0
    assert_equal(weights(again), weights(whole))
    assert_equal([v.numpy() for v in again.optimizer.variables], [v.numpy() for v in whole.optimizer.variables])


def assert_run_goes_on(run, folder, steps=5):
    """A run of `run`'s preset and seed that ends after some steps, and goes on, has the weights of `run` in the end."""
    preset, path = run.preset, folder / "parts"
    train(run.name, dataclasses.replace(preset, steps=steps), run.seed, path, verbose=0)
    again = load_model(train(run.name, preset, run.seed, path, verbose=0))
    assert_equal(weights(again), weights(load_model(run)))
