"""AGAVE: loss by NumPy, whose gradient goes where, pretraining, draws, lines, saving, what is served."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import logistic, norm

from qrkeras import losses, networks
from qrkeras.models import AGAVE
from qrkeras.models.noise import NOISE, BatchNoise, sample_seeds, stream
from qrkeras.models.reports import Batch
from tests.support.going_on import reloaded

RNG = np.random.default_rng(0)
IMAGES = np.round(255 * RNG.integers(0, 17, (32, 8, 8, 1)) / 16).astype("uint8")
COLOURED = RNG.integers(0, 256, (8, 8, 8, 3)).astype("uint8")


def model(auxiliary=None, channels=1, levels=17, dropout=0.0, run_eagerly=True, initialize=True, **options):
    """Latents 1 of 4 x 4, twice: 32."""
    auxiliary = auxiliary or losses.Auxiliary(levels)
    height, _, outputs = auxiliary.shape_of((8, 8, channels))
    sizes = {"planes": (4,), "latent_planes": (1,), "blocks": (2,), "stem": (3, 2)}
    hierarchy = networks.top_down(8, channels, **sizes, output_size=height, output_channels=outputs, seed=1)
    sizes = {"planes": 3, "blocks": 1, "resolutions": 1, "components": 2, "levels": levels, "dropout": dropout}
    network = networks.pixelcnnpp(8, channels, **sizes, condition=hierarchy.outputs_shape, seed=2)
    made = AGAVE(hierarchy, network, auxiliary, **{"average_decay": 0.9, **options})
    if initialize:
        made.initialize(IMAGES if channels == 1 else COLOURED)
        for weight in made.network.weights:
            if weight.name == "condition":  # it begins at zero, and f(z) would be without effect
                weight.assign(0.3 * RNG.normal(size=weight.shape))
        made.averaged_network.set_weights(made.network.get_weights())
    made.compile(keras.optimizers.Adamax(2e-3), run_eagerly=run_eagerly)
    return made


@pytest.fixture(scope="module")
def made():
    """One for all tests that do not change it: its graphs take long to trace."""
    m = model(kl_weight=3.0, auxiliary_weight=0.5, run_eagerly=False)
    m.log_scale.assign([-1.5])
    return m


def fit(m, x=IMAGES, epochs=1):
    return m.fit(x, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def measured(m, images):
    return m.measures(Batch(images), BatchNoise(m, len(images), NOISE, 0), True)


def gradients(m, name, weights, images=IMAGES[:8]):
    with tf.GradientTape() as tape:
        found = measured(m, images)[name]
    return [None if g is None else np.abs(g).max() for g in tape.gradient(found, weights)]


def test_loss_by_numpy(made):
    m, images = made, IMAGES[:8]
    tau = m.noise((8, *m.noise_shape), stream(m.random_state, NOISE, 0)).numpy()
    assert tau.shape == (8, 32 + 64)
    unit = images / np.float32(127.5) - 1
    inferred = m.hierarchy(unit, norm.ppf(tau[:, :32]).astype("float32"))
    f = inferred.outputs.numpy().astype("float64")
    # y is x: 17 levels, bins of 2/16 around 2 j / 16 - 1.
    j = np.round(images / 255 * 16)
    lower, upper = np.where(j == 0, -np.inf, (j - 0.5) / 8 - 1), np.where(j == 16, np.inf, (j + 0.5) / 8 - 1)
    y = -np.log(logistic.cdf(upper, f, np.exp(-1.5)) - logistic.cdf(lower, f, np.exp(-1.5))).sum(axis=(1, 2, 3)).mean()
    logits, means, scales = np.split(m.network(unit, inferred.outputs).numpy().astype("float64"), 3, axis=-1)
    scales = np.exp(np.maximum(scales, -7))
    above = lower > means  # where the distribution function is 1 but for its last digits
    p = np.where(
        above,
        logistic.sf(lower, means, scales) - logistic.sf(upper, means, scales),
        logistic.cdf(upper, means, scales) - logistic.cdf(lower, means, scales),
    )
    x = -np.log((p * np.exp(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))).sum(axis=-1))
    x = x.sum(axis=(1, 2)).mean()
    kl = -inferred.log_ratio.numpy().sum(axis=-1).mean()
    found = {name: float(value) for name, value in measured(m, images).items()}
    assert found["loss"] == pytest.approx((x + 0.5 * y + 3.0 * kl) / 64, rel=1e-4)
    assert found["bits_per_dim"] == pytest.approx((x + kl) / 64 / np.log(2), rel=1e-4)
    assert found["pixel_bits"] == pytest.approx(x / 64 / np.log(2), rel=1e-4)
    assert found["auxiliary_bits"] == pytest.approx(y / 64 / np.log(2), rel=1e-4)
    assert found["kl"] == pytest.approx(kl, rel=1e-3) and abs(kl) > 1e-3


def test_the_pixels_gradient_reaches_the_encoder_unless_it_is_detached():
    for detach in (False, True):
        m = model(detach=detach)
        (found,) = gradients(m, "pixel_bits", [m.hierarchy.stem.kernel])
        assert found is None if detach else found > 1e-6
        assert gradients(m, "auxiliary_bits", [m.hierarchy.stem.kernel])[0] > 1e-6


def test_without_an_auxiliary_loss_its_scale_has_no_gradient():
    m = model(auxiliary_weight=0.0)
    (found,) = gradients(m, "loss", [m.log_scale])
    assert not found


def test_before_pretrain_steps_the_pixels_do_not_see_the_decoder():
    m = model(pretrain_steps=2)
    for step in (1, 2):
        m.random_state.assign([0, step])
        assert (gradients(m, "pixel_bits", [m.hierarchy.stem.kernel])[0] > 1e-6) == (step >= 2)
    # Nor does what the averages say of them: step 1 is before, 2 is not.
    for step in (1, 2):
        m.random_state.assign([0, step])
        one, other = (m.reconstruction(IMAGES[:2], tf.fill((2, 8, 8, 1), f)).numpy() for f in (-1.0, 1.0))
        assert np.allclose(one, other) == (step == 1)


def test_dropout_is_of_training_alone():
    m = model(dropout=0.5)
    first = float(measured(m, IMAGES[:8])["pixel_bits"])
    assert first == float(measured(m, IMAGES[:8])["pixel_bits"])
    m.random_state.assign([0, 1])
    tau = BatchNoise(m, 8, NOISE, 0)
    assert first != float(measured(m, IMAGES[:8])["pixel_bits"])
    still = [float(m.measures(Batch(IMAGES[:8]), tau, False)["pixel_bits"]) for _ in range(2)]
    assert still[0] == still[1]


def test_what_is_measured_is_that_of_the_averages():
    m = model()
    noise = BatchNoise(m, 8, NOISE, 0)

    def losses_of(training):
        return float(m.measures(Batch(IMAGES[:8]), noise, training)["loss"])

    before = losses_of(False)
    assert before == losses_of(True), "both start from data"
    for weight in (*m.hierarchy.weights, *m.network.weights):
        weight.assign(weight + 0.1)
    assert losses_of(False) == before != losses_of(True)


@pytest.mark.parametrize(
    "auxiliary",
    [losses.Auxiliary(), losses.Auxiliary(16, grey=True), losses.Auxiliary(size=4), losses.Auxiliary(size=2)],
    ids=["itself", "grey", "half", "quarter"],
)
def test_auxiliary_images_of_every_kind(auxiliary):
    m = model(auxiliary, channels=3, levels=256)
    found = gradients(m, "loss", m.trainable_weights, COLOURED)
    assert np.isfinite(found).all() and np.count_nonzero(found) > 0.9 * len(found)
    assert m.images_of(m.outputs(m.codes(COLOURED[:2]))).shape == (2, 8, 8, 3)


def test_draws(made):
    m = made
    many = m.sample(5, seed=7)
    assert many.shape == (5, 8, 8, 1) and many.dtype == np.uint8
    assert set(np.unique(many)) <= set(np.round(255 * np.arange(17) / 16))
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), many[:3])
    # f(z) of the same draw: what the decoder says of the latents, of whose levels each sample has the first 32.
    tau = m.noise_of_seeds(np.array([[7, 0], [7, 1]], "int32")).numpy()
    _, f = m.averaged_hierarchy.generate(norm.ppf(tau[:, :32]).astype("float32"))
    grey = np.clip(np.round((f.numpy() + 1) * 127.5), 0, 255)
    np.testing.assert_allclose(m.sample(2, seed=7, way="auxiliary"), grey, atol=1)
    # And x is drawn of it, by the last 64.
    values = tau[:, 32:].reshape(2, 8, 8, 1)
    np.testing.assert_array_equal(m.paint_function(f, tf.constant(values)), many[:2])


def test_a_draw_is_the_quantile_of_its_own_pixels(made):
    m = made
    drawn = m.sample(2, seed=3)
    tau = m.noise_of_seeds(np.array([[3, 0], [3, 1]], "int32")).numpy()
    f = m.averaged_hierarchy.generate(norm.ppf(tau[:, :32]).astype("float32"))[1]
    outputs = m.averaged_network(drawn / np.float32(127.5) - 1, f)
    again = losses.logistic_mixture_quantile(outputs, tau[:, 32:].reshape(2, 8, 8, 1), 17)
    assert np.mean(np.round(255 * again.numpy() / 16) == drawn) > 0.98  # float32 at the edges of bins


def test_reconstructions_and_lines(made):
    m = made
    codes = m.encode(IMAGES[:4])
    shown = m.reconstruct(IMAGES[:4], way="auxiliary")
    np.testing.assert_array_equal(shown, m.decode(codes, way="auxiliary"))
    first, other = m.reconstruct(IMAGES[:4], seed=1), m.reconstruct(IMAGES[:4], seed=2)
    assert np.any(first != other)
    np.testing.assert_array_equal(m.decode(codes[:2], seed=1), first[:2])
    line = m.interpolate(IMAGES[:2], IMAGES[2:4], steps=3, seed=5)
    assert line.shape == (2, 3, 8, 8, 1)
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:2], seed=5))
    # One noise a line: equal ends give equal images.
    same = m.interpolate(IMAGES[:1], IMAGES[:1], steps=3)
    assert np.all(same == same[:, :1])


def test_bounds(made):
    m = made
    one, many = (
        np.mean([m.bits_per_dim(IMAGES[:8], samples, seed=seed).mean() for seed in range(4)]) for samples in (1, 20)
    )
    assert many < one
    reported = m.evaluate(IMAGES[:8], verbose=0, return_dict=True)
    assert one == pytest.approx(reported["bits_per_dim"], rel=0.02)
    total = reported["pixel_bits"] + reported["kl"] / 64 / np.log(2)
    assert reported["bits_per_dim"] == pytest.approx(total, rel=1e-4)


@pytest.mark.long
def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    begin = RNG.bit_generator.state

    def made():
        RNG.bit_generator.state = begin  # by which conditions are drawn
        return model(seed=3, pretrain_steps=3, dropout=0.3)

    with reloaded(made, lambda m, halves: fit(m, IMAGES[:16], epochs=halves), tmp_path) as (half, again):
        assert type(again) is AGAVE and (again.pretrain_steps, again.levels, again.step) == (3, 17, 2)
        assert again.auxiliary.get_config() == half.auxiliary.get_config()


def test_draws_that_share_a_latent(made):
    many = made.draws(2, 3, seed=4)
    assert many.shape == (2, 4, 8, 8, 1)
    np.testing.assert_array_equal(many[:, 0], made.sample(2, seed=4, way="auxiliary"))
    assert np.any(many[:, 1] != many[:, 2]) and np.any(many[0] != many[1])
    with pytest.raises(ValueError, match="draws must be at least 1. Received: 0"):
        made.draws(2, 0)


def test_draws_that_share_the_code_of_an_image(made):
    rows = made.redraw(IMAGES[:2], 3, seed=4)
    assert rows.shape == (2, 4, 8, 8, 1)
    np.testing.assert_array_equal(rows[:, 0], made.reconstruct(IMAGES[:2], way="auxiliary"))
    alone = made.decode(np.repeat(made.encode(IMAGES[:2]), 3, axis=0), seed=4)
    np.testing.assert_array_equal(rows[:, 1:].reshape(alone.shape), alone)


def test_what_a_bound_is_made_of(made):
    images = IMAGES[:5]
    parts = made.decompose(images, seed=2)
    assert {name: part.shape for name, part in parts.items()} == dict.fromkeys(
        ("kl", "pixel_bits", "auxiliary_bits", "other_bits"), (5,)
    )
    bound = parts["pixel_bits"] + parts["kl"] / 64 / np.log(2)
    np.testing.assert_allclose(bound, made.bits_per_dim(images, 1, seed=2), rtol=1e-4)
    means = made.infer(made.posterior(images), made.noise_of_seeds(sample_seeds(2, 5), index=0))[-1]
    auxiliary = made._auxiliary_nats(images, means) / 64 / np.log(2)
    np.testing.assert_allclose(parts["auxiliary_bits"], auxiliary, rtol=1e-4)
    # The other of the last image is the first: with equal images there is nothing to tell.
    assert np.abs(parts["other_bits"]).min() > 1e-4
    same = made.decompose(np.repeat(images[:1], 3, axis=0))
    np.testing.assert_allclose(same["other_bits"], 0, atol=1e-6)
    with pytest.raises(ValueError, match="images must be at least 2"):
        made.decompose(images[:1])


@pytest.mark.long
def test_what_is_served(made, tmp_path):
    m = made
    names = {"sample", "sample_auxiliary", "reconstruct", "reconstruct_auxiliary", "score"}
    assert set(m.signatures()) == names
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    seeds = tf.constant([[0, 0], [0, 1]])
    np.testing.assert_array_equal(served["sample"](seed=seeds)["images"], m.sample(2))
    drawn = served["reconstruct"](images=tf.constant(IMAGES[:2]), seed=seeds)["images"]
    np.testing.assert_array_equal(drawn, m.reconstruct(IMAGES[:2]))
    score = served["score"](images=tf.constant(IMAGES[:2]))["bits_per_dim"]
    np.testing.assert_allclose(score[:1], m.bits_per_dim(IMAGES[:1], seed=0), rtol=1e-4)


def test_errors():
    for options, message in (
        ({"kl_weight": -1}, "kl_weight must be 0 or positive. Received: -1"),
        ({"auxiliary_weight": -1}, "auxiliary_weight must be 0 or positive. Received: -1"),
        ({"pretrain_steps": -1}, "pretrain_steps must be 0 or positive. Received: -1"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**options)
    m = model(initialize=False)
    with pytest.raises(ValueError, match="hierarchy must have outputs of the auxiliary image's shape, .4, 4, 1."):
        AGAVE(m.hierarchy, m.network, losses.Auxiliary(17, size=4))
    with pytest.raises(
        ValueError, match="network must have a condition of the auxiliary image's shape. Received: None"
    ):
        AGAVE(m.hierarchy, networks.pixelcnnpp(8, 1, 3, 1, 1, 2, levels=17), m.auxiliary)
    with pytest.raises(ValueError, match="network must be of the hierarchy's images"):
        AGAVE(m.hierarchy, networks.pixelcnnpp(4, 1, 3, 1, 1, 2, levels=17, condition=(4, 4, 1)), m.auxiliary)
    with pytest.raises(ValueError, match="uint8 images"):
        m.initialize(IMAGES.astype("float32"))
