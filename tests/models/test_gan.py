import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import networks
from qrkeras.losses import Hinge, LeastSquares, NonSaturating, QuantileRegression, Wasserstein
from qrkeras.models import GAN
from qrkeras.models.noise import NOISE, stream
from tests.support.going_on import reloaded
from tests.support.weights import assert_equal, weights

POINTS = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
IMAGES = np.random.default_rng(1).integers(0, 256, (16, 8, 8, 1)).astype("uint8")


def gan(loss=None, update="simultaneous", optimizer=None, compile_options=(), **options):
    loss = loss or QuantileRegression(4)
    model = GAN(
        networks.mlp(3, 2, width=8, seed=1, name="generator"),
        networks.mlp(2, loss.num_outputs, width=8, seed=2, name="discriminator"),
        latent_dim=3,
        loss=loss,
        **options,
    )
    optimizer = optimizer or (lambda: keras.optimizers.Adam(1e-2, beta_1=0.5, beta_2=0.99))
    model.compile(optimizer(), optimizer(), update=update, **dict(compile_options))
    return model


def image_gan(loss=None, **options):
    loss = loss or QuantileRegression(4)
    model = GAN(
        networks.dcgan_generator(8, 1, latent_dim=5, width=4, hidden_layers=1, seed=1),
        networks.dcgan_discriminator(8, 1, loss.num_outputs, width=4, hidden_layers=1, seed=2),
        latent_dim=5,
        loss=loss,
        **options,
    )
    model.compile()
    return model


def fit(model, x=POINTS, epochs=1, batch_size=16, **options):
    return model.fit(x, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **options)


def gradients(model, real, noise):
    """Both gradients at the model's present parameters, written without any of its plumbing."""
    d, g = model.discriminator, model.generator
    with tf.GradientTape() as tape:
        loss = model.objective.discriminator(d(real), d(tf.stop_gradient(g(noise))))
    d_gradients = tape.gradient(loss, d.trainable_variables)
    with tf.GradientTape() as tape:
        loss = model.objective.generator(d(g(noise)), d(real))
    return d_gradients, tape.gradient(loss, g.trainable_variables)


def sgd():
    return keras.optimizers.SGD(0.1)


OBJECTIVES = [
    QuantileRegression(4),
    QuantileRegression(4, generator="match"),
    QuantileRegression(4, real_target=1.0, fake_target=-1.0, penalty=None),
    NonSaturating(),
    LeastSquares(),
    Wasserstein(),
    Hinge(),
]


