"""What small models learn, seeded: marginals, calibration, bits per dimension."""

import keras
import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn.datasets import load_digits

from qrkeras import networks
from qrkeras.losses import categorical_cross_entropy
from qrkeras.models import PixelCNN, PixelIQN


def grey(x):
    return np.clip(np.round(x), 0, 255).astype("uint8")


def two_bumps(n, seed):
    """One value: 0.3 N(60, 15^2) + 0.7 N(180, 25^2)."""
    rng = np.random.default_rng(seed)
    low = rng.random(n) < 0.3
    return grey(np.where(low, rng.normal(60, 15, n), rng.normal(180, 25, n)))


def arch(n, seed):
    """Two values: the first as above, the second on an arch over it, wider to the right."""
    rng = np.random.default_rng(seed + 1)
    first = two_bumps(n, seed)
    at = first / 127.5 - 1
    return np.stack([first, grey(190 - 110 * at**2 + rng.normal(0, 1, n) * (14 + 8 * at))], axis=-1)


def train_iqn(images, steps):
    net = networks.pixelcnn(
        1, images.shape[-1], blocks=2, kernel_size=3, planes=32, output_planes=64, num_outputs=1, quantile=True, seed=1
    )
    model = PixelIQN(net, average_decay=0.99, seed=2)
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=50)
    model.fit(images, batch_size=256, epochs=steps * 256 // len(images), verbose=0)
    return model


def test_pixeliqn_reaches_a_marginal_in_one_dimension():
    model = train_iqn(two_bumps(12_800, 0).reshape(-1, 1, 1, 1), steps=1000)
    drawn = model.sample(4000, seed=3, batch_size=4000).ravel()
    # Two samples of 4,000 lie 1 to 2 levels apart; the best single normal about 13.
    distance = wasserstein_distance(drawn, two_bumps(4000, 10))
    assert distance < 4


@pytest.fixture(scope="module")
def arch_model():
    return train_iqn(arch(12_800, 0).reshape(-1, 1, 1, 2), steps=2000)


def test_pixeliqn_reaches_a_distribution_in_two_dimensions(arch_model):
    drawn, real = arch_model.sample(4000, seed=3, batch_size=4000).reshape(-1, 2), arch(4000, 10)
    # Along 8 directions of the plane: a distribution is known by all of them.
    angles = np.arange(8) * np.pi / 8
    directions = np.stack([np.cos(angles), np.sin(angles)])
    distances = [wasserstein_distance(drawn @ d, real @ d) for d in directions.T]
    shuffled = np.stack([real[:, 0], np.random.default_rng(0).permutation(real[:, 1])], axis=-1)
    independent = max(wasserstein_distance(shuffled @ d, real @ d) for d in directions.T)
    assert max(distances) < 4 < independent


def test_quantiles_are_calibrated_on_held_out_values(arch_model):
    held_out = arch(4000, 20).reshape(-1, 1, 1, 2)
    for tau in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95):
        below = (held_out < arch_model.quantiles(held_out, tau, batch_size=4000)).mean(axis=(0, 1, 2))
        np.testing.assert_allclose(below, tau, atol=0.03)


@pytest.mark.long
def test_pixelcnn_beats_independent_pixels_on_digits():
    images = grey(load_digits().images * (255 / 16))[..., None]
    train, held_out = images[:1500], images[1500:]
    # The best model of independent pixels: a histogram for each, every one of the 17 levels counted once more.
    levels = np.unique(images)
    counts = 1.0 + (train[..., None] == levels).sum(axis=0)
    chosen = np.take_along_axis(counts[None], np.searchsorted(levels, held_out)[..., None], axis=-1)
    independent = -np.mean(np.log2(chosen / (len(train) + len(levels))))
    net = networks.pixelcnn(8, 1, blocks=3, kernel_size=3, planes=24, output_planes=64, seed=1)
    model = PixelCNN(net, average_decay=0.99)
    model.compile(keras.optimizers.RMSprop(3e-3), steps_per_execution=23)
    model.fit(train, batch_size=64, epochs=15, verbose=0)
    bits = model.evaluate(held_out, verbose=0, return_dict=True)["bits_per_dim"]
    assert bits < independent - 0.1


def test_likelihood_sums_to_one_over_all_values():
    net = networks.pixelcnn(2, 1, blocks=1, kernel_size=3, planes=8, output_planes=16, seed=1)
    for weight in net.weights:
        weight.assign(weight + np.random.default_rng(0).normal(0, 0.3, weight.shape))
    images = np.random.default_rng(1).integers(0, 256, (1, 2, 2, 1)).repeat(256, axis=0)
    images[:, 1, 1, 0] = np.arange(256)  # the last value, given the others
    nats = categorical_cross_entropy(images, net((images / 127.5 - 1).astype("float32"))).numpy()
    assert np.exp(-nats[:, 1, 1, 0]).sum() == pytest.approx(1, abs=1e-5)
    # The others' likelihood does not depend on it: so the whole sums to 1, value by value.
    assert np.ptp(nats[:, 0], axis=0).max() == np.ptp(nats[:, 1, 0]) == 0
