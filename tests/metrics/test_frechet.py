import tracemalloc

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.datasets import load_digits

from qrkeras.metrics import FrechetDistance, Moments, MomentsAccumulator, frechet_distance, moments
from qrkeras.metrics.frechet import BLOCK


def gaussian(mean, covariance):
    return Moments(10**6, np.array(mean, "float64"), np.array(covariance, "float64"))


def correlated(n, dim, seed, mean=0.0):
    rng = np.random.default_rng(seed)
    return mean + rng.standard_normal((n, dim)) @ rng.standard_normal((dim, dim)) / np.sqrt(dim)


def by_sqrtm(a, b):
    root = sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


def test_moments_by_hand():
    # Mean (2, 1); deviations (-2, -1), (0, 0), (2, 1), divided by 3 - 1: 8/2, 4/2, 2/2.
    found = moments([[0, 0], [2, 1], [4, 2]])
    assert found.count == 3
    np.testing.assert_array_equal(found.mean, [2, 1])
    np.testing.assert_array_equal(found.covariance, [[4, 2], [2, 1]])
    assert found.mean.dtype == found.covariance.dtype == np.float64


def test_one_dimension():
    # (m1 - m2)^2 + (s1 - s2)^2 = (1 - 4)^2 + (2 - 5)^2 = 18.
    assert frechet_distance(gaussian([1], [[4]]), gaussian([4], [[25]])) == pytest.approx(18, rel=1e-14)
    # Samples -1, 1: mean 0, variance 2/1. Samples 2, 6: mean 4, variance 8. 16 + (sqrt 2 - 2 sqrt 2)^2 = 18.
    assert frechet_distance([[-1], [1]], [[2], [6]]) == pytest.approx(18, rel=1e-14)


def test_commuting_covariances():
    # Diagonal: the sum of (s1 - s2)^2 = (1 - 3)^2 + (2 - 4)^2 = 8, and |(1, 1) - (0, 3)|^2 = 5.
    a, b = np.diag([1.0, 4.0]), np.diag([9.0, 16.0])
    assert frechet_distance(gaussian([1, 1], a), gaussian([0, 3], b)) == pytest.approx(13, rel=1e-14)
    # The same in axes turned by 45 degrees.
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    a, b = turn @ a @ turn.T, turn @ b @ turn.T
    assert frechet_distance(gaussian([0, 0], a), gaussian([0, 0], b)) == pytest.approx(8, rel=1e-13)


def test_covariances_that_do_not_commute():
    # The root of a 2 x 2 matrix M has trace sqrt(tr M + 2 sqrt(det M)). M = [[2, 1], [1, 2]] [[1, 0], [0, 3]] =
    # [[2, 3], [1, 6]]: tr 8, det 9, root sqrt(14). Traces of the covariances 4 and 4: 8 - 2 sqrt(14) = 0.517.
    a, b = gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], [[1, 0], [0, 3]])
    assert frechet_distance(a, b) == pytest.approx(8 - 2 * np.sqrt(14), rel=1e-13)
    assert frechet_distance(b, a) == pytest.approx(8 - 2 * np.sqrt(14), rel=1e-13)


