"""A model that was saved and loaded goes on as if it had never stopped."""

import contextlib

import keras

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
