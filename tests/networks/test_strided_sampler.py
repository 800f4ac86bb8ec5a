"""The cached sampler of PixelCNN++ against the plain one, and the size of its graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.losses import logistic_mixture_quantile
from qrkeras.networks import pixelcnnpp
from tests.support.pixel_sampling import plain_sample_pixels

RNG = np.random.default_rng(0)


def mixed(outputs, tau):
    """Any function that rises in tau and depends on all outputs."""
    return ops.tanh(ops.mean(outputs, axis=-1, keepdims=True) + 2.0 * tau - 1.0)


def quantile(outputs, tau):
    level = logistic_mixture_quantile(outputs, tau, levels=17)
    return ops.cast(level, "float32") / 8.0 - 1.0


def network(size=8, channels=1, spread=0.3, **options):
    sizes = {"planes": 3, "blocks": 1, "resolutions": 2, "components": 2, "seed": 1, **options}
    net = pixelcnnpp(size, channels, **sizes)
    for weight in net.weights:  # biases and B too, which begin at zero
        weight.assign(weight + RNG.normal(0, spread, weight.shape))
    return net


def inputs(net, batch=2):
    """Levels, known images, mask, labels, condition or None."""
    tau = RNG.uniform(0.01, 0.99, (batch, *net.image_shape)).astype("float32")
    known = RNG.integers(0, 17, tau.shape).astype("float32") / 8 - 1
    condition = None
    if net.condition_shape:
        condition = RNG.uniform(-1, 1, (batch, *net.condition_shape)).astype("float32")
    return tau, known, RNG.integers(0, 2, tau.shape[:3]), np.arange(batch, dtype="int32"), condition


def traced(net, pixel_of=mixed):
    shape = (None, *net.image_shape)
    signature = [
        tf.TensorSpec(shape, "float32"),
        tf.TensorSpec(shape, "float32"),
        tf.TensorSpec(shape[:-1], "int64"),
        tf.TensorSpec((None,), "int32"),
    ]
    if net.condition_shape:
        signature.append(tf.TensorSpec((None, *net.condition_shape), "float32"))

    def sample(tau, known, mask, labels, condition=None):
        return net.sample(tau, known, mask, labels, pixel_of, condition)

    function = tf.function(sample, input_signature=signature, autograph=False)
    return lambda *given: function(*given[: len(signature)]), function


CASES = [
    (4, 1, {"resolutions": 1, "blocks": 2}, False),
    pytest.param(4, 3, {"resolutions": 3, "num_classes": 2}, False, marks=pytest.mark.long),
    (8, 3, {"resolutions": 2, "blocks": 2, "condition": (4, 4, 1), "num_classes": 2}, True),
    pytest.param(8, 1, {"resolutions": 3, "condition": (8, 8, 1)}, False, marks=pytest.mark.long),
    pytest.param(16, 1, {"resolutions": 3}, True, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("size", "channels", "options", "inpainting"), CASES)
def test_cached_equals_plain(size, channels, options, inpainting):
    net = network(size, channels, **options)
    tau, known, mask, labels, condition = inputs(net)
    mask = mask * inpainting
    sample, _ = traced(net)
    cached = sample(tau, known, mask, labels, condition).numpy()
    plain = plain_sample_pixels(net, tau, known, mask, labels, mixed, condition)
    np.testing.assert_allclose(cached, plain, atol=1e-4)
    np.testing.assert_array_equal(cached[mask > 0], known[mask > 0])
    # It depends on what it is drawn from: noise of one pixel that is drawn comes back in later ones.
    first = np.argwhere(mask[0] == 0)[0]
    tau[0, first[0], first[1]] = 1 - tau[0, first[0], first[1]]
    changed = sample(tau, known, mask, labels, condition).numpy() != cached
    assert changed[0].sum() > channels and not changed[1].any()


@pytest.mark.parametrize(("channels", "condition"), [(1, (8, 8, 1)), (3, None)])
def test_cached_equals_plain_for_mixtures_after_rounding(channels, condition):
    net = network(8, channels, condition=condition, spread=0.1, levels=17)
    tau, known, mask, labels, condition = inputs(net)
    cached = traced(net, quantile)[0](tau, known, mask, labels, condition)
    plain = plain_sample_pixels(net, tau, known, mask, labels, quantile, condition)
    np.testing.assert_array_equal(cached, plain)
    assert len(np.unique(plain[mask == 0])) > 5


def test_its_graph_is_that_of_one_pixel():
    def nodes(size):
        graph = traced(network(size))[1].get_concrete_function().graph.as_graph_def()
        return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)

    assert nodes(8) == nodes(16) < 2800


def test_one_trace_serves_every_batch_and_rows_do_not_mix():
    net = network(4, condition=(2, 2, 1))
    sample, function = traced(net)
    given = inputs(net, 5)
    whole = sample(*given)
    for i in (0, 4):
        np.testing.assert_allclose(sample(*(x[i : i + 1] for x in given))[0], whole[i], atol=1e-5)
    assert function.experimental_get_tracing_count() == 1


def test_runs_without_a_graph():
    net = network(2)
    tau, known, mask, labels, _ = inputs(net)
    eager = net.sample(tau, known, mask, labels, mixed)
    np.testing.assert_allclose(eager, plain_sample_pixels(net, tau, known, mask, labels, mixed), atol=1e-4)


def test_mixed_precision_samples():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = network(4, 3, spread=0.1)
    finally:
        keras.config.set_dtype_policy("float32")
    tau, known, mask, labels, _ = inputs(net)
    drawn = traced(net)[0](tau, known, mask, labels).numpy()
    # bfloat16 keeps 8 bits.
    np.testing.assert_allclose(drawn, plain_sample_pixels(net, tau, known, mask, labels, mixed), atol=0.1)
    np.testing.assert_array_equal(drawn[mask > 0], known[mask > 0])