@pytest.mark.parametrize("loss", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_simultaneous_step_is_both_gradients_at_the_same_parameters(loss):
    model = gan(loss, optimizer=sgd)
    real, noise = POINTS[:16], model.noise((len(POINTS[:16]), 3), stream(model.random_state, NOISE))
    d_expected, g_expected = gradients(model, real, noise)
    d_before = [v.numpy().copy() for v in model.discriminator.trainable_variables]
    g_before = [v.numpy().copy() for v in model.generator.trainable_variables]
    fit(model, real)
    for before, gradient, after in zip(d_before, d_expected, model.discriminator.trainable_variables):
        np.testing.assert_allclose(after, before - 0.1 * gradient.numpy(), atol=1e-6)
    for before, gradient, after in zip(g_before, g_expected, model.generator.trainable_variables):
        np.testing.assert_allclose(after, before - 0.1 * gradient.numpy(), atol=1e-6)


@pytest.mark.parametrize("loss", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_alternating_step_takes_the_generators_gradient_at_the_new_discriminator(loss):
    model, other = (gan(loss, "alternating", optimizer=sgd) for _ in range(2))
    real = POINTS[:16]
    d_gradients, _ = gradients(model, real, model.noise((len(real), 3), stream(model.random_state, NOISE, 0)))
    for variable, gradient in zip(other.discriminator.trainable_variables, d_gradients):
        variable.assign_sub(0.1 * gradient)
    _, g_gradients = gradients(other, real, other.noise((len(real), 3), stream(other.random_state, NOISE, 1)))
    for variable, gradient in zip(other.generator.trainable_variables, g_gradients):
        variable.assign_sub(0.1 * gradient)
    fit(model, real)
    for a, b in zip(model.trainable_variables, other.trainable_variables):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_each_discriminator_update_sees_its_own_part_of_the_batch():
    # With two updates and a linear critic of Wasserstein's loss, the gradient is mean fake - mean real of each part.
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model = GAN(networks.mlp(3, 2, width=4, seed=0), critic, 3, Wasserstein())
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(1.0), update="alternating", discriminator_steps=2)
    real, expected = POINTS[:15], np.zeros(2)
    for i in range(2):
        part = real[i::2]
        fake = model.generator(model.noise((len(part), 3), stream(model.random_state, NOISE, i))).numpy()
        expected -= fake.mean(axis=0) - part.mean(axis=0)
    fit(model, real, batch_size=15)
    np.testing.assert_allclose(critic.trainable_variables[0].numpy()[:, 0], expected, rtol=1e-4)
    assert int(model.discriminator_optimizer.iterations.numpy()) == 2
    assert int(model.generator_optimizer.iterations.numpy()) == model.step == 1


def test_gradient_penalty_by_hand():
    # A linear critic w.x has gradient w at every point: the penalty is (|w| - 1)^2 wherever it is taken.
    loss = Wasserstein()
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    critic.layers[0].kernel.assign([[3.0], [4.0]])
    model = GAN(networks.mlp(3, 2, width=4, seed=0), critic, 3, loss, gradient_penalty=10.0)
    model.compile(sgd(), sgd())
    real, fake = tf.constant(POINTS[:8]), tf.constant(POINTS[8:16])
    fractions = tf.linspace(0.0, 1.0, 8)
    total = 10.0 * model.penalty(real, fake, fractions)
    # |w| = 5: 10 * (5 - 1)^2 = 160.
    assert float(total) == pytest.approx(160.0, rel=1e-5)
    # Descending it shrinks the norm: gradient 10 * 2 * 4 * w / 5 = 16 w; Wasserstein's own part is a mean of points.
    with tf.GradientTape() as tape:
        total = 10.0 * model.penalty(real, fake, fractions)
    np.testing.assert_allclose(tape.gradient(total, critic.trainable_variables)[0], [[48.0], [64.0]], rtol=1e-4)


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_wgan_gp_trains_the_critic_towards_unit_gradients(update):
    model = gan(Wasserstein(), update, gradient_penalty=10.0)
    fit(model, epochs=30)
    points = tf.constant(POINTS)
    with tf.GradientTape() as tape:
        tape.watch(points)
        outputs = model.discriminator(points)
    norms = np.linalg.norm(tape.gradient(outputs, points).numpy(), axis=-1)
    assert 0.5 < norms.mean() < 1.5


def test_weight_clip_bounds_every_discriminator_weight():
    model = gan(Wasserstein(), "alternating", weight_clip=0.01)
    fit(model)
    assert max(np.abs(v.numpy()).max() for v in model.discriminator.trainable_variables) <= 0.01 + 1e-9
    assert max(np.abs(v.numpy()).max() for v in model.generator.trainable_variables) > 0.01


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path, update, prior):
    def made():
        return gan(update=update, prior=prior)

    with reloaded(made, lambda m, halves: fit(m, epochs=2 * halves), tmp_path) as (_, again):
        assert again.step == 8 and again.update == update


def test_weights_alone_carry_optimizers_and_random_state(tmp_path):
    model = gan()
    fit(model, epochs=2)
    model.save_weights(tmp_path / "model.weights.h5")
    again = gan()
    again.load_weights(tmp_path / "model.weights.h5")
    assert again.step == 8
    fit(model)
    fit(again)
    assert_equal(weights(again), weights(model))


