"""Real-NVP: invertible at every scale, its log-determinant, the identity at first, density and samples that agree."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from qrkeras.layers import initializing, unsqueeze
from qrkeras.networks import real_nvp

pytestmark = pytest.mark.long

RNG = np.random.default_rng(0)
SHAPES = pytest.mark.parametrize(
    ("shape", "scales"),
    [((4, 4, 1), 1), ((4, 4, 3), 2), ((8, 8, 3), 3), ((2, 6, 1), 1), ((4, 6, 2), 2), ((8, 8, 1), 4)],
)
LOGIT = pytest.mark.parametrize("logit", [False, True])


def _images(n, shape):
    return RNG.uniform(-1, 1, (n, *shape)).astype("float32")


def _drawn(shape, scales, deviation=0.3, **options):
    """A flow with weights that make it far from the identity."""
    flow, rng = real_nvp(shape, scales, **{"width": 4, "blocks": 1, **options}), np.random.default_rng(1)
    for weight in flow.weights:
        weight.assign(rng.normal(size=weight.shape) * deviation)
    return flow


def _jacobian(flow, image):
    """`(n, n)` of one image, rows are features: row i is the gradient of feature i of copy i."""
    copies = tf.constant(np.repeat(image[None], image.size, axis=0))
    with tf.GradientTape() as tape:
        tape.watch(copies)
        own = tf.linalg.trace(tf.reshape(flow(copies)[0], (image.size, image.size)))
    return tape.gradient(own, copies).numpy().reshape(image.size, image.size)


@SHAPES
def test_the_identity_at_first_and_after_the_start_from_data(shape, scales):
    flow, x = real_nvp(shape, scales, width=4), _images(8, shape)
    for start in (False, True):
        if start:
            with initializing():
                flow(x)
        y, log_det = flow(x)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(log_det, np.zeros(8))
        np.testing.assert_array_equal(flow(x, inverse=True), x)
    first = flow.scale.checkerboards[0].conditioner.convolutions[0]
    mask = np.broadcast_to((np.indices(shape[:2]).sum(0) + 1)[None, ..., None] % 2, (*x.shape[:3], 1))
    h = first(np.concatenate([x * mask, mask], axis=-1).astype("float32"))
    np.testing.assert_allclose(np.std(h, axis=(0, 1, 2)), 1, rtol=1e-4)  # it was started


@LOGIT
@SHAPES
def test_there_and_back(shape, scales, logit):
    flow, x = _drawn(shape, scales, logit=logit), _images(5, shape)
    y, log_det = flow(x)
    assert y.shape == x.shape and log_det.shape == (5,) and np.abs(y - x).max() > 0.5
    np.testing.assert_allclose(flow(y, inverse=True), x, atol=1e-4)
    np.testing.assert_allclose(flow.inverse(y), x, atol=1e-4)
    if not logit:  # whose way back from far features ends where float32 has one value for all
        np.testing.assert_allclose(flow(flow.inverse(x))[0], x, atol=1e-4)


@pytest.mark.parametrize("scales", [1, 2])
def test_far_features_come_back_from_within_the_logits_domain(scales):
    # Of logit 5 the share is 1 - 1 / 149; of x near 1 float32 has steps of 2^-23, of 0.45 times that in the share, so
    # that the logit comes back to some 2^-24 * 150, or 1e-5; of logit 14 to some 0.1; beyond 14.5 it is cut.
    flow = real_nvp((4, 4, 1), scales, width=4, logit=True)  # the logit alone
    signs = RNG.choice([-1.0, 1.0], (3, 4, 4, 1)).astype("float32")
    for far, close in ((5, 1e-4), (14, 0.2), (20, 20), (1e3, 1e3), (1e30, 1e30)):
        x = flow.inverse(far * signs).numpy()
        assert np.all(np.abs(x) < 10 / 9) and np.all(np.sign(x) == signs)
        y, log_det = flow(x)
        np.testing.assert_allclose(y, far * signs, atol=close)
        assert np.isfinite(log_det).all() and np.abs(y).min() > min(far, 14) - 0.2
    assert np.isnan(flow(np.full((1, 4, 4, 1), 1.2, "float32"))[0]).all()
    drawn = _drawn((4, 4, 1), scales, logit=True)
    assert all(np.isfinite(each).all() for each in drawn(drawn.inverse(100 * signs)))


@LOGIT
@pytest.mark.parametrize(("shape", "scales"), [((4, 4, 1), 1), ((4, 4, 3), 2), ((8, 8, 3), 3), ((8, 8, 1), 4)])
def test_the_log_determinant_by_the_jacobian(shape, scales, logit):
    flow = _drawn(shape, scales, logit=logit)
    for image in _images(2, shape):
        sign, expected = np.linalg.slogdet(_jacobian(flow, image))
        assert sign == 1 and abs(expected) > 1
        assert float(flow(image[None])[1][0]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("scales", [1, 2])
def test_trained_for_a_few_steps_it_is_invertible_and_likelier(scales):
    flow = real_nvp((8, 8, 1), scales, width=4, blocks=1, seed=0)
    waves = np.sin(np.arange(8)[None, :, None] + RNG.uniform(0, 6, (32, 1, 1))) * np.ones((1, 1, 8))
    x = tf.constant(0.5 * waves[..., None] + 0.05 * RNG.normal(size=(32, 8, 8, 1)), "float32")
    optimizer = keras.optimizers.Adamax(0.01)
    optimizer.build(flow.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            y, log_det = flow(x)
            nats = tf.reduce_mean(tf.reduce_sum(tf.square(y), axis=(1, 2, 3)) / 2 - log_det)
        optimizer.apply(tape.gradient(nats, flow.trainable_variables), flow.trainable_variables)
        return nats

    nats = [float(step()) for _ in range(25)]
    assert nats[-1] < nats[0] - 5
    y, log_det = flow(x)
    assert np.abs(y - x).max() > 0.05 and np.abs(log_det).min() > 1
    np.testing.assert_allclose(flow(y, inverse=True), x, atol=1e-4)
    assert float(log_det[0]) == pytest.approx(np.linalg.slogdet(_jacobian(flow, x.numpy()[0]))[1], abs=1e-3)


def test_logit_by_hand():
    # x = 0 is the share 1/2: logit 0, slope 0.45 / (1/4). x = 1 is 0.95: logit log 19, slope 0.45 / (0.95 * 0.05).
    flow = real_nvp((1, 2, 1), logit=True)
    y, log_det = flow(np.array([0, 1], "float32").reshape(1, 1, 2, 1))
    np.testing.assert_allclose(np.ravel(y), [0, np.log(19)], atol=1e-5)
    assert float(log_det[0]) == pytest.approx(np.log(0.45 / 0.25) + np.log(0.45 / 0.0475), rel=1e-5)
    np.testing.assert_allclose(np.ravel(flow.inverse(y)), [0, 1], atol=1e-6)


def test_number_of_weights():
    # The figures of the thesis' size, and of the small one: c channels, width w, R blocks. A weight-normalised 3x3
    # convolution of c to f planes has 9 c f + 2 f weights; s has a bound, and the affine map two weights, by channel.
    def couplings(seen, moved, channels, width, blocks):
        convolution = lambda c, f: 9 * c * f + 2 * f  # noqa: E731
        conditioner = convolution(seen, width) + 2 * blocks * convolution(width, width) + convolution(width, 2 * moved)
        return 3 * (conditioner + moved + 2 * channels)

    assert real_nvp((32, 32, 3)).count_params() == couplings(4, 3, 3, 32, 2) == 120_255
    assert real_nvp((8, 8, 1), width=4, blocks=1).count_params() == couplings(2, 1, 1, 4, 1) == 1_389
    # Two scales: 3 channels of width 4; squeezed 12, in halves of 6, of width 8; the 6 that are left, of width 8.
    expected = couplings(4, 3, 3, 4, 2) + couplings(6, 6, 12, 8, 2) + couplings(7, 6, 6, 8, 2)
    assert real_nvp((8, 8, 3), 2, width=4).count_params() == expected


def test_parities_of_couplings():
    flow = real_nvp((4, 4, 1), 2, width=2, blocks=1)
    for steps in (flow.scale.checkerboards, flow.scale.channels, flow.scale.left.checkerboards):
        assert [coupling.parity for coupling in steps[::2]] == [1, 0, 1]
    assert flow.scale.left.left is None and flow.scale.left.channels == []
    # The first coupling keeps the place at (0, 0) and moves that at (0, 1).
    y, _ = _drawn((2, 2, 1), 1, couplings=1, deviation=0.5).scale.checkerboards[0](np.ones((1, 2, 2, 1), "float32"))
    np.testing.assert_array_equal(np.ravel(y) == 1, [True, False, False, True])


def test_what_depends_on_what_at_one_scale():
    # A coupling of four 3x3 convolutions reaches over an image of 4 x 4: after three each feature sees every value.
    image = _images(1, (4, 4, 1))[0]
    assert np.all(_jacobian(_drawn((4, 4, 1), 1), image) != 0)
    # After one: what is kept sees itself, what moves itself and all that is kept.
    seen = _jacobian(_drawn((4, 4, 1), 1, couplings=1), image) != 0
    kept = np.indices((4, 4)).sum(0).ravel() % 2 == 0
    np.testing.assert_array_equal(seen, np.eye(16, dtype=bool) | (~kept[:, None] & kept))


def test_the_first_half_is_done_and_the_second_goes_on():
    flow, x = _drawn((4, 4, 1), 2), _images(3, (4, 4, 1))
    before, _ = flow(x)
    for weight in flow.scale.left.weights:
        weight.assign(0 * weight)
    after, _ = flow(x)  # without the scale that is left
    # Of each block of 2 x 2, the first row is the first half of the planes.
    moved = before.numpy() != after.numpy()
    second = unsqueeze(np.broadcast_to(np.array([0, 0, 1, 1], "float32"), (3, 2, 2, 4))).numpy() == 1
    np.testing.assert_array_equal(moved, second)
    np.testing.assert_array_equal(second[0, :2, :2, 0], [[False, False], [True, True]])


def test_the_density_of_the_flow_is_that_of_its_samples():
    # y from a Gaussian, images of two values: densities at a grid over [-1, 1)^2, times the area of a cell, sum to the
    # share of samples that fall into it.
    flow = _drawn((1, 2, 1), 1, deviation=1.0)
    middles = (np.arange(256) + 0.5) / 128 - 1
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 1, 2, 1).astype("float32")
    y, log_det = flow(grid)
    mean, deviation = np.mean(y), np.std(y)
    assert np.ptp(log_det) > 0.5  # no affine map
    share = np.exp(norm.logpdf(y, mean, deviation).sum(axis=(1, 2, 3)) + log_det).sum() / 128**2
    features = RNG.normal(mean, deviation, (100_000, 1, 2, 1)).astype("float32")
    samples = flow(features, inverse=True).numpy()
    drawn = np.all((samples >= -1) & (samples < 1), axis=(1, 2, 3)).mean()
    assert 0.1 < drawn < 0.9
    assert share == pytest.approx(drawn, abs=0.0064)  # 4 deviations of the share


def test_rows_depend_on_themselves_alone():
    flow, x = _drawn((4, 4, 1), 2), _images(4, (4, 4, 1))
    for whole, row in zip(flow(x), flow(x[2:3]), strict=True):
        np.testing.assert_allclose(whole[2:3], row, atol=1e-5)


def test_gradients_pass_through_the_inverse_and_stop_at_its_weights():
    # What trains a decoder through f^-1: the weights are given, and nothing comes back to them.
    flow, y = _drawn((4, 4, 1), 2), tf.constant(_images(2, (4, 4, 1)))
    with tf.GradientTape() as tape:
        tape.watch(y)
        stopped = [tf.stop_gradient(weight) for weight in flow.trainable_variables]
        x, _ = flow.stateless_call(stopped, [], y, inverse=True)
        loss = tf.reduce_sum(tf.square(x))
    np.testing.assert_allclose(x, flow(y, inverse=True), atol=1e-6)
    of_y, *of_weights = tape.gradient(loss, [y, *(weight.value for weight in flow.trainable_variables)])
    assert np.all(of_y != 0) and of_weights == [None] * len(of_weights)


def test_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        flow = real_nvp((4, 4, 1), 2, width=4, blocks=1, seed=0, logit=True)
    finally:
        keras.config.set_dtype_policy("float32")
    full, x = _drawn((4, 4, 1), 2, logit=True), _images(2, (4, 4, 1))
    flow.set_weights(full.get_weights())
    assert {layer.compute_dtype for layer in flow._flatten_layers()} == {"float32"}
    for one, other in zip(flow(x), full(x), strict=True):
        assert one.dtype == tf.float32
        np.testing.assert_array_equal(one, other)
    assert flow.inverse(tf.cast(x, "bfloat16")).dtype == flow(x, inverse=True).dtype == tf.float32


def test_seed_decides_the_weights_and_saving_keeps_them(tmp_path):
    sizes = {"scales": 2, "couplings": 2, "width": 3, "blocks": 1, "logit": True}
    a, b, c = (real_nvp((4, 6, 2), **sizes, seed=seed) for seed in (0, 0, 1))
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(x, y)
    kernels = [np.ravel(w)[0] for w in a.weights if "conv_0" in w.path and "kernel" in w.path]
    assert len(set(kernels)) == len(kernels) == 6  # each layer has its own seed
    assert any(np.any(x != y) for x, y in zip(a.get_weights(), c.get_weights(), strict=True))
    assert a.get_config() == {**a.get_config(), "image_shape": (4, 6, 2), **sizes, "seed": 0}
    for weight in a.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.3)
    a.save(tmp_path / "a.keras")
    loaded, x = keras.saving.load_model(tmp_path / "a.keras"), _images(2, (4, 6, 2))
    for one, other in zip(a(x), loaded(x), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(a(x, inverse=True), loaded(x, inverse=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (6, 8, 1), "scales": 3}, r"multiples of 4, for 3 scales. Received: image_shape=\(6, 8, 1\)"),
        ({"image_shape": (8, 6, 1), "scales": 3}, r"image_shape must have sides that are multiples of 4"),
        ({"image_shape": (8, 8)}, r"image_shape must be \(height, .*\), positive ints. Received: image_shape=\(8, 8\)"),
        ({"image_shape": (8, 8, 0)}, r"positive ints. Received: image_shape=\(8, 8, 0\)"),
        ({"scales": 0}, "scales must be a positive int. Received: scales=0"),
        ({"couplings": 0}, "couplings must be a positive int. Received: couplings=0"),
        ({"width": 0}, "width must be a positive int. Received: width=0"),
        ({"blocks": 0}, "blocks must be a positive int. Received: blocks=0"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        real_nvp(**{"image_shape": (8, 8, 1), **options})
