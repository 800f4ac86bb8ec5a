"""The AIQN over latents: causality, sampling, saving; what it learns of a known distribution."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm, wasserstein_distance

from qrkeras.losses import quantile_huber
from qrkeras.networks import aiqn
from tests.support.causality import dependence

RNG = np.random.default_rng(0)


def network(latent_dim=5, width=20, **options):
    net = aiqn(latent_dim, width, **{"hidden_layers": 3, "seed": 1, **options})
    for weight in net.weights:  # biases too, and outputs that spread
        weight.assign(weight + RNG.normal(0, 0.3, weight.shape))
    return net


def levels(batch, latent_dim=5):
    return RNG.uniform(0.01, 0.99, (batch, latent_dim)).astype("float32")


def plain_sample(net, tau):
    """The whole network once for each latent, straight from the definition."""
    latents = np.zeros(tau.shape, "float32")
    for i in range(tau.shape[1]):
        latents[:, i] = net(latents, tau).numpy()[:, i]
    return latents


def traced(net):
    return tf.function(net.sample, input_signature=[tf.TensorSpec((None, net.latent_dim), "float32")])


def test_the_papers_network():
    net = aiqn()
    # 64 inputs (latents and levels), three layers of 512, 32 outputs, with biases.
    assert net.count_params() == 65 * 512 + 2 * 513 * 512 + 513 * 32
    assert [layer.units for layer in net.dense] == [512, 512, 512, 32]


@pytest.mark.parametrize(("latent_dim", "width", "hidden_layers"), [(5, 20, 3), (1, 4, 1), (3, 12, 2), (4, 1024, 2)])
def test_causality_by_gradient(latent_dim, width, hidden_layers):
    net = network(latent_dim, width, hidden_layers=hidden_layers)
    tau, latents = levels(2, latent_dim), RNG.normal(size=(2, latent_dim)).astype("float32")
    earlier = np.tril(np.ones((latent_dim, latent_dim)), -1) > 0
    for function, x, allowed in (
        (lambda z: net(z, tau), latents, earlier),
        (lambda t: net(latents, t), tau, earlier | np.eye(latent_dim, dtype=bool)),
    ):
        # Summed over nothing: (row of output, output, row of input, input).
        found = dependence(lambda x, function=function: function(x)[..., None], x)
        for row in range(2):
            np.testing.assert_array_equal(found[row, :, 1 - row], 0)
            assert not found[row, :, row][~allowed].any()
    # ReLUs that are off hide a dependence, so that many rows are asked.
    tau, latents = levels(200, latent_dim), RNG.normal(size=(200, latent_dim)).astype("float32")
    for i, j in zip(*np.nonzero(earlier)):
        other = latents.copy()
        other[:, j] += 1
        assert (net(other, tau).numpy() != net(latents, tau).numpy())[:, i].any(), (i, j)
    for i in range(latent_dim):
        other = tau.copy()
        other[:, i] = 1 - other[:, i]
        changed = (net(latents, other).numpy() != net(latents, tau).numpy()).any(axis=0)
        assert not changed[:i].any() and changed[i:].all()


@pytest.mark.parametrize(("latent_dim", "width", "hidden_layers"), [(5, 20, 3), (1, 4, 1), (32, 64, 2), (3, 9, 4)])
def test_sampler_equals_the_plain_one(latent_dim, width, hidden_layers):
    net = network(latent_dim, width, hidden_layers=hidden_layers)
    tau = levels(6, latent_dim)
    plain = plain_sample(net, tau)
    assert np.ptp(plain) > 0.3
    np.testing.assert_allclose(traced(net)(tau), plain, atol=1e-4)
    np.testing.assert_allclose(net.sample(tau), plain, atol=1e-4)  # outside a graph


def test_one_trace_serves_every_batch_and_rows_do_not_mix():
    net, tau = network(), levels(5)
    sample = traced(net)
    whole = sample(tau)
    for i in (0, 4):
        np.testing.assert_allclose(sample(tau[i : i + 1])[0], whole[i], atol=1e-6)
    assert sample.experimental_get_tracing_count() == 1


def test_a_drawn_latent_depends_on_its_own_and_earlier_levels():
    net, tau = network(), levels(1)
    before = net.sample(tau).numpy()[0]
    for place in range(5):
        other = tau.copy()
        other[0, place] = 1 - other[0, place]
        changed = net.sample(other).numpy()[0] != before
        assert not changed[:place].any() and changed[place]


def test_saving_and_seeds(tmp_path):
    net, tau = network(), levels(3)
    net.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "net.keras")(tau, tau), net(tau, tau))
    same, other = aiqn(5, 20, seed=1), aiqn(5, 20, seed=2)
    np.testing.assert_array_equal(same.dense[0].kernel, aiqn(5, 20, seed=1).dense[0].kernel)
    assert np.abs(same.dense[1].kernel - other.dense[1].kernel).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 510}, "width must be a multiple of latent_dim=32: as many units for each latent. Received: 510"),
        ({"latent_dim": 0}, "latent_dim must be a positive int. Received: 0"),
        ({"hidden_layers": 1.5}, "hidden_layers must be a positive int. Received: 1.5"),
    ],
)
def test_bad_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        aiqn(**options)


# A known distribution: z_0 ~ N(1, 0.5^2), z_1 ~ N(z_0^2 - 1, 0.3^2), z_2 ~ N(-z_1 / 2, (0.2 + 0.1 z_0^2)^2).
def true_quantiles(latents, tau):
    first, second, _ = latents.T
    parameters = [(np.ones_like(first), 0.5), (first**2 - 1, 0.3), (-second / 2, 0.2 + 0.1 * first**2)]
    return np.stack([norm.ppf(tau[:, i], *parameters[i]) for i in range(3)], axis=-1).astype("float32")


def draw(n, seed):
    tau = np.random.default_rng(seed).uniform(1e-6, 1 - 1e-6, (n, 3))
    latents = np.zeros((n, 3), "float32")
    for i in range(3):
        latents[:, i] = true_quantiles(latents, tau)[:, i]
    return latents


@pytest.fixture(scope="module")
def trained():
    net = aiqn(3, 96, 3, seed=1)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, 3000))
    optimizer.build(net.trainable_variables)
    data = tf.constant(draw(50_000, 0))

    @tf.function
    def train(steps):
        for step in tf.range(steps):
            seed = tf.stack([0, step])
            batch = tf.gather(data, tf.random.stateless_uniform((256,), seed, 0, len(data), "int32"))
            tau = tf.random.stateless_uniform((256, 3), seed + 7)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(quantile_huber(batch, net(batch, tau), tau, 0.002))
            optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)

    train(tf.constant(3000))
    return net


def test_trained_quantiles_rise_with_their_level(trained):
    latents = tf.constant(draw(2000, 1))
    tau = tf.constant(np.random.default_rng(2).uniform(0.02, 0.98, (2000, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(tau)
        quantiles = trained(latents, tau)
    slopes = tape.batch_jacobian(quantiles, tau).numpy()
    # By gradient: nothing but training makes it so, hence 99%.
    assert (np.diagonal(slopes, axis1=1, axis2=2) > 0).mean(axis=0).min() >= 0.99
    # By value, at the same codes.
    sweep = [trained(latents, tf.fill(latents.shape, tau)).numpy() for tau in np.linspace(0.05, 0.95, 10)]
    assert (np.diff(sweep, axis=0) > 0).mean() >= 0.99


def test_trained_quantiles_are_the_true_ones(trained):
    latents = draw(2000, 3)
    for level in (0.1, 0.5, 0.9):
        tau = np.full(latents.shape, level, "float32")
        error = np.abs(trained(latents, tau).numpy() - true_quantiles(latents, tau))
        assert error.mean(axis=0).max() < 0.06  # standard deviations are 0.3 to 1


def test_samples_have_the_true_distribution(trained):
    tau = np.random.default_rng(4).uniform(1e-6, 1 - 1e-6, (8000, 3)).astype("float32")
    drawn, real = trained.sample(tau).numpy(), draw(8000, 5)
    # Two samples of 8,000 lie about 0.02 apart, along the axes and along other directions; deviations are 0.5 to 1.1.
    for direction in np.vstack([np.eye(3), np.random.default_rng(6).normal(size=(5, 3))]):
        direction = direction / np.linalg.norm(direction)
        assert wasserstein_distance(drawn @ direction, real @ direction) < 0.1
