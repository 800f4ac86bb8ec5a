"""Hierarchical VAE: loss and KL, free nats, bounds, the start from data, saving, what is served."""

import keras
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import logistic, norm

from qrkeras import networks
from qrkeras.models import HierarchicalVAE
from qrkeras.models.noise import NOISE, BatchNoise, of_seeds, sample_seeds, stream
from qrkeras.models.reports import Batch
from tests.support.going_on import reloaded

RNG = np.random.default_rng(0)
IMAGES = np.round(255 * RNG.integers(0, 17, (32, 8, 8, 1)) / 16).astype("uint8")
FLOWS = pytest.mark.parametrize("flow", [False, True])


def model(flow=True, run_eagerly=True, **options):
    """Latents 2 of 2 x 2, then 1 of 4 x 4: 24."""
    sizes = {"planes": (4, 4), "latent_planes": (1, 2), "blocks": (1, 1), "stem": (3, 2)}
    result = HierarchicalVAE(networks.top_down(8, 1, **sizes, flow=flow, seed=1), **{"levels": 17, **options})
    result.compile(keras.optimizers.Adamax(2e-3), run_eagerly=run_eagerly)
    return result


def fit(model, x=IMAGES, epochs=1):
    return model.fit(x, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def measured(m, images):
    return {name: float(x) for name, x in m.measures(Batch(images), BatchNoise(m, len(images), NOISE, 0), True).items()}


@FLOWS
@pytest.mark.parametrize("free", [0.0, 0.5])
def test_loss_by_numpy(flow, free):
    m = model(flow, kl_weight=0.5, free_nats=free)
    m.initialize(IMAGES)
    m.log_scale.assign([-1.5])
    images = IMAGES[:8]
    noise = norm.ppf(m.noise((8, 24), stream(m.random_state, NOISE, 0))).astype("float32")
    inferred = m.hierarchy(images / np.float32(127.5) - 1, noise)
    # 17 levels, bins of 2/16 around 2 j / 16 - 1.
    j, means = np.round(images / 255 * 16), inferred.outputs.numpy().astype("float64")
    lower = np.where(j == 0, -np.inf, (j - 0.5) / 8 - 1)
    upper = np.where(j == 16, np.inf, (j + 0.5) / 8 - 1)
    p = logistic.cdf(upper, means, np.exp(-1.5)) - logistic.cdf(lower, means, np.exp(-1.5))
    nats = -np.log(p).sum(axis=(1, 2, 3)).mean()
    if flow:
        planes = -inferred.log_ratio.numpy().mean(axis=0)
    else:  # log(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2, by layer
        planes = []
        for gaussian in inferred.gaussians:
            m1, l1, m2, l2 = (x.numpy().astype("float64") for x in gaussian)
            kl = l2 - l1 + (np.exp(2 * l1) + (m1 - m2) ** 2) / (2 * np.exp(2 * l2)) - 0.5
            planes += list(kl.sum(axis=(1, 2)).mean(axis=0))
    costs = np.maximum(planes, free) if free else np.array(planes)  # a sampled KL may be below 0
    found = measured(m, images)
    assert found["loss"] == pytest.approx((nats + 0.5 * costs.sum()) / 64, rel=1e-4)
    assert found["kl"] == pytest.approx(np.sum(planes), rel=1e-3)
    assert found["bits_per_dim"] == pytest.approx((nats + np.sum(planes)) / 64 / np.log(2), rel=1e-4)
    assert (costs != planes).any() == (free > 0), "free nats that cost nothing else prove nothing"


def test_the_samples_ratio_has_the_closed_form_for_its_mean():
    m = model(flow=False)
    m.initialize(IMAGES)
    images = np.tile(IMAGES[:1], (4000, 1, 1, 1)) / np.float32(127.5) - 1
    inferred = m.hierarchy(images, RNG.normal(size=(4000, 24)).astype("float32"))
    kl, sampled = m.kl(inferred).numpy(), -inferred.log_ratio.numpy()
    # KL of lower layers depends on the latents above, so that both are means over draws.
    error = 5 * (sampled - kl).std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(sampled.mean(axis=0) - kl.mean(axis=0)) < error + 1e-3)
    assert kl.mean(axis=0).max() > 0.01


