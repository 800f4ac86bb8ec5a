import numpy as np
import pytest

from qrkeras.data import Mixture
from qrkeras.metrics import ModeCoverage, mode_coverage

AXIS = np.linspace(-4, 4, 5)
GRID25 = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(25, 2)
STD = 0.05


def around(centers, per_mode, rng, std=STD):
    return np.repeat(centers, per_mode, axis=0) + std * rng.standard_normal((len(centers) * per_mode, 2))


def test_by_hand():
    # Centres 0 and 10 on a line of two dimensions, std 1: high quality within 3.
    centers = np.array([[0.0, 0.0], [10.0, 0.0]])
    # Distances: 0; 3, on the edge; 3.1 and 5 are no good; 2.9 from the second centre.
    samples = np.array([[0.0, 0.0], [0.0, 3.0], [0.0, 3.1], [5.0, 0.0], [12.9, 0.0]])
    found = mode_coverage(samples, centers, std=1.0)
    # 3 of 5 are good, in shares 2/3 and 1/3: KL = 2/3 log(4/3) + 1/3 log(2/3).
    kl = 2 / 3 * np.log(4 / 3) + 1 / 3 * np.log(2 / 3)
    assert found == ModeCoverage(2, 2, 2, pytest.approx(0.6), pytest.approx(kl))


def test_ideal_sampler():
    # The distance from the centre is Rayleigh: P(r <= 3 std) = 1 - exp(-9/2) = 0.989. Of 100,000 samples the
    # fraction deviates by sqrt(0.989 * 0.011 / 100,000) = 0.0003.
    found = mode_coverage(around(GRID25, 4000, np.random.default_rng(0)), GRID25, STD)
    assert found.high_quality == pytest.approx(1 - np.exp(-4.5), abs=0.0015)
    assert (found.modes, found.captured, found.fed) == (25, 25, 25)
    assert found.reverse_kl == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_the_data_sets_themselves_are_ideal(name):
    from qrkeras.data import load

    data = load(name)
    assert isinstance(data, Mixture)
    found = mode_coverage(data.sample(10_000, seed=0), data.centers, data.std)
    assert found.captured == found.fed == found.modes == len(data.centers)
    # Four standard deviations of 0.00104.
    assert found.high_quality == pytest.approx(0.989, abs=0.0042)
    # Twice n times the KL of m modes is chi-squared of m - 1 degrees: 24 / 20,000 = 0.0012 on average.
    assert found.reverse_kl < 0.003


def test_collapse_to_one_mode():
    # All mass on one of 25: KL(q || uniform) = 1 * log(1 / (1/25)) = log 25.
    found = mode_coverage(around(GRID25[:1], 10_000, np.random.default_rng(0)), GRID25, STD)
    assert (found.captured, found.fed) == (1, 1)
    assert found.reverse_kl == pytest.approx(np.log(25))


def test_uniform_noise_captures_modes_but_has_no_quality():
    samples = np.random.default_rng(0).uniform(-5, 5, (2500, 2))
    found = mode_coverage(samples, GRID25, STD)
    # A disc of radius 0.15 has area 0.0707 of 100: 1.77 samples each, empty with probability exp(-1.77) = 0.17, so
    # that 20.7 of 25 are captured on average; 25 * 0.0707 / 100 = 0.0177 of the samples are good.
    assert 17 <= found.captured <= 24
    assert found.high_quality == pytest.approx(0.0177, abs=0.01)
    assert found.fed <= 5


def test_fed_begins_at_20_of_10_000():
    centers = np.array([[0.0, 0.0], [10.0, 0.0]])

    def with_second(count, n):
        return mode_coverage(np.repeat(centers, [n - count, count], axis=0), centers, 1.0)

    assert with_second(19, 10_000).fed == 1
    assert with_second(20, 10_000).fed == 2
    assert with_second(19, 10_000).captured == 2
    # 5 of 2,500 is the same proportion; of 100 samples one is enough, and none never is.
    assert [with_second(k, 2_500).fed for k in (4, 5)] == [1, 2]
    assert [with_second(k, 100).fed for k in (0, 1)] == [1, 2]


@pytest.mark.parametrize("n", range(500, 50_001, 500))
def test_fed_is_exact_at_its_threshold(n):
    # n / 500 samples of n are 20 of 10,000, without rounding.
    centers = np.array([[0.0], [10.0]])
    at = n // 500
    samples = np.repeat(centers, [n - at, at], axis=0)
    assert mode_coverage(samples, centers, 1.0).fed == 2


def test_no_good_sample():
    found = mode_coverage(np.full((10, 2), 100.0), GRID25, STD)
    assert found == ModeCoverage(25, 0, 0, 0.0, float("inf"))


def test_order_of_samples_and_centers_does_not_matter():
    rng = np.random.default_rng(1)
    samples = np.concatenate([around(GRID25[:7], 30, rng), rng.uniform(-5, 5, (300, 2))])
    found = mode_coverage(samples, GRID25, STD)
    shuffled = mode_coverage(rng.permutation(samples), rng.permutation(GRID25), STD)
    assert shuffled == ModeCoverage(
        found.modes, found.captured, found.fed, found.high_quality, pytest.approx(found.reverse_kl)
    )


@pytest.mark.parametrize("shape", [(0, 2), (5, 3), (5,), (5, 2, 1)])
def test_wrong_shapes(shape):
    with pytest.raises(ValueError, match=r"samples must have shape \(n, 2\).*Received shape: \("):
        mode_coverage(np.zeros(shape), GRID25, STD)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    with pytest.raises(ValueError, match="samples must be finite"):
        mode_coverage(np.array([[0.0, bad]]), GRID25, STD)
