import numpy as np
import pytest

from qrkeras.metrics import calibration


def test_by_hand():
    # Of 1, 2, 2, 5 one lies below 2, three at or below: 0.25 to 0.75.
    found = calibration([1, 2, 2, 5], [2, 2, 2, 2], 0.8)
    assert (found.below, found.at_or_below, found.count) == (0.25, 0.75, 4)
    assert found.gap == pytest.approx(0.05)
    assert calibration([1, 2, 2, 5], [2, 2, 2, 2], 0.5).gap == 0
    assert calibration([1, 2, 2, 5], [2, 2, 2, 2], 0.1).gap == pytest.approx(0.15)


def test_every_value_has_its_own_quantile():
    assert calibration([[1.0, 1.0]], [[0.0, 2.0]], 0.5).below == 0.5


def test_the_true_quantile_is_calibrated_and_another_is_not():
    values = np.random.default_rng(0).normal(size=40_000)
    # Standard deviation of the fraction at tau = 0.9: sqrt(0.9 * 0.1 / 40,000) = 0.0015.
    assert calibration(values, np.full(values.shape, 1.2816), 0.9).gap < 0.006
    assert calibration(values, np.full(values.shape, 1.0), 0.9).gap == pytest.approx(0.9 - 0.8413, abs=0.006)


@pytest.mark.parametrize(
    "values, quantiles, tau, told",
    [
        ([1, 2], [1], 0.5, r"one shape, .*\(2,\) and \(1,\)"),
        ([], [], 0.5, "at least one value"),
        ([1], [1], 1.0, r"tau must be in \(0, 1\). Received: 1.0"),
    ],
)
def test_bad_input(values, quantiles, tau, told):
    with pytest.raises(ValueError, match=told):
        calibration(values, quantiles, tau)