@FLOWS
def test_bounds_fall_with_samples_and_agree_with_evaluation(flow):
    m = model(flow)
    m.initialize(IMAGES)
    fit(m, epochs=3)
    one, many = (
        np.mean([m.bits_per_dim(IMAGES[:8], samples, seed=seed).mean() for seed in range(4)]) for samples in (1, 20)
    )
    assert many < one
    reported = m.evaluate(IMAGES[:8], verbose=0, return_dict=True)["bits_per_dim"]
    assert one == pytest.approx(reported, rel=0.02)
    bits = m.bits_per_dim(IMAGES[:5], 3, seed=3)
    np.testing.assert_allclose(m.bits_per_dim(IMAGES[:5], 3, seed=3, batch_size=2), bits, rtol=1e-4)


def test_samples_codes_and_lines():
    m = model()
    m.initialize(IMAGES)
    many = m.sample(5, seed=7)
    assert many.shape == (5, 8, 8, 1) and many.dtype == np.uint8
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), many[:3])
    codes = m.encode(IMAGES[:4])
    zero = m.hierarchy(IMAGES[:4] / np.float32(127.5) - 1, np.zeros((4, 24), "float32"))
    np.testing.assert_allclose(codes, zero.latents, atol=1e-5)
    grey = np.clip(np.round((zero.outputs.numpy() + 1) * 127.5), 0, 255)
    np.testing.assert_allclose(m.reconstruct(IMAGES[:4]), grey, atol=1)
    line = m.interpolate(IMAGES[:2], IMAGES[2:4], steps=3)
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:2]))
    np.testing.assert_array_equal(line[:, 1], m.decode((codes[:2] + codes[2:]) / 2))


def test_a_started_model_trains_and_one_over_no_deviation_does_not_blow_up():
    m = model(run_eagerly=False)
    m.initialize(IMAGES)
    losses = fit(m, epochs=25)["loss"]  # 100 steps
    assert np.isfinite(losses).all() and losses[-1] < losses[0] - 0.1


def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    def started():
        m = model(run_eagerly=False, seed=3, free_nats=0.1)
        m.initialize(IMAGES[:16])
        return m

    with reloaded(started, lambda m, halves: fit(m, epochs=halves), tmp_path) as (half, again):
        assert type(again) is HierarchicalVAE and (again.free_nats, again.levels, again.step) == (0.1, 17, 4)
        np.testing.assert_array_equal(again.sample(3), half.sample(3))


def test_what_is_served(tmp_path):
    import tensorflow as tf

    m = model()
    assert set(m.signatures()) == {"sample", "reconstruct", "score"}
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    score = served["score"](images=tf.constant(IMAGES[:2]))["bits_per_dim"]
    np.testing.assert_allclose(score[:1], m.bits_per_dim(IMAGES[:1], seed=0), rtol=1e-4)


DEQUANTIZED = ("dequantized_uniform", "dequantized_variational")


