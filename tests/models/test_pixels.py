"""PixelCNN and PixelIQN: training, average, sampling, inpainting, saving, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import networks
from qrkeras.losses import quantile_huber
from qrkeras.models import PixelCNN, PixelIQN
from qrkeras.models.noise import NOISE, stream
from tests.support.weights import assert_equal, weights

RNG = np.random.default_rng(0)
SIZE = 3
IMAGES = RNG.integers(0, 256, (32, SIZE, SIZE, 3)).astype("uint8")
LABELS = RNG.integers(0, 4, 32).astype("int32")
MASK = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]])
MODELS = pytest.mark.parametrize("build", [PixelCNN, PixelIQN])
# What both have of their base class: the suite proves it of one.
ALIKE = pytest.mark.parametrize("build", [pytest.param(PixelCNN, marks=pytest.mark.long), PixelIQN])


def model(build=PixelIQN, channels=3, num_classes=None, optimizer=None, **options):
    outputs = {PixelCNN: {"num_outputs": 256}, PixelIQN: {"num_outputs": 1, "quantile": True}}[build]
    network = networks.pixelcnn(
        SIZE, channels, blocks=2, kernel_size=3, planes=6, output_planes=24, num_classes=num_classes, seed=1, **outputs
    )
    result = build(network, **{"average_decay": 0.9, **options})
    result.compile(optimizer or keras.optimizers.Adam(1e-2))
    return result


def fit(model, x=IMAGES, y=None, epochs=1, **options):
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options)


def test_step_descends_the_huber_quantile_loss_at_fresh_levels():
    iqn = model(optimizer=keras.optimizers.SGD(0.1))
    images, seed = IMAGES[:8], stream(iqn.random_state, NOISE)
    tau, x = iqn.noise(images.shape, seed), images / np.float32(127.5) - 1
    before = [v.numpy().copy() for v in iqn.network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(quantile_huber(x, iqn.network(x, tau)[..., 0], tau, 0.002))
    gradients = tape.gradient(loss, iqn.network.trainable_variables)
    history = fit(iqn, images).history
    assert history["loss"] == [pytest.approx(float(loss), rel=1e-4)]
    for start, gradient, after in zip(before, gradients, iqn.network.trainable_variables, strict=True):
        np.testing.assert_allclose(after, start - 0.1 * gradient.numpy(), atol=1e-5)
    assert np.abs(iqn.noise(images.shape, stream(iqn.random_state, NOISE)) - tau).max() > 0


def test_levels_are_uniform_and_open():
    tau = model().noise((200, SIZE, SIZE, 3), [1, 2]).numpy()
    assert tau.min() > 0 and tau.max() < 1
    assert np.mean(tau) == pytest.approx(0.5, abs=0.02) and np.mean(tau**2) == pytest.approx(1 / 3, abs=0.02)


def test_softmax_loss_is_the_cross_entropy_of_the_grey_levels():
    cnn = model(PixelCNN)
    x = IMAGES / np.float32(127.5) - 1
    logits = cnn.network(x).numpy().astype("float64")
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    nats = -np.mean(np.take_along_axis(logs, IMAGES[..., None].astype(int), axis=-1))
    result = cnn.evaluate(IMAGES, verbose=0, batch_size=9, return_dict=True)  # batches of 9, 9, 9 and 5
    assert set(result) == {"loss", "bits_per_dim"}
    assert result["loss"] == pytest.approx(nats, rel=1e-5)
    assert result["bits_per_dim"] == pytest.approx(nats / np.log(2), rel=1e-5)


@MODELS
def test_average_by_hand(build):
    one = model(build)
    history = [[v.numpy().copy() for v in one.network.weights]]
    for i in range(3):
        fit(one, IMAGES[8 * i : 8 * i + 8])
        history.append([v.numpy().copy() for v in one.network.weights])
    # d = min(0.9, (1 + t) / (10 + t)) = 1/10, 2/11, 3/12: average = d average + (1 - d) weights.
    for k, average in enumerate(one.average.weights):
        expected = history[0][k]
        for d, after in zip((1 / 10, 2 / 11, 3 / 12), history[1:]):
            expected = d * expected + (1 - d) * after[k]
        np.testing.assert_allclose(average, expected, atol=1e-5)


def test_average_decays_no_slower_than_asked():
    iqn = model(average_decay=0.0)
    fit(iqn)
    assert_equal([v.numpy() for v in iqn.average.weights], [v.numpy() for v in iqn.network.weights])


def test_average_serves_sampling_and_evaluation_and_never_trains():
    iqn = model()
    fit(iqn)
    trained = {id(v) for v in iqn.trainable_variables}
    assert trained == {id(v) for v in iqn.network.trainable_variables}
    sample, loss = iqn.sample(2), iqn.evaluate(IMAGES, verbose=0)
    for v in iqn.network.weights:
        v.assign(tf.zeros_like(v))
    np.testing.assert_array_equal(iqn.sample(2), sample)
    assert iqn.evaluate(IMAGES, verbose=0) == loss


@ALIKE
def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path, build):
    whole, half = model(build, num_classes=4, seed=3), model(build, num_classes=4, seed=3)
    fit(whole, IMAGES, LABELS, epochs=2)
    fit(half, IMAGES, LABELS)
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    assert again.step == 4 and again.average_decay == 0.9
    np.testing.assert_array_equal(again.sample(2, labels=1), half.sample(2, labels=1))
    fit(again, IMAGES, LABELS)
    assert again.step == whole.step == 8
    assert_equal(weights(again), weights(whole))
    assert_equal([v.numpy() for v in again.optimizer.variables], [v.numpy() for v in whole.optimizer.variables])
    np.testing.assert_array_equal(again.sample(2, labels=1), whole.sample(2, labels=1))


def test_weights_alone_carry_average_optimizer_and_random_state(tmp_path):
    one, again = model(), model()
    fit(one)
    one.save_weights(tmp_path / "one.weights.h5")
    again.load_weights(tmp_path / "one.weights.h5")
    fit(one)
    fit(again)
    assert_equal(weights(again), weights(one))


def test_configuration_survives_saving(tmp_path):
    iqn = model(kappa=0.5, seed=9, average_decay=0.5)
    iqn.save(tmp_path / "iqn.keras")
    again = keras.saving.load_model(tmp_path / "iqn.keras")
    assert (again.kappa, again.seed, again.average_decay) == (0.5, 9, 0.5)
    assert again.optimizer.get_config() == iqn.optimizer.get_config()


def test_seed_decides_everything():
    a, b, c = model(seed=3), model(seed=3), model(seed=4)
    for m in (a, b, c):
        fit(m)
    assert_equal(weights(a), weights(b))
    assert np.abs(a.network.head[0].kernel - c.network.head[0].kernel).max() > 0


def test_evaluate_repeats_and_changes_no_weight():
    iqn = model()
    fit(iqn)
    before = weights(iqn)
    first = iqn.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    assert first == iqn.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True) and set(first) == {"loss"}
    assert_equal(weights(iqn), before)
    assert set(fit(iqn, validation_data=(IMAGES, None)).history) == {"loss", "val_loss"}


def test_steps_per_execution_changes_nothing():
    one, many = model(), model()
    many.compile(keras.optimizers.Adam(1e-2), steps_per_execution=4)
    fit(one)
    fit(many)
    assert_equal(weights(one), weights(many))


@ALIKE
def test_datasets_train_as_arrays_do(build):
    arrays, pairs = model(build, num_classes=4), model(build, num_classes=4)
    fit(arrays, IMAGES, LABELS)
    pairs.fit(tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8), verbose=0)
    for a, b in zip(weights(arrays), weights(pairs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_labels_out_of_range_in_a_dataset_stop_training():
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS + 1)).batch(32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must be in 0\.\.3"):
        model(num_classes=4).fit(data, verbose=0)


def test_loss_that_is_not_finite_stops_with_its_step():
    iqn = model()
    iqn.network.head[-1].bias.assign([np.nan] * 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"loss is not finite at step\] \[1\]"):
        fit(iqn)


@MODELS
def test_sample_i_depends_on_seed_and_i_alone(build):
    m = model(build)
    many = m.sample(5, seed=7)
    assert many.shape == (5, SIZE, SIZE, 3) and many.dtype == np.uint8
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), many[:3])
    assert np.any(m.sample(5, seed=8) != many)
    assert m.paint_function.experimental_get_tracing_count() == 1
    batches = list(m.sample_batches(5, 7, 2))
    assert [len(b) for b in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), many)


def test_class_decides_the_sample():
    iqn = model(num_classes=4)
    fit(iqn, IMAGES, LABELS)
    mixed = iqn.sample(3, labels=[0, 3, 0])
    np.testing.assert_array_equal(mixed[1], iqn.sample(3, labels=3)[1])
    assert np.any(mixed[1] != iqn.sample(3, labels=0)[1])


@MODELS
def test_inpainting_keeps_known_pixels_and_with_none_known_is_sampling(build):
    m = model(build)
    fit(m)
    np.testing.assert_array_equal(m.inpaint(IMAGES, np.ones((SIZE, SIZE))), IMAGES)
    np.testing.assert_array_equal(m.inpaint(IMAGES[:5], np.zeros((5, SIZE, SIZE)), seed=7), m.sample(5, seed=7))
    masks = RNG.integers(0, 2, (32, SIZE, SIZE))
    painted = m.inpaint(IMAGES, masks, seed=1, batch_size=5)
    np.testing.assert_array_equal(painted[masks == 1], IMAGES[masks == 1])
    assert np.any(painted[masks == 0] != IMAGES[masks == 0])
    np.testing.assert_array_equal(m.inpaint(IMAGES[:5], masks[:5].astype(bool), seed=1), painted[:5])
    assert np.any(m.inpaint(IMAGES, masks, seed=2) != painted)


@MODELS
def test_a_sample_completed_from_its_own_pixels_is_the_sample(build):
    m = model(build)
    fit(m)
    whole = m.sample(4, seed=2)
    np.testing.assert_array_equal(m.inpaint(whole, MASK, seed=2), whole)


@MODELS
def test_the_first_unknown_value_rises_with_tau(build):
    m = model(build)
    fit(m, epochs=4)
    sweep = [m.inpaint(IMAGES[:8], MASK, tau=tau)[:, 0, 2, 0].astype(int) for tau in (0.02, 0.3, 0.5, 0.7, 0.98)]
    assert np.all(sweep[-1] > sweep[0]) and np.all(np.diff(sweep, axis=0) >= -1)


def test_quantiles_are_the_averaged_networks_outputs_in_grey_levels():
    iqn = model()
    x = IMAGES / np.float32(127.5) - 1
    expected = (iqn.average(x, np.full(x.shape, 0.3, "float32")).numpy()[..., 0] + 1) * 127.5
    np.testing.assert_allclose(iqn.quantiles(IMAGES, 0.3, batch_size=10), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (PixelCNN, {"num_outputs": 1}, r"network must be pixelcnn\(\.\.\., num_outputs=256, quantile=False\) for Pix"),
        (PixelIQN, {"num_outputs": 1}, r"num_outputs=1, quantile=True\) for PixelIQN.*quantile=False"),
    ],
)
def test_networks_that_do_not_fit(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(networks.pixelcnn(SIZE, blocks=1, kernel_size=3, planes=6, output_planes=8, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kappa": -1.0}, "kappa must be 0 .* or positive. Received: -1.0"),
        ({"average_decay": 1.0}, r"average_decay must be in \[0, 1\). Received: 1.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        model(**options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (IMAGES[:0], "x must hold at least one image"),
        (np.zeros((4, 4, 3, 3), "uint8"), r"images of shape \(3, 3, 3\).*Received: \(4, 3, 3\)"),
        (np.zeros((4, 3, 3, 1), "uint8"), r"images of shape \(3, 3, 3\).*Received: \(3, 3, 1\).*channels"),
        (IMAGES.astype("float32"), r"uint8 images, 0\.\.255. Received: float32. Convert"),
        ([[1]], "x must be a NumPy array or a tensor of images, or for training .* a generator. Received: list"),
        (tf.data.Dataset.from_tensors(IMAGES.astype("float32")), "uint8 images.*Received: float32"),
        (tf.data.Dataset.from_tensors(IMAGES[:, :2]), r"Received: \(2, 3, 3\)"),
    ],
)
def test_bad_images(x, message):
    iqn = model()
    with pytest.raises(ValueError, match=message):
        iqn.fit(x, verbose=0)
    with pytest.raises(ValueError, match=message):
        iqn.evaluate(x, verbose=0)
    if not isinstance(x, tf.data.Dataset):
        with pytest.raises(ValueError, match=message.replace("x must", "images must").split("images of shape")[-1]):
            iqn.inpaint(x, MASK)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((4, 4)), r"mask must have shape \(32, 3, 3\), or \(3, 3\).*Received: \(4, 4\)"),
        (np.ones((31, 3, 3)), r"Received: \(31, 3, 3\)"),
        (np.ones((32, 3, 3, 3)), r"known or unknown as a whole. Received: \(32, 3, 3, 3\)"),
        (np.full((3, 3), 0.5), r"mask must hold 1 where .* Received values: \[0.5\]. Convert with mask > 0"),
        (np.full((3, 3), 255), r"Received values: \[255\]"),
        (np.full((3, 3), np.nan), "Received values"),
    ],
)
def test_bad_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        model().inpaint(IMAGES, mask)


@pytest.mark.parametrize(
    ("tau", "message"),
    [
        (0.0, r"tau must be in \(0, 1\), without 0 and 1. Received: 0 to 0"),
        (1.0, "Received: 1 to 1"),
        (np.nan, r"tau must be in \(0, 1\)"),
        (np.full((32, 2, 3, 3), 0.5), r"broadcast to \(32, 3, 3, 3\).*Received: \(32, 2, 3, 3\)"),
    ],
)
def test_bad_levels(tau, message):
    with pytest.raises(ValueError, match=message):
        model().inpaint(IMAGES, MASK, tau=tau)
    with pytest.raises(ValueError, match=message):
        model().quantiles(IMAGES, tau)


@pytest.mark.parametrize(
    ("num_classes", "labels", "message"),
    [
        (
            None,
            1,
            "must be None for a network without classes. Received: 1. Leave it out; models whose networks have num_cla",
        ),
        (4, None, "must hold class labels, 0 to 3. Received: None"),
        (4, np.full(32, 4), r"must be in 0\.\.3. Received: 4 to 4"),
        (4, np.full(32, -1), r"must be in 0\.\.3. Received: -1 to -1"),
        (4, np.zeros(31, int), r"ints of shape \(32,\). Received: int64 of shape \(31,\)"),
        (4, np.zeros(32), r"must be (an int, or )?ints of shape \(32,\). Received: float64.*astype\('int32'\)"),
    ],
)
def test_bad_labels(num_classes, labels, message):
    m = model(num_classes=num_classes)
    for call in (
        lambda: m.fit(IMAGES, labels, verbose=0),
        lambda: m.evaluate(IMAGES, labels, verbose=0),
        *([lambda: m.sample(32, labels=labels)] if labels is not None else []),
        lambda: m.inpaint(IMAGES, MASK, labels=labels),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_dataset_without_labels_for_classes():
    with pytest.raises(ValueError, match=r"dataset of \(images, labels\), for a network of 4 classes"):
        model(num_classes=4).fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(8), verbose=0)


def test_sample_needs_a_number():
    with pytest.raises(ValueError, match="n must be at least 1 sample. Received: 0"):
        model().sample(0)
