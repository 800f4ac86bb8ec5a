"""AV-ADE and its relatives: losses by NumPy, which loss moves what, density and sampler, second stages, saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from qrkeras import models, networks
from qrkeras.losses import quantized
from qrkeras.models.abilities import HasLikelihood, JudgesRealism, Reconstructs, SharesLatents, can, require
from qrkeras.models.ade import LAST_NOISE
from qrkeras.models.noise import INTERPOLATION, NOISE, BatchNoise, stream
from qrkeras.models.reports import Batch
from tests.support.going_on import reloaded
from tests.support.weights import assert_equal, weights

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 8, 8, 1)).astype("uint8")
N = 24  # latents: 2 of 2 x 2, then 1 of 4 x 4
VARIANTS = ("gan", "vae", "v-ade", "av-gde", "av-ade")


def model(variant="av-ade", run_eagerly=True, optimizer=None, update="simultaneous", coloured=False, **options):
    """A model whose flow is not the identity."""
    gan, flow, discriminator = variant == "gan", variant.endswith("v-ade"), variant not in ("vae", "v-ade")
    sizes = {"planes": (4, 4), "latent_planes": (1, 2), "blocks": (1, 1), "stem": (3, 2), "top_prior": "standard"}
    channels = 3 if coloured else 1
    hierarchy = networks.top_down(8, channels, **sizes, flow=False, random="top" if gan else "all", seed=1)
    flow = networks.real_nvp((8, 8, channels), width=2, blocks=1, seed=2) if flow else None
    if flow is not None:
        rng = np.random.default_rng(1)
        for weight in flow.trainable_variables:
            weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    discriminator = networks.plain_discriminator(8, channels, (4, 4), (2, 2), seed=3) if discriminator else None
    options = {"coverage": "encoder" if gan else "all", **options}
    if discriminator:
        options = {"gradient_penalty": 3.0, **({} if gan else {"adversarial_weight": 7.0}), **options}
    made = models.DensityModel(hierarchy, flow, discriminator, **options)
    optimizer = optimizer or (lambda: keras.optimizers.Adamax(2e-3))
    made.compile(optimizer(), optimizer() if discriminator else None, update=update, run_eagerly=run_eagerly)
    return made


def fit(m, x=IMAGES, epochs=1):
    return m.fit(x, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def measured(m, images=IMAGES[:8], training=True):
    noise = BatchNoise(m, len(images), NOISE, 0)
    return {name: float(x) for name, x in m.measures(Batch(images), noise, training).items()}


def moved(m, steps=1):
    """Names of the parts, and of sigma, of which some weight is another after training."""
    before = {name: weights(part) for name, part in m.parts.items()}
    sigma = float(m.log_scale.numpy())
    fit(m, IMAGES[: 8 * steps])
    found = {
        name
        for name, part in m.parts.items()
        if any(np.any(a != b) for a, b in zip(before[name], weights(part), strict=True))
    }
    return found | ({"sigma"} if float(m.log_scale.numpy()) != sigma else set())


def test_losses_by_numpy():
    m = model()
    m.log_scale.assign(-0.7)
    images, sigma = IMAGES[:8], np.exp(-0.7)
    tau, fake = (m.noise((8, N + 64), stream(m.random_state, NOISE, i)).numpy() for i in (0, 1))
    x = (images + tau[:, N:].reshape(8, 8, 8, 1)) / 128 - 1
    y, log_det = (each.numpy().astype("float64") for each in m.flow(x.astype("float32")))
    inferred = m.hierarchy(y.astype("float32"), norm.ppf(tau[:, :N]).astype("float32"))
    log_p = norm.logpdf(y, inferred.outputs.numpy(), sigma).sum(axis=(1, 2, 3))
    kl = 0  # of the two layers, in closed form
    for m1, l1, m2, l2 in (map(np.asarray, gaussian) for gaussian in inferred.gaussians):
        kl += (l2 - l1 + (np.exp(2 * l1) + (m1 - m2) ** 2) / (2 * np.exp(2 * l2)) - 0.5).sum(axis=(1, 2, 3))
    covered = -np.mean(log_p - kl + log_det)
    features = m.hierarchy.generate(norm.ppf(fake[:, :N]).astype("float32"))[1].numpy()
    features += sigma * norm.ppf(fake[:, N:]).reshape(8, 8, 8, 1)
    drawn = m.flow(features.astype("float32"), inverse=True).numpy()
    real_logits, fake_logits = (m.discriminator(each.astype("float32")).numpy() for each in (x, drawn))
    e = tf.random.stateless_uniform([8], stream(m.random_state, INTERPOLATION)).numpy()[:, None, None, None]
    points = tf.constant(e * x + (1 - e) * drawn, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits = m.discriminator(points)
    norms = np.sqrt(np.sum(tape.gradient(logits, points).numpy() ** 2, axis=(1, 2, 3)))
    found = measured(m)
    d_loss = np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))
    expected = {
        "adversarial_loss": -np.mean(fake_logits), "d_loss": d_loss, "d_total": d_loss + 3 * np.mean((norms - 1) ** 2),
        "loss": covered - 7 * np.mean(fake_logits), "kl": np.mean(kl),
        "bits_per_dim": covered / 64 / np.log(2) + 7,
    }  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert "d_total" in measured(m, training=False) and measured(m, training=False)["d_total"] == found["d_loss"]


def test_a_flow_that_doubles_costs_no_bits():
    # y = 2 x, with means and deviation doubled, has half the density, which the log-determinant makes up for.
    plain, doubled = model("vae"), model("v-ade")
    doubled.flow = networks.real_nvp((8, 8, 1), width=2, blocks=1)  # the identity
    doubled.flow.scale.checkerboards[1].scale.assign([np.log(2)])
    for m in (plain, doubled):
        for weight in m.hierarchy.weights:
            if weight.name in ("gain", "bias"):
                weight.assign(np.zeros(weight.shape))
        m.hierarchy.head.bias.assign([0.1 if m is plain else 0.2])
        m.log_scale.assign(np.log(0.5) if m is plain else 0.0)
    np.testing.assert_allclose(plain.bits_per_dim(IMAGES), doubled.bits_per_dim(IMAGES), rtol=1e-5)


@pytest.mark.parametrize("variant", ["v-ade", "vae"])
def test_density_and_sampler_are_of_one_distribution(variant):
    # One grey value: probabilities of all 256 levels, by importance samples, are the shares of samples there.
    hierarchy = networks.top_down(1, 1, (3,), (2,), (1,), stem=(1, 1), flow=False, seed=1)
    flow = networks.real_nvp((1, 1, 1), width=2, blocks=1, seed=2) if variant == "v-ade" else None
    rng = np.random.default_rng(0)
    m = models.DensityModel(hierarchy, flow)
    for weight in m.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) * 0.5)
    m.log_scale.assign(0.0)
    samples, draws = 400, 100_000
    levels = np.repeat(np.arange(256, dtype="uint8"), samples).reshape(-1, 1, 1, 1)
    _, log_ratio, outputs = m.infer(m.posterior(levels), m.noise((len(levels), 3), [1, 2]))
    weight = np.exp(np.asarray(log_ratio - m.reconstruction(levels, outputs), "float64")).reshape(256, samples)
    drawn = m.image_of(m.generate(m.noise((draws, 3), [3, 4]), "gaussian")[1]).numpy().ravel()
    inside = (drawn >= -1) & (drawn < 1)
    assert 0.3 < inside.mean() < 0.999
    assert weight.mean(axis=1).sum() == pytest.approx(inside.mean(), abs=0.01)
    for share, expected in zip(
        np.histogram(drawn, np.linspace(-1, 1, 9))[0] / draws, weight.mean(axis=1).reshape(8, 32).sum(axis=1)
    ):
        assert share == pytest.approx(expected, abs=0.008)


MOVES = {
    "gan": {"encoder", "decoder", "discriminator", "sigma"},
    "vae": {"encoder", "decoder", "sigma"},
    "v-ade": {"encoder", "decoder", "flow", "sigma"},
    "av-gde": {"encoder", "decoder", "discriminator", "sigma"},
    "av-ade": {"encoder", "decoder", "flow", "discriminator", "sigma"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_moves(variant):
    assert moved(model(variant)) == MOVES[variant]


def _without(monkeypatch, method, name):
    """DensityModel with a loss that is 0 whatever the weights."""
    plain = getattr(models.DensityModel, method)
    monkeypatch.setattr(
        models.DensityModel, method, lambda *args: {k: 0.0 * v if k == name else v for k, v in plain(*args).items()}
    )


def test_the_discriminators_judgement_moves_neither_flow_nor_encoder_nor_sigma(monkeypatch):
    _without(monkeypatch, "_covered", "loss")
    assert moved(model("av-ade")) == {"decoder", "discriminator"}


@pytest.mark.parametrize("variant", ["av-ade", "av-gde"])
def test_one_update_of_the_sum(variant):
    # Of plain descent a weight moves by its gradient: L_C alone, and w = 7 times L_Q alone, add up. Discriminator and
    # decoder have weights large enough that what L_Q does stands above rounding.
    rng = np.random.default_rng(2)
    noise = {}

    def loud(**options):
        m = model(variant, **options)
        for part, size in ((m.hierarchy.decoder, 0.3), (m.discriminator, 0.5)):
            for i, weight in enumerate(part.trainable_variables):
                moves = noise.setdefault((size, i), size * rng.normal(size=weight.shape))
                weight.assign(weight + moves)
        return m

    steps = {}
    for name, options in {"both": {}, "covered": {"adversarial_weight": 0.0}}.items():
        m = loud(optimizer=lambda: keras.optimizers.SGD(1e-3), **options)
        steps[name] = [a.copy() for a in m.hierarchy.decoder.get_weights()]
        fit(m, IMAGES[:8])
        steps[name] = [b - a for a, b in zip(steps[name], m.hierarchy.decoder.get_weights())]
    m = loud()
    with tf.GradientTape() as tape:
        judged = m.measures(Batch(IMAGES[:8]), BatchNoise(m, 8, NOISE, 0), True)["adversarial_loss"]
    gradients = tape.gradient(judged, m.hierarchy.decoder.trainable_variables)
    rounding = 2e-7  # of weights around 1
    for both, covered, gradient in zip(steps["both"], steps["covered"], gradients, strict=True):
        assert 7e-3 * np.abs(gradient).max() > 10 * rounding
        np.testing.assert_allclose(both - covered, -7e-3 * gradient, atol=rounding, rtol=1e-3)


def test_nothing_of_a_gans_bound_reaches_its_decoder(monkeypatch):
    plain = model("gan")
    fit(plain)
    _without(monkeypatch, "_covered", "loss")
    without = model("gan")
    assert moved(without, 2) == {"decoder", "discriminator"}
    for part in ("decoder", "discriminator"):
        assert_equal(weights(plain.parts[part]), weights(without.parts[part]))
    none = model("gan", coverage="none")
    fit(none)
    assert_equal(weights(plain.parts["decoder"]), weights(none.parts["decoder"]))


def test_a_second_stage_moves_encoder_and_sigma_alone():
    m = model("gan")
    fit(m)  # so that optimizers have momenta
    m.freeze("decoder", "discriminator")
    assert moved(m, 2) == {"encoder", "sigma"}


@pytest.mark.parametrize(("plain", "mapped"), [("vae", "v-ade"), ("av-gde", "av-ade")])
def test_until_flow_from_the_flow_is_still_and_where_it_is_the_identity_it_is_not_there(plain, mapped):
    one, two = model(plain), model(mapped, flow_from=2)
    two.flow.set_weights(networks.real_nvp((8, 8, 1), width=2, blocks=1, seed=2).get_weights())
    one.initialize(IMAGES), two.initialize(IMAGES)
    assert measured(one) == measured(two)
    fit(one), fit(two)  # 2 steps
    for part in one.parts:
        for a, b in zip(weights(one.parts[part]), weights(two.parts[part]), strict=True):
            # Bit for bit but where two gradients of one kernel are added, in whatever order.
            np.testing.assert_allclose(a, b, rtol=0, atol=0 if plain == "vae" else 1e-5)
    assert "flow" in moved(two)


@pytest.mark.parametrize(
    "options", [{"adversarial_weight": 0.0}, pytest.param({"adversarial_from": 2}, marks=pytest.mark.long)]
)
def test_without_weight_a_discriminator_changes_nothing_else(options):
    one, two = model("v-ade"), model("av-ade", **options)
    fit(one), fit(two)
    for part in one.parts:
        assert_equal(weights(one.parts[part]), weights(two.parts[part]))
    if "adversarial_from" in options:
        fit(one), fit(two)
        assert any(np.any(a != b) for a, b in zip(weights(one.parts["decoder"]), weights(two.parts["decoder"])))


def test_alternating_players():
    assert moved(model("av-ade", update="alternating")) == MOVES["av-ade"]
    assert moved(model("gan", update="alternating")) == MOVES["gan"]


@pytest.mark.long
def test_traced_steps_are_those_of_eager_ones():
    eager, traced = model("av-ade"), model("av-ade", run_eagerly=False)
    fit(eager), fit(traced)
    for a, b in zip(weights(eager), weights(traced)):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_draws():
    m = model()
    fit(m, epochs=2)
    many = m.sample(5, seed=7)
    assert many.shape == (5, 8, 8, 1) and many.dtype == np.uint8
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), many[:3])
    tau = m.noise_of_seeds(np.array([[7, 0], [7, 1]], "int32")).numpy()
    mean = m.hierarchy.generate(norm.ppf(tau[:, :N]).astype("float32"))[1].numpy()
    noise = norm.ppf(tau[:, N:]).reshape(2, 8, 8, 1).astype("float32")
    for way, features in (("mean", mean), ("gaussian", mean + np.exp(m.log_scale.numpy()) * noise)):
        x = m.flow(features, inverse=True).numpy()
        grey = np.clip(np.floor(128 * (x + 1)), 0, 255)
        assert np.mean(m.sample(2, seed=7, way=way) == grey) > 0.99
    assert m.WAYS == ("gaussian", "mean") and model("gan").WAYS == ("mean", "gaussian")


def test_draws_that_share_their_latents():
    m = model("v-ade")
    rows = m.draws(3, 2, seed=7)
    assert rows.shape == (3, 3, 8, 8, 1) and rows.dtype == np.uint8
    np.testing.assert_array_equal(rows[:, 0], m.sample(3, seed=7, way="mean"))
    np.testing.assert_array_equal(rows[0, 1], m.sample(1, seed=7, way="gaussian")[0])  # both of seed (7, 0)
    again = m.redraw(IMAGES[:2], 2, seed=7)
    np.testing.assert_array_equal(again[:, 0], m.reconstruct(IMAGES[:2]))
    # Draw j of image i has the noise of seed (7, 2 i + j), around the features that the code of image i means.
    mean = m.hierarchy.decode(m.encode(IMAGES[:2])).numpy()
    tau = m.noise_of_seeds(np.array([[7, 0], [7, 1], [7, 2], [7, 3]], "int32")).numpy()
    noise = norm.ppf(tau[:, N:]).reshape(4, 8, 8, 1)
    features = np.repeat(mean, 2, axis=0) + np.exp(m.log_scale.numpy()) * noise
    x = m.flow(features.astype("float32"), inverse=True).numpy()
    grey = np.clip(np.floor(128 * (x + 1)), 0, 255).reshape(2, 2, 8, 8, 1)
    assert np.mean(again[:, 1:] == grey) > 0.99
    with pytest.raises(ValueError, match="draws must be at least 1. Received: 0"):
        m.draws(2, 0)
    assert not can(model("gan", coverage="none"), SharesLatents) and can(model("gan"), SharesLatents)


def test_levels_come_back_whatever_the_noise():
    v = np.arange(256, dtype="uint8")[:, None, None, None] * np.ones((1, 8, 8, 1), "uint8")
    m = model("vae")
    for u in (0.0, 0.5, 1 - 2**-24):
        x = m.dequantized(v, np.full((256, N + 64), u, "float32"))
        np.testing.assert_array_equal(quantized(x), v)
    assert LAST_NOISE == 1 - 2**-16


@pytest.mark.long
def test_reconstructions_codes_and_bounds():
    m = model()
    m.initialize(IMAGES)
    fit(m, epochs=3)
    codes = m.encode(IMAGES[:4])
    y = m.flow(((IMAGES[:4] + 0.5) / 128 - 1).astype("float32"))[0]
    np.testing.assert_allclose(codes, m.hierarchy(y, np.zeros((4, N), "float32")).latents, atol=1e-5)
    line = m.interpolate(IMAGES[:2], IMAGES[2:4], steps=3)
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:2]))
    one, many = (np.mean([m.bits_per_dim(IMAGES, s, seed=seed).mean() for seed in range(6)]) for s in (1, 20))
    reported = m.evaluate(IMAGES, verbose=0, return_dict=True)["bits_per_dim"]
    assert many < one and one == pytest.approx(reported, rel=0.02)
    # Each importance sample fills the grey levels with noise of its own: seen through the log-determinant.
    seeds = np.array([[5, 0], [5, 1]], "int32")
    outputs = [m.infer(m.posterior(IMAGES[:2]), m.noise_of_seeds(seeds, index=s))[-1] for s in (0, 1)]
    assert np.all(outputs[0][0] != outputs[1][0])


@pytest.mark.long
@pytest.mark.parametrize("variant", ["gan", "av-ade"])
def test_a_reloaded_model_goes_on_as_if_never_stopped(variant, tmp_path):
    def started():
        m = model(variant, run_eagerly=False, seed=3, **({"flow_from": 3} if variant == "av-ade" else {}))
        m.initialize(IMAGES)
        return m

    with reloaded(started, lambda m, halves: fit(m, epochs=halves), tmp_path) as (half, again):
        assert type(again) is models.DensityModel and again.step == 2
        assert (again.coverage, again.flow_from, again.WAYS) == (half.coverage, half.flow_from, half.WAYS)
        np.testing.assert_array_equal(again.sample(3), half.sample(3))


def test_what_is_frozen_is_so_when_it_is_loaded(tmp_path):
    m = model("gan")
    m.freeze("decoder", "discriminator")
    fit(m)
    m.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert moved(again) == {"encoder", "sigma"}
    assert [name for name, part in again.parts.items() if not part.trainable] == ["decoder", "discriminator"]


def test_a_gan_without_an_encoder_has_no_likelihood(tmp_path):
    m = model("gan", coverage="none")
    assert moved(m) == {"decoder", "discriminator"} and set(fit(m)) == {"d_loss", "adversarial_loss"}
    for ask in (lambda: m.bits_per_dim(IMAGES), lambda: m.reconstruct(IMAGES)):
        with pytest.raises(ValueError, match='coverage must be "encoder" or "all" for codes and a likelihood'):
            ask()
    assert not can(m, HasLikelihood) and not can(m, Reconstructs) and can(m, JudgesRealism)
    with pytest.raises(ValueError, match="has a likelihood.*Received: DensityModel, which was built without"):
        require(m, HasLikelihood)
    assert set(m.signatures()) == {"sample", "sample_gaussian", "realism"}
    assert can(model("vae"), HasLikelihood) and not can(model("vae"), JudgesRealism)
    with pytest.raises(ValueError, match="discriminator must be there for realism"):
        model("vae").realism(IMAGES)


@pytest.mark.long
def test_what_is_served(tmp_path):
    m = model(run_eagerly=False)
    fit(m)
    assert set(m.signatures()) == {"sample", "sample_mean", "reconstruct", "score", "realism"}
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    score = served["score"](images=tf.constant(IMAGES[:2]))["bits_per_dim"]
    np.testing.assert_allclose(score[:1], m.bits_per_dim(IMAGES[:1], seed=0), rtol=1e-4)
    logits = served["realism"](images=tf.constant(IMAGES))["logit"]
    np.testing.assert_allclose(logits[:, 0], m.realism(IMAGES), rtol=1e-4, atol=1e-5)


def conditional(run_eagerly=True, seed=1):
    sizes = {"planes": (4,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2), "flow": False, "num_classes": 3}
    hierarchy = networks.top_down(8, 1, **sizes, seed=seed)
    m = models.DensityModel(hierarchy, None, networks.residual_discriminator(8, 1, 2, (3, 3), 3, seed=2))
    m.compile(keras.optimizers.Adamax(2e-3), run_eagerly=run_eagerly)
    return m


def test_equal_rows_of_classes_are_the_model_without_classes():
    sizes = {"planes": (4,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2), "flow": False}
    plain = networks.top_down(8, 1, **sizes, seed=1)
    hierarchy = networks.top_down(8, 1, **sizes, num_classes=3, seed=1)
    for one, row in zip(plain.weights, hierarchy.weights, strict=True):
        one.assign(RNG.normal(size=one.shape) * 0.3)
        row.assign(np.broadcast_to(one, row.shape))
    x, noise = RNG.uniform(-1, 1, (4, 8, 8, 1)).astype("float32"), RNG.normal(size=(4, 16)).astype("float32")
    labels = np.array([0, 1, 2, 0])
    for a, b in zip(plain(x, noise), hierarchy(x, noise, labels)):
        for one, other in zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for weight in hierarchy.weights:
        if weight.name in ("gain", "bias"):
            weight.assign(weight + RNG.normal(size=weight.shape) * 0.1)
    mixed, alone = (hierarchy(x[:1], noise[:1], np.array([label])).outputs for label in (0, 1))
    assert np.any(mixed != alone)
    np.testing.assert_allclose(
        hierarchy(x, noise, labels).outputs[1:2], hierarchy(x[1:2], noise[1:2], labels[1:2]).outputs, atol=1e-5
    )


@pytest.mark.long
def test_with_classes(tmp_path):
    m, labels = conditional(run_eagerly=False), np.arange(16) % 3
    m.initialize(IMAGES, labels)
    m.fit(IMAGES, labels, batch_size=8, verbose=0)
    np.testing.assert_array_equal(m.sample(4, labels=[0, 1, 2, 0])[1:2], m.sample(2, labels=1)[1:])
    assert np.any(m.sample(2, labels=1) != m.sample(2, labels=2))
    bits = m.bits_per_dim(IMAGES, labels=labels)
    assert np.any(bits != m.bits_per_dim(IMAGES, labels=(labels + 1) % 3))
    assert m.reconstruct(IMAGES, labels=labels).shape == IMAGES.shape
    line = m.interpolate(IMAGES[:2], IMAGES[2:4], 3, labels=labels[:2])
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:2], labels=labels[:2]))
    alike = [m.interpolate(IMAGES[:2], IMAGES[2:4], 3, labels=each) for each in (2, [2, 2])]
    np.testing.assert_array_equal(*alike)
    assert m.realism(IMAGES, labels=labels).shape == (16,)
    np.testing.assert_array_equal(m.draws(4, 1)[:, 0], m.sample(4, way="mean"))  # the classes in turn
    again = m.redraw(IMAGES[:2], 2, labels=labels[:2])
    np.testing.assert_array_equal(again[:, 0], m.reconstruct(IMAGES[:2], labels=labels[:2]))
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    asked = {"images": tf.constant(IMAGES[:2]), "label": tf.constant(labels[:2], tf.int32)}
    np.testing.assert_allclose(
        served["score"](**asked)["bits_per_dim"][:1], m.bits_per_dim(IMAGES[:1], labels=labels[:1]), rtol=1e-4
    )
    np.testing.assert_array_equal(
        served["reconstruct"](**asked)["images"], m.reconstruct(IMAGES[:2], labels=labels[:2])
    )
    with pytest.raises(ValueError, match="labels must hold class labels, 0 to 2. Received: None"):
        m.bits_per_dim(IMAGES)
    m.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.sample(3), m.sample(3))


def test_networks_of_other_classes_are_named():
    classes = networks.residual_discriminator(8, 1, 2, (3, 3), 3)
    with pytest.raises(ValueError, match="Give both networks num_classes, or neither"):
        models.DensityModel(model("vae").hierarchy, None, classes)
    with pytest.raises(ValueError, match="discriminator must take images of .8, 8, 1. and labels"):
        models.DensityModel(conditional().hierarchy, None, model().discriminator)
    with pytest.raises(ValueError, match="labels must be None for a network without classes"):
        model("vae").bits_per_dim(IMAGES, labels=1)


def test_errors():
    m, gan = model(), model("gan")
    small = networks.top_down(4, 1, (2,), (1,), (1,), flow=False)
    batchwise = networks.sngan_discriminator(8, 1, width=4, batch_features="minibatch")
    for build, message in (
        (lambda: model(adversarial_weight=-1), "adversarial_weight must be 0 or positive. Received: -1"),
        (
            lambda: model("gan", adversarial_weight=1),
            "adversarial_weight must be None of a model without a discriminator",
        ),
        (lambda: model("v-ade", adversarial_weight=0), "adversarial_weight must be None of a model without a discrim"),
        (lambda: model("vae", gradient_penalty=1), "gradient_penalty must be None of a model without a discriminator."),
        (lambda: model(flow_from=-1), "flow_from must be a whole number of updates, 0 or more. Received: -1"),
        (lambda: model(flow_from=1.5), "flow_from must be a whole number of updates, 0 or more. Received: 1.5"),
        (lambda: model("av-gde", flow_from=2), "flow_from must be 0 of a model without a flow. Received: 2"),
        (lambda: model("gan", adversarial_from=2), "adversarial_from must be 0 of a model without a discriminator and"),
        (lambda: model("v-ade", adversarial_from=2), "adversarial_from must be 0 of a model without a discriminator"),
        (lambda: models.DensityModel(m.hierarchy, None, batchwise), "discriminator must judge each image for itself"),
        (lambda: model(coverage="some"), 'coverage must be "all" or "encoder" or "none". Received: \'some\''),
        (lambda: model("vae", coverage="encoder"), 'coverage must be "all" without a discriminator'),
        (lambda: model("av-ade", coverage="encoder"), "flow must be None for a GAN"),
        (lambda: models.DensityModel(small, m.flow), "flow must be of the hierarchy's images, .4, 4, 1.. Received"),
        (lambda: models.DensityModel(small, None, m.discriminator), "discriminator must take images of .4, 4, 1."),
        (lambda: m.compile("adamax", encoder_optimizer="adamax"), "encoder_optimizer must be None"),
        (lambda: model("vae").compile("adamax", "adamax"), "discriminator_optimizer must be None"),
        (lambda: m.compile(m.main_optimizer, m.main_optimizer), "must be two objects"),
        (lambda: gan.compile(update="both"), 'update must be "simultaneous" or "alternating"'),
        (lambda: m.sample(2, labels=1), "labels must be None for a network without classes"),
        (lambda: m.initialize(IMAGES.astype("float32")), "uint8 images"),
        (lambda: networks.real_nvp((6, 6, 1), scales=3), "image_shape must have sides that are multiples of 4"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
