import numpy as np
import pytest

from qrkeras.metrics import PrecisionRecallCurve, precision_recall_curve


def modes(counts, seed, std=0.01):
    """`counts[i]` samples around (10 i, 0)."""
    centers = np.stack([10.0 * np.arange(len(counts)), np.zeros(len(counts))], axis=1)
    samples = np.repeat(centers, counts, axis=0)
    return samples + std * np.random.default_rng(seed).standard_normal(samples.shape)


def largest_f(precision, recall, b):
    return (1 + b**2) * precision * recall / (b**2 * precision + recall)


def test_dropped_mode_lowers_f8():
    # Shares p = (1/2, 1/2) of real and q = (1, 0) of generated samples: precision min(t/2, 1), recall min(1/2, 1/t).
    found = precision_recall_curve(modes([100, 100], 0), modes([200, 0], 1), clusters=2, angles=3, runs=2)
    # Angles 0, 45 and 90 degrees: slopes 0, 1, infinity.
    np.testing.assert_allclose(found.precision, [0, 0.5, 1], atol=1e-9)
    np.testing.assert_allclose(found.recall, [0.5, 0.5, 0], atol=1e-9)
    found = precision_recall_curve(modes([100, 100], 0), modes([200, 0], 1), clusters=2)
    # Best at t = 2: precision 1, recall 1/2. F8 = 65 * 0.5 / 64.5 = 0.504, F1/8 = (65/64) 0.5 / (1/64 + 0.5) = 0.985.
    assert found.f8 == pytest.approx(65 * 0.5 / 64.5, rel=1e-3)
    assert found.f1_8 == pytest.approx(65 / 64 * 0.5 / (1 / 64 + 0.5), rel=1e-3)
    assert found.f8 < found.f1_8
    assert found.auc == pytest.approx(0.5, abs=1e-3)  # a rectangle of recall 1/2 and precision 1


def test_invented_mode_lowers_f1_8():
    # The other way round: precision min(t, 1/2), recall min(1, 1/(2t)), best at t = 1/2: precision 1/2, recall 1.
    found = precision_recall_curve(modes([200, 0], 1), modes([100, 100], 0), clusters=2)
    assert found.f8 == pytest.approx(largest_f(0.5, 1, 8), rel=1e-3)
    assert found.f1_8 == pytest.approx(largest_f(0.5, 1, 1 / 8), rel=1e-3)
    assert found.f1_8 < found.f8


def test_equal_and_disjoint():
    same = precision_recall_curve(modes([50, 50], 0), modes([50, 50], 1), clusters=2)
    # At t = 1 both are 1.
    assert (same.f8, same.f1_8, same.auc) == (pytest.approx(1), pytest.approx(1), pytest.approx(1, abs=1e-4))
    assert same.precision.shape == same.recall.shape == (1001,)
    apart = precision_recall_curve(modes([100, 0], 0), modes([0, 100], 1), clusters=2)
    assert (apart.f8, apart.f1_8, apart.auc) == (0, 0, 0)
    np.testing.assert_array_equal(apart.precision, 0)


def test_the_curve_is_monotone_and_swaps_with_its_sets():
    rng = np.random.default_rng(0)
    real, generated = rng.standard_normal((2, 400, 4)) * [[[1.0]], [[0.7]]]
    found = precision_recall_curve(real, generated, runs=3)
    assert np.all(np.diff(found.precision) >= -1e-12) and np.all(np.diff(found.recall) <= 1e-12)
    assert found.precision.max() <= 1 + 1e-12 and found.recall.max() <= 1 + 1e-12
    # Precision of the one is the recall of the other, from the other end, up to the clustering.
    other = precision_recall_curve(generated, real, runs=3)
    np.testing.assert_allclose(other.precision, found.recall[::-1], atol=0.08)


def test_counts_need_not_be_equal():
    # Shares are what counts: 4 : 1 on both sides.
    found = precision_recall_curve(modes([400, 100], 0), modes([40, 10], 1), clusters=2)
    assert (found.f8, found.f1_8) == (pytest.approx(1), pytest.approx(1))


def test_both_sets_weigh_the_same_in_the_clustering():
    # Real ones at 0 and 4, 300 each; generated ones at 0, 100 and 107, 20 each, of weight 10. Three clusters of
    # four places: 100 and 107 together cost 400 * 3.5^2 = 4,900, 0 and 4 together 500 * 300 / 800 * 4^2 = 3,000. So
    # these are together, and recall reaches 1. Unweighted it would be 490 and 320 * 300 / 620 * 4^2 = 2,477: 1/2.
    real, generated = np.repeat([0.0, 4.0], 300)[:, None], np.repeat([0.0, 100.0, 107.0], 20)[:, None]
    found = precision_recall_curve(real, generated, clusters=3)
    assert found.recall[0] == pytest.approx(1)
    assert found.precision[-1] == pytest.approx(1 / 3)


def test_order_does_not_matter_of_modes_that_are_apart():
    real, generated = modes([50, 30, 20], 0), modes([10, 30, 60], 1)
    shuffled = np.random.default_rng(0).permutation(generated)
    found = [precision_recall_curve(real, x, clusters=3, runs=2) for x in (generated, shuffled)]
    np.testing.assert_allclose(found[0].precision, found[1].precision, rtol=1e-12)


def test_a_function_of_the_seed():
    real, generated = np.random.default_rng(0).standard_normal((2, 200, 3))
    first, again, other = (precision_recall_curve(real, generated, runs=1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.precision, again.precision)
    assert np.any(first.precision != other.precision)


def test_errors():
    x = np.random.default_rng(0).standard_normal((10, 2))
    with pytest.raises(ValueError, match="clusters must be at most the number of samples, 15. Received: 20"):
        precision_recall_curve(x, x[:5])
    with pytest.raises(ValueError, match="clusters must be an integer of at least 2. Received: 1"):
        PrecisionRecallCurve(x, clusters=1)
    with pytest.raises(ValueError, match="generated must have 2 columns, as real has"):
        precision_recall_curve(x, np.ones((3, 3)))
