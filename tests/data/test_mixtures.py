import numpy as np
import pytest

from qrkeras.data import load, take


def test_ring8_centers():
    # Angles 0, 45, 90 ... degrees on radius 2: (2, 0), (sqrt 2, sqrt 2), (0, 2) ...
    ring = load("ring8")
    root = np.sqrt(2)
    expected = [(2, 0), (root, root), (0, 2), (-root, root)]
    expected += [(-x, -y) for x, y in expected]
    np.testing.assert_allclose(ring.centers, expected, atol=1e-6)
    assert len(np.unique(ring.centers.round(3), axis=0)) == 8
    assert ring.std == 0.02


def test_grid25_centers():
    grid = load("grid25")
    expected = [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
    np.testing.assert_array_equal(grid.centers, expected)
    assert grid.std == 0.05
    assert (grid.shape, grid.dtype, grid.size) == ((2,), "float32", None)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_moments(name):
    # Per axis: E x = 0 and E x^2 = mean of squared centers + std^2, which is
    # ring8: 2^2 / 2 + 0.02^2 = 2.0004, grid25: (16 + 4 + 0 + 4 + 16) / 5 + 0.05^2 = 8.0025.
    mixture = load(name)
    points = mixture.sample(200_000, seed=0).numpy()
    second = {"ring8": 2.0004, "grid25": 8.0025}[name]
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose((points**2).mean(axis=0), second, rtol=0.01)
    # Around its nearest center every point is N(0, std^2), and centers are equally likely.
    offsets = points[:, None] - mixture.centers
    nearest = (offsets**2).sum(axis=-1).argmin(axis=1)
    residuals = offsets[np.arange(len(points)), nearest]
    np.testing.assert_allclose(residuals.std(axis=0), mixture.std, rtol=0.01)
    shares = np.bincount(nearest) / len(points)
    np.testing.assert_allclose(shares, 1 / len(mixture.centers), rtol=0.06)
    # 3 standard deviations hold 1 - exp(-4.5) = 0.98889 of a 2-D Gaussian.
    inside = (np.linalg.norm(residuals, axis=1) < 3 * mixture.std).mean()
    np.testing.assert_allclose(inside, 0.98889, atol=0.002)


def test_batch_is_a_function_of_seed_and_step():
    grid = load("grid25")
    batches = list(grid.batches(8, seed=3).take(6).as_numpy_iterator())
    resumed = list(grid.batches(8, seed=3, start_step=4).take(2).as_numpy_iterator())
    np.testing.assert_array_equal(batches[4:], resumed)
    np.testing.assert_array_equal(batches[5], grid.sample(8, seed=3, step=5))
    other = next(grid.batches(8, seed=4).as_numpy_iterator())
    everything = np.stack([*batches, other])
    assert len(np.unique(everything.reshape(-1, 2), axis=0)) == 7 * 8
    assert grid.batches(8, seed=3).element_spec.shape == (8, 2)


def test_splits_are_independent_streams():
    train = load("ring8").sample(64, seed=0).numpy()
    test = load("ring8", split="test").sample(64, seed=0).numpy()
    assert not np.isin(train, test).any()
    assert abs(np.corrcoef(train[:, 0], test[:, 0])[0, 1]) < 0.5


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_labels_are_components(name):
    plain, mixture = load(name), load(name, labels=True)
    assert (plain.num_classes, mixture.num_classes) == (None, len(mixture.centers))
    points, labels = next(mixture.batches(500, seed=2, start_step=3).as_numpy_iterator())
    np.testing.assert_array_equal(points, plain.sample(500, seed=2, step=3))
    assert labels.dtype == "int32"
    nearest = ((points[:, None] - mixture.centers) ** 2).sum(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(labels, nearest)


def test_take_needs_a_number():
    np.testing.assert_array_equal(take(load("ring8"), 5), load("ring8").sample(5, seed=0))
    points, labels = take(load("ring8", labels=True), 5)
    assert (points.shape, labels.shape) == ((5, 2), (5,))
    with pytest.raises(ValueError, match="n must be given for 'ring8', which is endless. Received: None"):
        take(load("ring8"))


def test_refuses():
    with pytest.raises(ValueError, match="image_size must be None for 'ring8'"):
        load("ring8", image_size=32)
    with pytest.raises(ValueError, match="'ring8' is endless and has no single pass"):
        load("ring8").evaluation_batches(10)
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1"):
        load("ring8").batches(0, seed=0)


@pytest.mark.parametrize("labels", [False, True])
def test_parts_of_workers_are_the_batch(labels):
    data = load("ring8", labels=labels)

    def third(share):
        return next(iter(data.batches(6, 0, 2, share)))

    if not labels:
        np.testing.assert_array_equal(np.concatenate([third((i, 3)) for i in range(3)]), third((0, 1)))
    else:
        for part, whole in zip(zip(*(third((i, 3)) for i in range(3))), third((0, 1))):
            np.testing.assert_array_equal(np.concatenate(part), whole)