@pytest.mark.parametrize("likelihood", DEQUANTIZED)
def test_dequantised_nats_are_an_estimate_of_the_density_in_a_bin(likelihood):
    # p(y) / q(u | x) / (levels / 2) has the mean P(j) = Phi(upper) - Phi(lower), of bins
    # [2 j / 17 - 1, 2 (j + 1) / 17 - 1).
    m = model(likelihood=likelihood)
    m.log_scale.assign([-1.0])
    if m.dequantizer is not None:  # away from the uniform at which it begins
        m.dequantizer.last.bias.assign([0.4, -0.3])
    j, n = np.arange(17), 64_000
    means = RNG.uniform(-1, 1, 17).astype("float32")
    mean_weight = np.zeros(17)
    for i in range(17):
        images = np.full((n // 64, 8, 8, 1), round(255 * i / 16), "uint8")
        tau = np.clip(RNG.uniform(size=images.shape), 1e-6, 1 - 1e-6).astype("float32")
        u, log_q = (tau, 0.0) if m.dequantizer is None else m.dequantizer(images / np.float32(127.5) - 1, tau)
        y = 2 * (i + np.asarray(u)) / 17 - 1
        expected = np.asarray(log_q) - norm.logpdf(y, means[i], np.exp(-1.0)) + np.log(17 / 2)
        found = m.reconstruction(images, np.full(images.shape, means[i]), tau)
        np.testing.assert_allclose(found, expected.sum(axis=(1, 2, 3)), rtol=1e-3)
        mean_weight[i] = np.exp(-expected).mean()
    upper, lower = (norm.cdf(2 * (j + k) / 17 - 1, means, np.exp(-1.0)) for k in (1, 0))
    np.testing.assert_allclose(mean_weight, upper - lower, rtol=0.03)


def test_a_network_of_noise_begins_at_the_uniform_bound_and_lowers_it():
    uniform, variational = (model(likelihood=likelihood, run_eagerly=False) for likelihood in DEQUANTIZED)
    for m in (uniform, variational):
        m.initialize(IMAGES)
    # At the start both are the same to rounding: the network begins with m = 0 and s = 1.
    assert measured(variational, IMAGES)["loss"] == pytest.approx(measured(uniform, IMAGES)["loss"], rel=1e-4)
    assert set(variational.parts) == {"hierarchy", "dequantizer"} and set(uniform.parts) == {"hierarchy"}
    variational.freeze("hierarchy")
    fit(variational, epochs=10)
    trained = variational.evaluate(IMAGES, verbose=0, return_dict=True)["bits_per_dim"]
    for weight in variational.dequantizer.last.weights:
        assert np.abs(weight.numpy()).max() > 0
        weight.assign(np.zeros(weight.shape))
    assert trained < variational.evaluate(IMAGES, verbose=0, return_dict=True)["bits_per_dim"]


@pytest.mark.parametrize("likelihood", DEQUANTIZED)
def test_each_importance_sample_has_noise_of_its_own(likelihood):
    m = model(likelihood=likelihood, importance_samples=3)
    drawn = BatchNoise(m, 4, NOISE, 0)
    assert m.NOISES == ("tau", "u") and HierarchicalVAE.NOISES == ("tau",)
    noises = [drawn("u", s).numpy() for s in range(3)] + [drawn("u").numpy()]
    noises += [m.noise_of_seeds(np.array([[0, 0], [0, 1], [0, 2], [0, 3]]), s, "u").numpy() for s in range(3)]
    assert {noise.shape for noise in noises} == {(4, 8, 8, 1)}
    assert len({noise.ravel()[k] for noise in noises for k in (0, 64, 255)}) == 3 * len(noises)
    # The bound of training is that of these noises, sample by sample.
    posterior = m.posterior(IMAGES[:4])
    weights = []
    for s in range(3):
        _, log_ratio, outputs = m.infer(posterior, drawn("tau", s))
        weights.append(log_ratio - m.reconstruction(IMAGES[:4], outputs, drawn("u", s)))
    bound = logsumexp(np.array(weights, "float64"), axis=0) - np.log(3)
    assert measured(m, IMAGES[:4])["loss"] == pytest.approx(-bound.mean() / 64, rel=1e-3)
    # So is that of measuring; and u is not drawn from the stream of the latents.
    seeds, weights = sample_seeds(3, 4), []
    for s in range(2):
        _, log_ratio, outputs = m.infer(posterior, m.noise_of_seeds(seeds, s))
        weights.append(log_ratio - m.reconstruction(IMAGES[:4], outputs, m.noise_of_seeds(seeds, s, "u")))
        assert np.abs(of_seeds(m.noise, (8, 8, 1), seeds, s) - m.noise_of_seeds(seeds, s, "u")).max() > 0.1
    bound = logsumexp(np.array(weights, "float64"), axis=0) - np.log(2)
    np.testing.assert_allclose(m.bound(IMAGES[:4], seeds, 2), -bound / 64 / np.log(2), rtol=1e-4)


@pytest.mark.parametrize("likelihood", DEQUANTIZED)
def test_dequantised_bounds_fall_with_samples_and_models_come_back(likelihood, tmp_path):
    m = model(likelihood=likelihood, run_eagerly=False)
    m.initialize(IMAGES)
    fit(m)
    one, many = (m.bits_per_dim(IMAGES, samples).mean() for samples in (1, 10))
    assert many < one
    m.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.likelihood == likelihood
    np.testing.assert_array_equal(again.bits_per_dim(IMAGES[:4]), m.bits_per_dim(IMAGES[:4]))
    # Images have the levels that they were made of: round(255 j / 16).
    assert set(np.unique(m.sample(8))) <= set(np.unique(np.round(255 * np.arange(17) / 16).astype("uint8")))


def test_errors():
    for options, message in (
        ({"kl_weight": -1}, "kl_weight must be 0 or positive. Received: -1"),
        ({"free_nats": -0.1}, "free_nats must be 0 or positive. Received: -0.1"),
        ({"likelihood": "gaussian"}, 'likelihood must be "discretized_logistic" or "dequantized_uniform"'),
        ({"levels": 1}, "levels must be 2 to 256. Received: 1"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**options)
    with pytest.raises(ValueError, match="uint8 images"):
        model().initialize(IMAGES.astype("float32"))
