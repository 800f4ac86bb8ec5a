import numpy as np
import pytest

from qrkeras.data import from_arrays
from qrkeras.data.order import TAKEN_BATCH, held_out, shuffled, take


def indices(size, batch_size, seed, start_step, batches):
    order = shuffled(size, batch_size, seed, start_step)
    return np.stack(list(order.take(batches).as_numpy_iterator()))


def test_every_epoch_is_a_fresh_permutation_and_none_is_cut():
    # 7 indices in batches of 3: 7 batches are 21 places, three whole epochs.
    epochs = indices(7, 3, seed=5, start_step=0, batches=7).reshape(3, 7)
    for epoch in epochs:
        assert sorted(epoch) == list(range(7))
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("start_step", [0, 1, 2, 3, 7, 40])
def test_start_step_continues_the_stream_exactly(start_step):
    whole = indices(7, 3, seed=5, start_step=0, batches=50)
    np.testing.assert_array_equal(
        indices(7, 3, seed=5, start_step=start_step, batches=10),
        whole[start_step : start_step + 10],
    )


def test_order_is_a_function_of_the_seed_alone():
    import tensorflow as tf

    tf.random.set_seed(1)
    first = indices(100, 10, seed=0, start_step=0, batches=10)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first, indices(100, 10, seed=0, start_step=0, batches=10))
    assert (first != indices(100, 10, seed=1, start_step=0, batches=10)).any()


def test_places_are_uniform():
    # Index at place 0 over 2,000 epochs of 10: each of 10 values is expected 200 times with
    # standard deviation sqrt(2000 * 0.1 * 0.9) = 13.4; five of them are 67.
    first = indices(10, 10, seed=3, start_step=0, batches=2000)[:, 0]
    np.testing.assert_allclose(np.bincount(first, minlength=10), 200, atol=67)


def test_batches_have_a_static_shape():
    assert shuffled(7, 3, 0, 0).element_spec.shape == (3,)


def test_held_out_is_a_tenth():
    # 10,000 keys: 1,000 expected, standard deviation sqrt(10000 * 0.09) = 30.
    assert abs(sum(held_out(key) for key in range(10_000)) - 1000) < 150
    assert held_out("a/b.png") == held_out("a/b.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "batch_size must be an integer of at least 1. Received: 0"),
        ((2.5, 0), "batch_size must be an integer of at least 1. Received: 2.5"),
        ((2, 0.5), "seed must be an integer. Received: 0.5"),
        ((2, 0, -1), "start_step must be an integer of at least 0. Received: -1"),
        ((6, 0), "batch_size must be at most the number of examples, and 'arrays' has 5"),
    ],
)
def test_refuses(arguments, message):
    data = from_arrays(np.zeros((5, 2)))
    with pytest.raises(ValueError, match=message):
        data.batches(*arguments)


@pytest.mark.parametrize("there", [TAKEN_BATCH - 1, TAKEN_BATCH, TAKEN_BATCH + 1])
def test_a_source_that_ends_early_is_told(there):
    """What of three batches is missing may be a part of one or whole ones."""
    source = from_arrays(np.zeros((3 * TAKEN_BATCH, 2), "float32"), "made")
    whole = source.evaluation_batches
    object.__setattr__(source, "evaluation_batches", lambda size: whole(size).unbatch().take(there).batch(size))
    assert take(source, there).shape == (there, 2)
    with pytest.raises(ValueError, match=f"'made' must hold 768 examples. Received: {there} of the first 768"):
        take(source)