def test_configuration_survives_saving(tmp_path):
    model = gan(
        QuantileRegression(4, penalty="l2", generator="match"),
        gradient_penalty=2.0,
        weight_clip=0.5,
        prior="uniform",
        seed=7,
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.objective.get_config() == model.objective.get_config()
    for name in ("gradient_penalty", "weight_clip", "prior", "seed", "latent_dim", "update", "discriminator_steps"):
        assert getattr(again, name) == getattr(model, name)
    assert again.generator_optimizer.get_config() == model.generator_optimizer.get_config()


def test_xla_is_used_where_it_is_asked_for_and_stays_with_a_saved_model(tmp_path):
    asked = gan(compile_options={"jit_compile": True})
    asked.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").jit_compile is True
    assert gan().jit_compile is False  # Keras' "auto" changes with device, strategy and determinism


def test_seed_decides_everything():
    a, b, c = gan(seed=3), gan(seed=3), gan(seed=4)
    for model in (a, b, c):
        fit(model)
    assert_equal(weights(a), weights(b))
    assert np.abs(weights(a)[0] - weights(c)[0]).max() > 0


def test_noise_differs_between_steps_and_uses():
    model = gan()
    first = model.noise((len(POINTS), 3), stream(model.random_state, NOISE)).numpy()
    assert np.abs(first - model.noise((len(POINTS), 3), stream(model.random_state, NOISE, 1)).numpy()).max() > 0
    fit(model, POINTS[:16])
    assert np.abs(first - model.noise((len(POINTS), 3), stream(model.random_state, NOISE)).numpy()).max() > 0


@pytest.mark.parametrize(("prior", "mean_square"), [("normal", 1.0), ("uniform", 1 / 3)])
def test_prior(prior, mean_square):
    noise = gan(prior=prior).noise([20_000, 3], [1, 2]).numpy()
    assert np.mean(noise) == pytest.approx(0, abs=0.02)
    assert np.mean(noise**2) == pytest.approx(mean_square, rel=0.03)
    if prior == "uniform":
        assert noise.min() >= -1 and noise.max() <= 1


def test_fit_reports_both_losses_and_steps_per_execution_changes_nothing():
    one, many = gan(), gan(compile_options={"steps_per_execution": 4})
    history = fit(one, epochs=2).history
    assert set(history) == {"d_loss", "g_loss"} and len(history["d_loss"]) == 2
    fit(many, epochs=2)
    assert_equal(weights(one), weights(many))


def test_a_short_batch_counts_for_its_examples():
    # Losses 1 of 8 examples and 4 of 4: (8 * 1 + 4 * 4) / 12 = 2.
    model = gan()
    model.reports.update({"d_loss": 1.0, "g_loss": 0.0}, 8)
    assert float(model.reports.update({"d_loss": 4.0, "g_loss": 0.0}, 4)["d_loss"]) == pytest.approx(2)


def test_evaluate_repeats_and_changes_no_weight():
    model = gan()
    fit(model)
    before = weights(model)
    first = model.evaluate(POINTS, batch_size=16, verbose=0, return_dict=True)
    again = model.evaluate(POINTS, batch_size=16, verbose=0, return_dict=True)
    assert first == again and set(first) == {"d_loss", "g_loss"}
    assert_equal(weights(model), before)
    history = fit(model, validation_data=(POINTS, None)).history
    assert set(history) == {"d_loss", "g_loss", "val_d_loss", "val_g_loss"}


def test_sample_i_depends_on_seed_and_i_alone():
    model = gan()
    many = model.sample(7, seed=5)
    assert many.shape == (7, 2) and many.dtype == np.float32
    np.testing.assert_allclose(model.sample(3, seed=5, batch_size=2), many[:3], atol=1e-6)
    assert np.abs(model.sample(7, seed=6) - many).min() > 0
    # Through the network by hand.
    noise = tf.stack([model.noise([3], [5, i]) for i in range(7)])
    np.testing.assert_allclose(many, model.generator(noise), atol=1e-6)


def test_images_are_uint8_outside_and_unit_range_inside():
    model = image_gan()
    # 0 -> -1, 255 -> 1, 51 -> -0.6.
    inside = model.real_examples(tf.constant([[0, 255, 51]], tf.uint8))
    np.testing.assert_allclose(inside, [[-1.0, 1.0, -0.6]], atol=1e-6)
    drawn = model.sample(3)
    assert drawn.dtype == np.uint8 and drawn.shape == (3, 8, 8, 1)
    expected = np.round((model.generator(tf.stack([model.noise([5], [0, i]) for i in range(3)])) + 1) * 127.5)
    np.testing.assert_allclose(drawn, expected, atol=1)


def test_images_train_from_uint8_floats_and_datasets_alike():
    models = [image_gan() for _ in range(3)]
    floats = (IMAGES.astype("float32") / 127.5) - 1
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)
    fit(models[0], IMAGES, batch_size=8)
    fit(models[1], floats, batch_size=8)
    models[2].fit(dataset, verbose=0)
    for other in models[1:]:
        for a, b in zip(weights(models[0]), weights(other)):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_realism_is_the_mean_output():
    model = gan()
    expected = model.discriminator(POINTS).numpy().mean(axis=1)
    np.testing.assert_allclose(model.realism(POINTS, batch_size=10), expected, atol=1e-6)
    images = image_gan()
    floats = IMAGES.astype("float32") / 127.5 - 1
    np.testing.assert_allclose(images.realism(IMAGES), images.realism(floats), atol=1e-6)


def test_nan_loss_stops_with_step_and_loss():
    # Without hidden layers: a ReLU may turn NaN into 0.
    model = GAN(networks.mlp(3, 2, width=4, seed=0), networks.mlp(2, 4, hidden_layers=0), 3, QuantileRegression(4))
    model.compile()
    # Points of the third step whose outputs have no finite square, in the penalty.
    bad = np.concatenate([POINTS[:32], np.full((16, 2), 1e30, "float32")])
    dataset = tf.data.Dataset.from_tensor_slices(bad).batch(16)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"d_loss is not finite at step\] \[3\]"):
        model.fit(dataset, verbose=0)


