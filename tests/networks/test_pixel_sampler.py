import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.losses import categorical_quantile
from qrkeras.networks import pixelcnn
from tests.support.pixel_sampling import plain_sample

RNG = np.random.default_rng(0)


def quantile(outputs, tau):
    return ops.clip(outputs[:, 0], -1.0, 1.0)


def softmax(outputs, tau):
    return ops.cast(categorical_quantile(outputs, tau), "float32") / 8.0 - 1.0  # 17 outputs, exact in binary


def network(channels=3, size=5, **options):
    defaults = {"blocks": 3, "kernel_size": 5, "planes": 8, "output_planes": 16, "num_outputs": 1, "quantile": True}
    net = pixelcnn(size, channels, **{**defaults, "seed": 1, **options})
    for weight in net.weights:  # biases too, and outputs that spread over [-1, 1]
        weight.assign(weight + RNG.normal(0, 0.1, weight.shape))
    return net


def noise(batch, size=5, channels=3):
    tau = RNG.uniform(0.01, 0.99, (batch, size, size, channels)).astype("float32")
    return tau, RNG.uniform(-1, 1, tau.shape).astype("float32"), RNG.integers(0, 2, (batch, size, size))


def traced(net, value_of):
    shape = (None, *net.image_shape)
    signature = [
        tf.TensorSpec(shape, "float32"),
        tf.TensorSpec(shape, "float32"),
        tf.TensorSpec(shape[:-1], "int64"),
        tf.TensorSpec((None,), "int32"),
    ]
    return tf.function(lambda *args: net.sample(*args, value_of), input_signature=signature, autograph=False)


@pytest.mark.parametrize(("channels", "num_classes", "inpainting"), [(1, 4, False), (3, None, False), (3, 4, True)])
def test_cached_equals_plain_for_quantiles(channels, num_classes, inpainting):
    net = network(channels, num_classes=num_classes)
    tau, known, mask = noise(2, channels=channels)
    mask = mask * inpainting
    labels = np.array([0, 3], "int32")
    cached = traced(net, quantile)(tau, known, mask, labels)
    plain = plain_sample(net, tau, known, mask, labels, quantile)
    np.testing.assert_allclose(cached, plain, atol=1e-4)
    assert np.ptp(plain) > 0.3  # not all clipped, not all alike


@pytest.mark.parametrize(("channels", "inpainting"), [(1, True), (3, False)])
def test_cached_equals_plain_for_softmax(channels, inpainting):
    net = network(channels, num_outputs=17, quantile=False)
    tau, known, mask = noise(2, channels=channels)
    mask = mask * inpainting
    labels = np.zeros(2, "int32")
    cached = traced(net, softmax)(tau, known, mask, labels)
    plain = plain_sample(net, tau, known, mask, labels, softmax)
    np.testing.assert_array_equal(cached, plain)
    assert len(np.unique(plain)) > 5


@pytest.mark.parametrize(("channels", "inpainting"), [(1, False), (2, True)])
def test_cached_equals_plain_for_categories(channels, inpainting):
    def category(outputs, tau):
        return ops.cast(categorical_quantile(outputs, tau), "float32")

    net = network(channels, num_outputs=5, num_categories=5, quantile=False)
    tau, _, mask = noise(2, channels=channels)
    known, mask = RNG.integers(0, 5, tau.shape).astype("float32"), mask * inpainting
    labels = np.zeros(2, "int32")
    cached = traced(net, category)(tau, known, mask, labels)
    plain = plain_sample(net, tau, known, mask, labels, category)
    np.testing.assert_array_equal(cached, plain)
    assert set(np.unique(plain)) == set(range(5))


@pytest.mark.parametrize(("size", "kernel_size", "blocks"), [(1, 5, 1), (2, 7, 2), (6, 3, 4), (4, 5, 1)])
def test_any_size_kernel_and_depth(size, kernel_size, blocks):
    net = network(3, size, kernel_size=kernel_size, blocks=blocks)
    tau, known, mask = noise(2, size)
    labels = np.zeros(2, "int32")
    cached = traced(net, quantile)(tau, known, mask, labels)
    np.testing.assert_allclose(cached, plain_sample(net, tau, known, mask, labels, quantile), atol=1e-4)


def test_runs_without_a_graph():
    net = network(1, 3)
    tau, known, mask = noise(1, 3, 1)
    eager = net.sample(tau, known, mask, None, quantile)
    np.testing.assert_allclose(eager, plain_sample(net, tau, known, mask, None, quantile), atol=1e-4)


def test_one_trace_serves_every_batch_and_rows_do_not_mix():
    net = network(size=4)
    sample = traced(net, quantile)
    tau, known, mask = noise(5, 4)
    labels = np.zeros(5, "int32")
    whole = sample(tau, known, mask, labels)
    for i in (0, 4):
        alone = sample(tau[i : i + 1], known[i : i + 1], mask[i : i + 1], labels[i : i + 1])
        np.testing.assert_allclose(alone[0], whole[i], atol=1e-5)
    assert sample.experimental_get_tracing_count() == 1


def test_known_pixels_come_back_bit_for_bit():
    net = network(size=4)
    tau, known, mask = noise(3, 4)
    drawn = traced(net, quantile)(tau, known, mask, np.zeros(3, "int32")).numpy()
    np.testing.assert_array_equal(drawn[mask > 0], known[mask > 0])
    assert np.abs(drawn[mask == 0] - known[mask == 0]).min() > 0


def test_values_depend_on_their_own_and_earlier_levels_only():
    net = network(size=4)
    tau, known, mask = noise(1, 4)
    sample, labels = traced(net, quantile), np.zeros(1, "int32")
    before = sample(tau, known, 0 * mask, labels).numpy().ravel()
    for place in (0, 20, 47):
        other = tau.copy()
        other.reshape(-1)[place] = 1 - other.reshape(-1)[place]
        changed = sample(other, known, 0 * mask, labels).numpy().ravel() != before
        assert not changed[:place].any() and changed[place]


def test_signature_in_a_saved_model(tmp_path):
    net = network(size=4)
    tau, known, mask = noise(3, 4)
    archive = keras.export.ExportArchive()
    archive.track(net)
    shape = (None, 4, 4, 3)
    signature = [tf.TensorSpec(shape, "float32")] * 2 + [tf.TensorSpec(shape[:-1], "int64")]
    archive.add_endpoint("sample", lambda *args: net.sample(*args, None, quantile), signature)
    archive.write_out(str(tmp_path / "net"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "net"))
    sample = traced(net, quantile)
    for n in (1, 3):
        expected = sample(tau[:n], known[:n], mask[:n], np.zeros(n, "int32"))
        np.testing.assert_allclose(served.sample(tau[:n], known[:n], mask[:n]), expected, atol=1e-5)


def test_mixed_precision_samples():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = network(size=3)
    finally:
        keras.config.set_dtype_policy("float32")
    tau, known, mask = noise(2, 3)
    drawn = traced(net, quantile)(tau, known, mask, np.zeros(2, "int32"))
    plain = plain_sample(net, tau, known, mask, None, quantile)
    # bfloat16 keeps 8 bits.
    np.testing.assert_allclose(drawn, plain, atol=0.1)
    np.testing.assert_array_equal(drawn.numpy()[mask > 0], known[mask > 0])
