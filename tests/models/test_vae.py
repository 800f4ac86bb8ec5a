"""VAE and AIQN-VAE: losses, likelihood bounds, sampling, saving, signatures, errors."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.stats import logistic, norm

from qrkeras import networks
from qrkeras.losses import discretized_logistic, quantile_huber
from qrkeras.models import AIQNVAE, VAE
from qrkeras.models.noise import NOISE, BatchNoise, stream
from qrkeras.models.reports import Batch
from tests.support.going_on import reloaded
from tests.support.weights import assert_equal, weights

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (32, 8, 8, 1)).astype("uint8")
MODELS = pytest.mark.parametrize("build", [VAE, AIQNVAE])


def parts(channels=1, latent_dim=4):
    sizes = {"channels": channels, "latent_dim": latent_dim, "width": 4, "hidden_layers": 1}
    return networks.vae_encoder(8, **sizes, seed=1), networks.vae_decoder(8, **sizes, seed=2)


def model(build=AIQNVAE, optimizer=None, channels=1, run_eagerly=True, **options):
    """Eager where the graph is not what is tested: a few steps cost less than their tracing."""
    aiqn = [networks.aiqn(4, 16, 2, seed=3)] if build is AIQNVAE else []
    defaults = {"average_decay": 0.9} if build is AIQNVAE else {}
    result = build(*parts(channels), *aiqn, **{**defaults, **options})
    result.compile(optimizer or keras.optimizers.Adam(1e-2), run_eagerly=run_eagerly)
    return result


def fit(model, x=IMAGES, epochs=1, **options):
    return model.fit(x, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options).history


@pytest.fixture(scope="module")
def trained():
    m = model()
    fit(m)
    return m


@MODELS
def test_loss_by_numpy(build):
    m = model(build, kl_weight=0.5, latent_variance=0.1)
    m.log_scale.assign([-1.5])
    images, seeds = IMAGES[:8], [stream(m.random_state, NOISE, 0), stream(m.random_state, NOISE, 1)]
    mean, log_variance = (x.numpy().astype("float64") for x in m.encoder(images / np.float32(127.5) - 1))
    # z = e + sqrt(0.1) sigma epsilon, epsilon the normal quantile of a uniform level.
    epsilon = norm.ppf(m.noise((8, 4), seeds[0]))
    latents = mean + np.sqrt(0.1 * np.exp(log_variance)) * epsilon
    means = m.decoder(latents.astype("float32")).numpy().astype("float64")
    lower = np.where(images == 0, -np.inf, (images - 0.5) / 127.5 - 1)
    upper = np.where(images == 255, np.inf, (images + 0.5) / 127.5 - 1)
    scale = np.exp(-1.5)
    nats = -np.log(logistic.cdf(upper, means, scale) - logistic.cdf(lower, means, scale)).sum(axis=(1, 2, 3)).mean()
    # KL(N(e, s^2) || N(0, 1)) of 4 latents: with sigma^2 in the loss, with 0.1 sigma^2 in the bound.
    of_loss = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean() / 2
    true = (mean**2 + 0.1 * np.exp(log_variance) - 1 - log_variance - np.log(0.1)).sum(axis=1).mean() / 2
    measured = {name: float(x) for name, x in m.measures(Batch(images), BatchNoise(m, 8, NOISE, 0), True).items()}
    expected = (nats + 0.5 * of_loss) / 64  # 64 values
    if build is AIQNVAE:
        tau, codes = m.noise((8, 4), seeds[1]), mean.astype("float32")
        quantile = np.mean(quantile_huber(codes, m.aiqn(codes, tau), tau, 0.002))
        assert measured["aiqn_loss"] == pytest.approx(quantile, rel=1e-4)
        assert np.abs(norm.cdf(epsilon) - tau).max() > 0.1, "two streams"
        expected += 4 * quantile / 64  # the paper's sum over the 4 latents, on the scale of the 64 values
    assert measured["loss"] == pytest.approx(expected, rel=1e-4)
    assert measured["kl"] == pytest.approx(true, rel=1e-4)
    assert measured["bits_per_dim"] == pytest.approx((nats + true) / 64 / np.log(2), rel=1e-4)


@MODELS
def test_squared_errors_plus_two_kl_by_numpy(build):
    # The implementation that the supplement names: per image, sum of (x - d(z))^2 plus 2 KL.
    m = model(build, likelihood="squared_error", kl_weight=2.0)
    images, seeds = IMAGES[:8], [stream(m.random_state, NOISE, 0), stream(m.random_state, NOISE, 1)]
    x = images / np.float32(127.5) - 1
    mean, log_variance = (part.numpy().astype("float64") for part in m.encoder(x))
    latents = mean + np.sqrt(np.exp(log_variance)) * norm.ppf(m.noise((8, 4), seeds[0]))
    error = np.square(x - m.decoder(latents.astype("float32")).numpy()).sum(axis=(1, 2, 3)).mean()
    kl = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean() / 2
    measured = {name: float(x) for name, x in m.measures(Batch(images), BatchNoise(m, 8, NOISE, 0), True).items()}
    constant = 64 * (0.5 * np.log(np.pi) - np.log(2 / 255))
    quantile = 4 * measured["aiqn_loss"] if build is AIQNVAE else 0
    assert 64 * measured["loss"] == pytest.approx(error + 2 * kl + constant + quantile, rel=1e-5)
    assert measured["bits_per_dim"] == pytest.approx((error + kl + constant) / 64 / np.log(2), rel=1e-5)


@pytest.mark.long
def test_squared_errors_train_and_reload(tmp_path):
    m = model(likelihood="squared_error")
    fit(m)
    m.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.likelihood == "squared_error" and not hasattr(again, "log_scale")
    assert_equal(weights(again), weights(m))


def test_with_unit_weights_the_loss_is_the_bound():
    history = fit(model(VAE), IMAGES[:8])
    assert history["bits_per_dim"][0] == pytest.approx(history["loss"][0] / np.log(2), rel=1e-5)


def test_step_descends_the_loss_of_every_part():
    # The gradient of the whole loss, stop_gradient=False: SGD moves every weight against it.
    m = model(optimizer=keras.optimizers.SGD(0.1), stop_gradient=False)
    with tf.GradientTape() as tape:
        loss = m.measures(Batch(IMAGES[:8]), BatchNoise(m, 8, NOISE, 0), training=True)["loss"]
    before, start_of_aiqn = [v.numpy() for v in m.trainable_variables], m.aiqn.get_weights()
    gradients = tape.gradient(loss, m.trainable_variables)
    assert fit(m, IMAGES[:8])["loss"] == [pytest.approx(float(loss), rel=1e-4)]
    for start, gradient, after in zip(before, gradients, m.trainable_variables, strict=True):
        np.testing.assert_allclose(after, start - 0.1 * gradient.numpy(), atol=1e-5)
        assert np.abs(gradient).max() > 0
    # After step 0 the average is d = min(0.9, 1/10) of the old one, which began as the AIQN did.
    for average, old, new in zip(m.average.weights, start_of_aiqn, m.aiqn.weights, strict=True):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * new.numpy(), atol=1e-6)


@pytest.mark.parametrize("stop", [True, False])
def test_whether_the_quantile_term_reaches_the_encoder(stop):
    m = model(stop_gradient=stop)
    with tf.GradientTape() as tape:
        codes, _ = m.encoder(IMAGES / np.float32(127.5) - 1)
        loss = tf.reduce_mean(m.code_losses(codes, m.noise((32, 4), [1, 2]), m.aiqn))
    encoder, aiqn = tape.gradient(loss, [m.encoder.trainable_variables, m.aiqn.trainable_variables])
    assert max(np.abs(g).max() for g in aiqn) > 0
    reached = [g is not None and np.abs(g).max() > 0 for g in encoder]
    assert any(reached) != stop


def test_average_serves_sampling_and_evaluation_and_never_trains(trained):
    trainable = {id(v) for v in trained.trainable_variables}
    assert not trainable & {id(v) for v in trained.average.weights} and id(trained.log_scale) in trainable
    sample, loss, kept = trained.sample(2), trained.evaluate(IMAGES, verbose=0), trained.aiqn.get_weights()
    trained.aiqn.set_weights([0 * v for v in kept])
    np.testing.assert_array_equal(trained.sample(2), sample)
    assert trained.evaluate(IMAGES, verbose=0) == loss
    trained.aiqn.set_weights(kept)


def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    def made():
        return model(seed=3, kl_weight=0.5, run_eagerly=False)

    with reloaded(made, lambda m, halves: fit(m, epochs=halves), tmp_path) as (half, again):
        assert type(again) is AIQNVAE and again.step == 4
        np.testing.assert_array_equal(again.sample(3), half.sample(3))
        np.testing.assert_array_equal(again.bits_per_dim(IMAGES[:3]), half.bits_per_dim(IMAGES[:3]))


def test_configuration_survives_saving(tmp_path):
    options = {"likelihood": "discretized_logistic", "importance_samples": 1, "levels": 17,
               "kl_weight": 0.25, "latent_variance": 0.5, "kappa": 0.1, "average_decay": 0.5, "stop_gradient": False,
               "seed": 9}  # fmt: skip
    m = model(**options)
    assert set(options) == set(inspect.signature(AIQNVAE.__init__).parameters) - {
        "self", "encoder", "decoder", "aiqn", "kwargs",
    }  # fmt: skip
    m.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert {name: getattr(again, name) for name in options} == options


def test_a_vae_reloads(tmp_path):
    vae = model(VAE, kl_weight=0.5)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert type(again) is VAE and again.kl_weight == 0.5
    assert_equal(weights(again), weights(vae))


def test_seed_decides_everything():
    a, b, c = model(seed=3), model(seed=3), model(seed=4)
    for m in (a, b, c):
        fit(m, IMAGES[:8])
    assert_equal(weights(a), weights(b))
    assert np.abs(a.encoder.weights[0] - c.encoder.weights[0]).max() > 0


def test_evaluate_repeats_and_changes_no_weight(trained):
    before = weights(trained)
    first = trained.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    assert first == trained.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    assert set(first) == {"loss", "bits_per_dim", "kl", "aiqn_loss"}
    assert_equal(weights(trained), before)


def test_a_dataset_trains_as_an_array_does():
    arrays, batches = model(VAE), model(VAE)
    fit(arrays)
    batches.fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(8), shuffle=False, verbose=0)
    for a, b in zip(weights(arrays), weights(batches), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_loss_that_is_not_finite_stops_with_its_step():
    m = model()
    m.log_scale.assign([np.nan])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"loss is not finite at step'\s+1\s+nan"):
        fit(m)


@pytest.mark.parametrize("way", ["aiqn", "prior"])
def test_sample_i_depends_on_seed_and_i_alone(way):
    m = model()
    many = m.sample(5, seed=7, way=way)
    assert many.shape == (5, 8, 8, 1) and many.dtype == np.uint8
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2, way=way), many[:3])
    assert [len(b) for b in m.sample_batches(5, 7, 2, way=way)] == [2, 2, 1]
    assert np.any(m.sample(5, seed=8, way=way) != many)
    # A sample is the decoder's mean at its latents.
    np.testing.assert_array_equal(m.decode(m.sample_latents(5, seed=7, way=way)), many)


def test_ways_of_sampling():
    m, vae = model(), model(VAE)
    np.testing.assert_array_equal(m.sample(4), m.sample(4, way="aiqn"))
    assert np.any(m.sample(4) != m.sample(4, way="prior"))
    np.testing.assert_array_equal(vae.sample(4), vae.sample(4, way="prior"))
    # The same levels: the prior's latents are their normal quantiles, whatever the AIQN.
    np.testing.assert_array_equal(vae.sample_latents(4), m.sample_latents(4, way="prior"))
    tau = norm.cdf(m.sample_latents(4, way="prior")).astype("float32")
    np.testing.assert_allclose(m.sample_latents(4), m.average.sample(tau), atol=1e-4)
    with pytest.raises(ValueError, match="way must be \"prior\" for VAE. Received: 'aiqn'. A VAE has no AIQN"):
        vae.sample(4, way="aiqn")
    with pytest.raises(ValueError, match='way must be "aiqn" or "prior" for AIQNVAE. Received: \'posterior\'.$'):
        m.sample(4, way="posterior")


def test_prior_latents_are_standard_normal():
    latents = model(VAE).sample_latents(5000, seed=1, batch_size=5000)
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(4), atol=0.08)


def test_reconstruction_is_decoding_the_code():
    m = model()
    codes = m.encode(IMAGES, batch_size=9)
    np.testing.assert_allclose(codes, m.encoder(IMAGES / np.float32(127.5) - 1)[0], atol=1e-5)
    np.testing.assert_array_equal(m.reconstruct(IMAGES, batch_size=7), m.decode(codes))
    grey = np.clip(np.round((m(IMAGES / np.float32(127.5) - 1).numpy() + 1) * 127.5), 0, 255)
    np.testing.assert_allclose(m.reconstruct(IMAGES), grey, atol=1)


def test_interpolation_goes_straight_between_reconstructions():
    m = model()
    line = m.interpolate(IMAGES[:3], IMAGES[3:6], steps=5, batch_size=4)
    assert line.shape == (3, 5, 8, 8, 1) and line.dtype == np.uint8
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:3]))
    np.testing.assert_array_equal(line[:, -1], m.reconstruct(IMAGES[3:6]))
    middle = (m.encode(IMAGES[:3]) + m.encode(IMAGES[3:6])) / 2
    np.testing.assert_array_equal(line[:, 2], m.decode(middle))


@pytest.fixture(scope="module")
def linear():
    """Two pixels and one latent, made by hand: means (0.6 z + 0.1, -0.4 z), scale 0.1, a posterior that is off."""
    images = keras.Input((1, 2, 1))
    flat = keras.layers.Flatten()(images)
    mean, log_variance = keras.layers.Dense(1), keras.layers.Dense(1)
    encoder = keras.Model(images, [mean(flat), log_variance(flat)])
    latents = keras.Input((1,))
    dense = keras.layers.Dense(2)
    decoder = keras.Model(latents, keras.layers.Reshape((1, 2, 1))(dense(latents)))
    mean.set_weights([np.array([[1.0], [-0.8]]), np.array([0.1])])
    log_variance.set_weights([np.zeros((2, 1)), np.array([1.0])])
    dense.set_weights([np.array([[0.6, -0.4]]), np.array([0.1, 0.0])])
    m = VAE(encoder, decoder, latent_variance=0.2)
    m.log_scale.assign([np.log(0.1)])
    return m


PIXELS = np.array([[150, 120], [255, 40], [0, 200], [90, 160]], "uint8")[:, None, :, None]


@pytest.fixture(scope="module")
def true_bits():
    """-log2 p(x) / 2 of PIXELS, by the integral over z on a fine grid."""
    z = np.linspace(-8, 8, 8001)
    means = np.stack([0.6 * z + 0.1, -0.4 * z], axis=-1)
    lower = np.where(PIXELS == 0, -np.inf, (PIXELS - 0.5) / 127.5 - 1)[:, 0, :, 0]
    upper = np.where(PIXELS == 255, np.inf, (PIXELS + 0.5) / 127.5 - 1)[:, 0, :, 0]
    likelihood = logistic.cdf(upper[:, None], means, 0.1) - logistic.cdf(lower[:, None], means, 0.1)
    return -np.log2(np.trapezoid(likelihood.prod(axis=-1) * norm.pdf(z), z, axis=1)) / 2


def mean_bound(m, samples, repeats):
    """The mean over `repeats` draws for each of PIXELS: the noise of an image is its own, wherever it stands."""
    bits = m.bits_per_dim(np.tile(PIXELS, (repeats, 1, 1, 1)), samples, batch_size=4 * repeats)
    return bits.reshape(repeats, 4).mean(axis=0)


def test_bounds_fall_to_the_true_likelihood(linear, true_bits):
    elbo, few, many = mean_bound(linear, 1, 400), mean_bound(linear, 4, 200), mean_bound(linear, 4000, 1)
    np.testing.assert_allclose(many, true_bits, atol=0.03)
    # In expectation each is above the next: here by far more than the noise of the means.
    assert np.all(elbo > few + 0.02) and np.all(few > true_bits + 0.02)


def test_one_sample_has_the_expectation_of_the_elbo(linear):
    # ELBO by the integral over q(z | x) = N(e, 0.2 e^1): reconstruction, and the closed form of KL.
    x = PIXELS[:, 0, :, 0] / 127.5 - 1
    mean, variance = x @ [1.0, -0.8] + 0.1, 0.2 * np.exp(1.0)
    points, masses = np.polynomial.hermite_e.hermegauss(60)
    z = mean[:, None] + np.sqrt(variance) * points
    means = np.stack([0.6 * z + 0.1, -0.4 * z], axis=-1).astype("float32")
    nats = ops.convert_to_numpy(discretized_logistic(PIXELS[:, :, :, 0], means, np.float32(np.log(0.1)))).sum(axis=-1)
    expected = nats @ masses / masses.sum() + (mean**2 + variance - 1 - np.log(variance)) / 2
    np.testing.assert_allclose(mean_bound(linear, 1, 1500), expected / 2 / np.log(2), rtol=0.03)


def test_bound_of_an_image_is_its_own(linear):
    bits = linear.bits_per_dim(PIXELS, 5, seed=3)
    assert bits.shape == (4,) and bits.dtype == np.float32
    np.testing.assert_allclose(linear.bits_per_dim(PIXELS, 5, seed=3, batch_size=3), bits, rtol=1e-5)
    np.testing.assert_allclose(linear.bits_per_dim(PIXELS[:2], 5, seed=3), bits[:2], rtol=1e-5)
    assert np.all(linear.bits_per_dim(PIXELS, 5, seed=4) != bits)
    assert linear.bound_function.experimental_get_tracing_count() == 1


def test_evaluation_agrees_with_the_bound_of_one_sample(trained):
    reported = trained.evaluate(IMAGES, verbose=0, return_dict=True)["bits_per_dim"]
    bounds = [trained.bits_per_dim(IMAGES, 1, seed=seed).mean() for seed in range(10)]
    assert np.mean(bounds) == pytest.approx(reported, rel=0.02)


def test_what_is_served():
    assert set(model(VAE).signatures()) == {"sample", "reconstruct", "score"}


def test_mixed_precision_trains_and_samples():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        m = model()
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(fit(m)["loss"]).all() and m.sample(2).dtype == np.uint8
    assert m.bits_per_dim(IMAGES[:2]).dtype == np.float32


def test_levels_of_the_data():
    """A grey value 128 is level 8 of 17, x = 0, whose bin reaches 1/16 to each side; the scale is e^-2."""
    m = model(VAE, levels=17)
    images, means = np.full((2, 8, 8, 1), 128, "uint8"), np.zeros((2, 8, 8, 1), "float32")
    # P = S(e^2 / 16) - S(-e^2 / 16) = tanh(e^2 / 32), for each of 64 values.
    expected = -64 * np.log(np.tanh(np.exp(2) / 32))
    np.testing.assert_allclose(m.reconstruction(images, means), expected, rtol=1e-5)
    assert model(levels=17).get_config()["levels"] == 17


def test_images_of_other_levels_are_refused():
    m = model(VAE, levels=17)
    images = np.full((8, 8, 8, 1), 128, "uint8")
    assert m.bits_of == "17 levels" and np.isfinite(m.bits_per_dim(images)).all()
    served = tf.function(m.signatures()["score"].function)
    np.testing.assert_allclose(served(tf.constant(images))["bits_per_dim"][0], m.bits_per_dim(images)[0], rtol=1e-5)
    images[3, 1, 2] = 7
    with pytest.raises(tf.errors.InvalidArgumentError, match="images must have no more grey levels than levels=17"):
        served(tf.constant(images))
    refused = "must have no more grey levels than levels=17, which are spread over 0..255. Received: 7"
    batches = tf.data.Dataset.from_tensor_slices(images).batch(4)
    for use in (m.bits_per_dim, m.fit, m.evaluate, lambda x: m.fit(batches)):
        with pytest.raises(ValueError, match=refused):
            use(images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kl_weight": -0.5}, "kl_weight must be 0 or positive. Received: -0.5"),
        ({"latent_variance": 0.0}, "latent_variance must be positive. Received: 0.0"),
        ({"kappa": -1.0}, "kappa must be 0 .* or positive. Received: -1.0"),
        ({"levels": 1}, "levels must be 2 to 256. Received: 1"),
        (
            {"levels": 17, "likelihood": "squared_error"},
            "levels must be left out where .*squared_error",
        ),
        ({"average_decay": 1.0}, r"average_decay must be in \[0, 1\). Received: 1.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        model(**options)


def test_networks_that_do_not_fit():
    encoder, decoder = parts()
    with pytest.raises(ValueError, match=r"encoder must have two outputs \(batch, latent_dim\)"):
        VAE(decoder, decoder)
    with pytest.raises(
        ValueError, match=r"decoder must take the encoder's latents, \(None, 4\). Received: \(None, 3\)"
    ):
        VAE(encoder, parts(latent_dim=3)[1])
    with pytest.raises(ValueError, match=r"encoder takes, \(8, 8, 1\). Received: \(8, 8, 3\)"):
        VAE(encoder, parts(channels=3)[1])
    with pytest.raises(ValueError, match="aiqn must be of the decoder's 4 latents. Received one of 5. Build it with"):
        AIQNVAE(encoder, decoder, networks.aiqn(5, 20))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (IMAGES[:0], "must hold at least one image"),
        (IMAGES[:, :4], r"images of shape \(8, 8, 1\).*Received: \(4, 8, 1\)"),
        (IMAGES.astype("float32"), r"uint8 images, 0\.\.255. Received: float32. Convert"),
        ([[1]], "must be a NumPy array or a tensor of images, or for training .* a generator. Received: list"),
    ],
)
def test_bad_images(x, message):
    m = model()
    for call in (m.fit, m.evaluate, m.encode, m.reconstruct, m.bits_per_dim):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_bad_arguments():
    m = model()
    for call, message in (
        (lambda: m.sample(0), "n must be at least 1 sample. Received: 0"),
        (lambda: m.sample_latents(0), "n must be at least 1 sample. Received: 0"),
        (lambda: m.bits_per_dim(IMAGES, 0), "samples must be at least 1. Received: 0"),
        (lambda: m.interpolate(IMAGES[:2], IMAGES[:2], steps=1), "steps must be at least 2, the two ends. Received: 1"),
        (lambda: m.interpolate(IMAGES[:2], IMAGES[:3]), "start and end must be equally many images. Received: 2 and 3"),
        (lambda: m.decode(np.zeros((2, 3))), r"latents must have shape \(n, 4\), n at least 1. Received: \(2, 3\)"),
        (lambda: m.decode(np.zeros((0, 4))), r"Received: \(0, 4\)"),
        (lambda: m.decode(np.full((1, 4), np.nan)), "latents must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