def test_equal_covariances_give_the_distance_of_the_means():
    # A shift by (3, 4, 0, ...): 25.
    x = correlated(500, 16, seed=0)
    shift = np.array([3, 4] + 14 * [0])
    assert frechet_distance(x, x + shift) == pytest.approx(25, rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_scipy_and_tfgan_agree():
    import tensorflow as tf

    from tests.support.tfgan import classifier_metrics

    a = np.maximum(correlated(512, 256, seed=0), 0).astype("float32")
    b = np.maximum(correlated(512, 256, seed=1, mean=0.1), 0).astype("float32")
    found = frechet_distance(a, b)
    assert found == pytest.approx(by_sqrtm(a, b), rel=1e-4)
    theirs = classifier_metrics().frechet_classifier_distance_from_activations(tf.constant(a), tf.constant(b))
    assert found == pytest.approx(float(theirs), rel=1e-4)


def test_halves_of_a_data_set_are_near_and_its_classes_far():
    digits, labels = load_digits(return_X_y=True)
    digits = digits + np.random.default_rng(0).uniform(0, 1, digits.shape)  # some pixels are always 0
    halves = frechet_distance(digits[::2], digits[1::2])
    classes = frechet_distance(digits[labels < 5], digits[labels >= 5])
    assert 0 < halves < 0.05 * classes


def test_more_samples_lower_the_distance_of_one_distribution():
    a, b = np.random.default_rng(0).standard_normal((2, 8000, 64))
    found = [frechet_distance(a[:n], b[:n]) for n in (125, 500, 2000, 8000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.1 * found[1]


@pytest.mark.parametrize("size", [1, 7, BLOCK, BLOCK + 1, 3000])
def test_the_result_depends_on_the_rows_alone(size):
    x = correlated(3000, 8, seed=2).astype("float32")
    measure = MomentsAccumulator(dim=8)
    for start in range(0, len(x), size):
        measure.update(x[start : start + size])
    found, expected = measure.result(), moments(x)
    assert measure.count == found.count == 3000
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.covariance, expected.covariance)
    np.testing.assert_allclose(found.mean, x.mean(0, dtype="float64"), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.T.astype("float64")), rtol=1e-11)
    np.testing.assert_array_equal(found.covariance, found.covariance.T)


def test_a_far_mean_costs_no_digits():
    # At 10^8, squares have 16 digits before the point: sums of squares would lose the variance altogether.
    x = correlated(5000, 4, seed=3)
    near, far = moments(x), moments(x + 1e8)
    np.testing.assert_allclose(far.covariance, near.covariance, rtol=1e-6)
    # Nor do blocks that lie far from each other.
    drifting = x + 1e6 * np.arange(5000)[:, None]
    np.testing.assert_allclose(moments(drifting).covariance, np.cov(drifting.T), rtol=1e-12)


def test_order_does_not_matter():
    a, b = correlated(3000, 16, seed=0), correlated(2500, 16, seed=1)
    shuffled = np.random.default_rng(0).permutation(a)
    assert frechet_distance(shuffled, b) == pytest.approx(frechet_distance(a, b), rel=1e-11)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-11)


def test_memory_does_not_grow_with_the_rows():
    dim, batch = 64, np.ones((500, 64), "float32")
    measure = MomentsAccumulator().update(batch)
    tracemalloc.start()
    for _ in range(60):
        measure.update(batch)
    measure.result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Centring squares a block at a time; 30,000 rows would be 15 MB.
    assert peak < BLOCK * dim * 8 + 10 * dim * dim * 8 + 2**18


def test_reference_as_features_or_moments():
    a, b = correlated(300, 8, seed=0), correlated(300, 8, seed=1)
    expected = frechet_distance(a, b)
    assert frechet_distance(moments(a), moments(b)) == expected
    assert FrechetDistance(moments(a)).update(b).result() == FrechetDistance(a).update(b).result() == expected


def test_singular_covariance():
    x = correlated(16, 16, seed=0)
    with pytest.warns(UserWarning, match="covariance of 16 samples is singular in 16 dimensions.* at least 17 samples"):
        assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)
    with pytest.warns(UserWarning, match="singular"):
        # Every coordinate's variance is 1/2 of 2 samples: all along one line.
        assert frechet_distance([[0, 0], [1, 1]], [[5, 5], [6, 6]]) == pytest.approx(50)


@pytest.mark.filterwarnings("error")
def test_no_warning_of_enough_samples():
    frechet_distance(correlated(17, 16, seed=0), correlated(17, 16, seed=1))


def test_errors():
    with pytest.raises(ValueError, match="a and b must have one dimension.* Received: 2 and 3"):
        frechet_distance(np.ones((5, 2)), np.ones((5, 3)))
    with pytest.raises(ValueError, match="b must have at least 2 rows. Received: 1"):
        frechet_distance(np.ones((5, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="FrechetDistance needs at least 2 rows of features. Received: 1"):
        FrechetDistance(np.ones((5, 2))).update(np.ones((1, 2))).result()
    with pytest.raises(ValueError, match="dim must be an integer of at least 1. Received: 0"):
        MomentsAccumulator(dim=0)
    with pytest.raises(ValueError, match="features of batch 1 must have 3 columns"):
        MomentsAccumulator(dim=3).update(np.ones((5, 2)))