def test_optimizers_are_one_to_the_outside():
    model = gan()
    assert isinstance(model.optimizer, keras.optimizers.MultiOptimizer)
    assert model.optimizer.built
    fit(model)
    assert int(model.optimizer.iterations.numpy()) == model.step == 4
    # Adam keeps two moments a weight: each optimizer holds those of its own network only.
    per_network = [len(n.trainable_variables) for n in (model.generator, model.discriminator)]
    for optimizer, count in zip((model.generator_optimizer, model.discriminator_optimizer), per_network):
        assert len(optimizer.variables) == 2 * count + 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"update": "both"}, 'update must be "simultaneous" or "alternating"'),
        ({"compile_options": {"discriminator_steps": 0}}, "discriminator_steps must be a whole number"),
        ({"compile_options": {"discriminator_steps": 2}}, "discriminator_steps must be 1 where"),
        ({"gradient_penalty": -1.0}, "gradient_penalty must be a positive number or None.*-1"),
        ({"weight_clip": 0.0}, "weight_clip must be a positive number or None"),
        ({"prior": "gauss"}, 'prior must be "normal" or "uniform".*gauss'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        gan(**options)


def test_one_optimizer_for_both_networks_is_refused():
    model = gan()
    shared = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be two objects"):
        model.compile(shared, shared)


@pytest.mark.parametrize(
    ("latent_dim", "generator", "discriminator", "message"),
    [
        (4, (3, 2), (2, 4), r"latent_dim must be the generator's input size, \(3,\)\. Received: 4"),
        (3, (3, 5), (2, 4), r"generator must make examples.*\(2,\)\. Received a generator of \(5,\)"),
        (3, (3, 2), (2, 9), r"discriminator must have 4 outputs.*num_quantiles.*\(9,\)"),
    ],
)
def test_networks_that_do_not_fit(latent_dim, generator, discriminator, message):
    with pytest.raises(ValueError, match=message):
        GAN(networks.mlp(*generator), networks.mlp(*discriminator), latent_dim, QuantileRegression(4))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (IMAGES[:0], "x must hold at least one image"),
        (np.zeros((4, 8, 8, 3), "uint8"), r"images of shape \(8, 8, 1\).*Received: \(8, 8, 3\)"),
        (np.zeros((4, 9, 8, 1), "uint8"), r"images of shape \(8, 8, 1\)"),
        (IMAGES.astype("float32"), r"uint8 in 0\.\.255 or as floats in \[-1, 1\].*Convert"),
        (np.full((4, 8, 8, 1), np.nan, "float32"), "x must be finite.*example 0"),
        ([[1.0]], "x must be a NumPy array or a tensor of images.*tf.data.Dataset.*Received: list"),
        (tf.data.Dataset.from_tensors(np.zeros((4, 8, 8, 3), "uint8")), r"Received: \(8, 8, 3\)"),
    ],
)
def test_bad_examples_are_refused_before_training(x, message):
    model = image_gan()
    with pytest.raises(ValueError, match=message):
        model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, verbose=0)
    assert model.step == 0


def test_grey_images_get_a_hint():
    rgb = GAN(
        networks.dcgan_generator(8, 3, latent_dim=5, width=4, hidden_layers=1),
        networks.dcgan_discriminator(8, 3, 4, width=4, hidden_layers=1),
        5,
        QuantileRegression(4),
    )
    rgb.compile()
    with pytest.raises(ValueError, match="Grey images need channels=1"):
        rgb.fit(IMAGES, verbose=0)


def test_batches_of_samples_are_the_samples():
    model = gan()
    batches = list(model.sample_batches(7, seed=5, batch_size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert all(isinstance(batch, np.ndarray) for batch in batches)
    np.testing.assert_array_equal(np.concatenate(batches), model.sample(7, seed=5, batch_size=3))
    drawn = []
    model.draw_functions = {"prior": lambda seeds: drawn.append(len(seeds)) or seeds}
    next(iter(model.sample_batches(10**6, batch_size=4)))
    assert drawn == [4], "no more than is asked for is drawn and held"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be at least 1 sample. Received: 0"),
        ({"n": 2, "batch_size": 0}, "batch_size must be at least 1. Received: 0"),
        ({"n": 2, "batch_size": -1}, "batch_size must be at least 1. Received: -1"),
        ({"n": 2, "seed": 2**32}, "seed must be an int32. Received: 4294967296"),  # not those of seed 0
        ({"n": 2, "seed": 0.5}, "seed must be an int32. Received: 0.5"),
    ],
)
def test_sample_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        gan().sample(**options)
