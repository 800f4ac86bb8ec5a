import numpy as np
import pytest

from qrkeras.metrics import KernelDistance, KernelEstimate, kernel_distance


def features(n, dim, seed, mean=0.0):
    return (mean + np.random.default_rng(seed).standard_normal((n, dim))).astype("float32")


def test_one_block_by_hand():
    # d = 1, k = (x y + 1)^3. Real 0, 1: k(0, 1) = 1. Generated 1, 2: k(1, 2) = 27. Across: 1, 1, 8, 27, mean 37/4.
    # 1 + 27 - 2 * 37/4 = 9.5.
    found = kernel_distance([[0], [1]], [[1], [2]])
    assert (found.mean, found.blocks, found.samples) == (9.5, 1, 2)
    assert np.isnan(found.standard_error)


def test_two_blocks_by_hand():
    # The first block as above. The second: real 0, 1 and generated 0, 1: 1 + 1 - 2 (1 + 1 + 1 + 8)/4 = -3.5.
    # Mean 3; deviations 6.5 of two: sqrt(2 * 6.5^2 / 1 / 2) = 6.5.
    found = kernel_distance([[0], [1], [0], [1]], [[1], [2], [0], [1]], block_size=3)
    assert found == KernelEstimate(3.0, pytest.approx(6.5), 2, 4)


def test_two_features_by_hand():
    # d = 2: real (1, 1), (1, -1): k = (0/2 + 1)^3 = 1. Generated (2, 0), (0, 2): 1. Across: 2/2 + 1 = 2 for the
    # first real one, 8 and 8; for the second 8 and (-2/2 + 1)^3 = 0. 1 + 1 - 2 * 24/4 = -10.
    assert kernel_distance([[1, 1], [1, -1]], [[2, 0], [0, 2]]).mean == -10


@pytest.mark.parametrize(("n", "block_size"), [(300, 1000), (300, 100), (301, 100), (299, 50)])
def test_tfgan_agrees(n, block_size):
    import tensorflow as tf

    from tests.support.tfgan import classifier_metrics

    real, generated = features(n, 64, 0).astype("float64"), features(n, 64, 1, mean=0.2).astype("float64")
    theirs = classifier_metrics().kernel_classifier_distance_and_std_from_activations(
        tf.constant(real), tf.constant(generated), max_block_size=block_size
    )
    found = kernel_distance(real, generated, block_size)
    np.testing.assert_allclose([found.mean, found.standard_error], [float(x) for x in theirs], rtol=1e-9)
    assert (found.blocks, found.samples) == (-(-n // block_size), n)


def test_unbiased():
    # Of one distribution the mean is 0, up to its own standard error.
    found = kernel_distance(features(4000, 16, 0), features(4000, 16, 1), block_size=100)
    assert found.blocks == 40
    assert abs(found.mean) < 4 * found.standard_error
    assert kernel_distance(features(4000, 16, 0), features(4000, 16, 1, 0.3), 100).mean > 20 * found.standard_error


def test_generated_rows_that_fill_no_block():
    real, generated = features(40, 8, 0), features(60, 8, 1)
    # Four real blocks of 10. Of 35 generated rows three blocks are filled.
    assert kernel_distance(real, generated[:35], 10) == kernel_distance(real[:30], generated[:30], 10)
    # More rows than the reference has go nowhere.
    assert kernel_distance(real, generated, 10) == kernel_distance(real, generated[:40], 10)
    # Fewer than a block: all of them, against the first.
    assert kernel_distance(real, generated[:7], 10).samples == 7
    assert kernel_distance(real, generated[:7], 10).mean == kernel_distance(real[:10], generated[:7], 10).mean


def test_order_within_a_block_does_not_matter():
    real, generated = features(50, 8, 0), features(50, 8, 1)
    shuffled = np.random.default_rng(0).permutation(generated)
    assert kernel_distance(real, shuffled).mean == pytest.approx(kernel_distance(real, generated).mean, rel=1e-9)
    # Two blocks that change places together change nothing either.
    swapped = kernel_distance(np.roll(real, 25, axis=0), np.roll(generated, 25, axis=0), 25)
    assert swapped == kernel_distance(real, generated, 25)


def test_holds_no_more_than_a_block():
    measure = KernelDistance(features(100, 4, 0), block_size=20)
    for batch in np.split(features(95, 4, 1), 19):
        measure.update(batch)
        assert sum(map(len, measure._waiting)) < 20
    measure.update(features(500, 4, 2))
    assert sum(map(len, measure._waiting)) == 0
    assert measure.result().samples == 100


def test_errors():
    with pytest.raises(ValueError, match="block_size must be an integer of at least 3. Received: 2"):
        kernel_distance(features(4, 2, 0), features(4, 2, 1), block_size=2)
    with pytest.raises(ValueError, match="real must have at least 2 rows. Received: 1"):
        kernel_distance(features(1, 2, 0), features(4, 2, 1))
    with pytest.raises(ValueError, match="KernelDistance needs at least 2 rows of features. Received: 1"):
        KernelDistance(features(4, 2, 0)).update(features(1, 2, 1)).result()
