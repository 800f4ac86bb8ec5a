"""PixelCNN++: what a pixel sees, the condition and its gate, dropout by block, sizes, the start from data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import initializing
from qrkeras.networks import pixelcnnpp
from tests.support.causality import pixel_dependence

RNG = np.random.default_rng(0)


def network(size=8, channels=1, drawn=True, **options):
    """Weights are spread, so that nothing is hidden by chance or by B, which begins at zero."""
    sizes = {"planes": 3, "blocks": 1, "resolutions": 2, "components": 2, **options}
    net = pixelcnnpp(size, channels, **sizes, seed=1)
    for weight in net.weights if drawn else ():
        weight.assign(weight + RNG.normal(0, 0.3, weight.shape))
    return net


def images(batch=2, size=8, channels=1):
    return RNG.uniform(-1, 1, (batch, size, size, channels)).astype("float32")


@pytest.mark.parametrize(("resolutions", "blocks"), [(1, 4), (2, 2), (3, 1)])
def test_no_place_sees_itself_or_later_ones_but_all_earlier_in_reach(resolutions, blocks):
    net = network(resolutions=resolutions, blocks=blocks)
    seen = pixel_dependence(net, images(1)).reshape(64, 64) > 0
    assert not seen[np.triu_indices(64)].any()
    assert seen[3 * 8 + 2, : 3 * 8 + 2].sum() == 26
    # Its neighbours above and to the left are seen by every place.
    for i, j in np.ndindex(8, 8):
        for row, column in ((i, j - 1), (i - 1, j - 1), (i - 1, j), (i - 1, j + 1)):
            if row >= 0 and 0 <= column < 8:
                assert seen[8 * i + j, 8 * row + column]


def test_all_colours_of_earlier_pixels_and_none_of_its_own():
    net = network(4, 3, blocks=2)
    seen = pixel_dependence(net, images(1, 4, 3)).reshape(16, 16, 3) > 0
    np.testing.assert_array_equal(seen[7], np.arange(16)[:, None] < 7 + np.zeros(3))


@pytest.mark.parametrize("side", [4, 8])
def test_the_condition_is_seen_everywhere(side):
    net = network(condition=(side, side, 2), blocks=2)
    x, f = images(1), images(1, side, 2)
    seen = pixel_dependence(lambda f: net(np.repeat(x, len(f), 0), f), f)
    assert seen.min() > 0


def test_a_smaller_condition_is_repeated():
    small, large = network(condition=(4, 4, 1)), network(condition=(8, 8, 1))
    large.set_weights(small.get_weights())
    x, f = images(), images(size=4)
    np.testing.assert_allclose(small(x, f), large(x, f.repeat(2, 1).repeat(2, 2)), atol=1e-5)


def test_a_condition_begins_without_effect_and_its_gate_shuts_it():
    x, f, g = images(), images(), images()
    fresh = network(condition=(8, 8, 1), drawn=False)
    np.testing.assert_array_equal(fresh(x, f), fresh(x, g))
    net = network(condition=(8, 8, 1))
    assert np.abs(net(x, f) - net(x, g)).max() > 1e-3
    np.testing.assert_allclose(net(x, f, gate=0.0), net(x, g, gate=0.0), atol=1e-6)
    np.testing.assert_array_equal(net(x, f, gate=1.0), net(x, f))


def test_joint_training_begins_at_the_network_without_condition():
    plain, conditioned = network(drawn=False), network(condition=(8, 8, 1), drawn=False)
    x = images()
    np.testing.assert_array_equal(conditioned(x, images()), plain(x))


def test_class_changes_every_pixel():
    net, x = network(num_classes=3), images()
    a, b = (net(x, labels=np.array([label, 0])).numpy() for label in (0, 2))
    assert np.abs(a - b)[0].max(axis=-1).min() > 0 == np.abs(a - b)[1].max()


def test_each_block_asks_for_uniforms_by_its_name():
    net, x, asked = network(dropout=0.5, resolutions=2), images(), {}

    def uniforms(name, shape):
        assert name not in asked
        asked[name] = shape
        return np.ones((2, *shape), "float32")

    # Nothing is dropped at 1, but what is kept is doubled.
    assert np.abs(net(x, uniforms=uniforms) - net(x)).max() > 1e-3
    assert sorted(asked.values()) == 4 * [(4, 4, 6)] + 6 * [(8, 8, 6)]
    dropped = [
        net(x, uniforms=lambda name, shape, one=one: np.full((2, *shape), float(name != one), "float32"))
        for one in asked
    ]
    for i, one in enumerate(dropped):
        assert all(np.abs(one - other).max() > 0 for other in dropped[:i])
    no_dropout = network(dropout=0.0)
    no_dropout(x, uniforms=uniforms)  # would be asked a second time


def test_number_of_weights():
    # Per F^2: pairs down 12 + 24 + 8 + 2 + 16, up 4 more; 15 and 17 of them, and twice 10 + 10 between resolutions.
    net = pixelcnnpp(8, 3, planes=16)
    kernels = [w for layer in net._flatten_layers() for w in layer.weights if layer.name not in ("start", "head")]
    found = {id(w): int(np.prod(w.shape)) for w in kernels if w.name == "kernel" and w.shape[-2] >= 16}
    head = 16 * 100
    assert sum(found.values()) - head == (15 * 62 + 17 * 66 + 40) * 16**2 == 2092 * 16**2
    assert [len(each.down) for each in net.resolutions] == [10, 10, 10]
    assert [len(each.up) for each in net.resolutions] == [12, 12, 10]


def test_outputs_are_of_elu():
    net, x = network(), images()
    net.resolutions[0].double[1].bias.assign([-5.0, 0.0, 5.0])
    left = net._through(0, *net._start(x), None, None, None)[1].numpy()
    assert left.min() < -0.1 and left.max() > 0.1
    np.testing.assert_allclose(net(x), net.head(np.where(left > 0, left, np.expm1(left))), atol=1e-4)


def test_outputs_and_round_trip(tmp_path):
    net = network(channels=3, condition=(4, 4, 1), num_classes=2, levels=17, dropout=0.2)
    x, f, labels = images(channels=3), images(size=4), np.array([0, 1])
    y = net(x, f, labels)
    assert y.shape == (2, 8, 8, 20) and net.num_outputs == 20 and net.levels == 17
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert again.get_config() == net.get_config()
    np.testing.assert_array_equal(again(x, f, labels), y)


def test_started_from_data():
    net = network(4, 3, drawn=False, blocks=2)
    x = images(16, 4, 3)
    with initializing():
        y = net(x)
    np.testing.assert_allclose(np.std(y, axis=(0, 1, 2)), 1, rtol=1e-3)
    np.testing.assert_array_equal(net(x), y)


def test_every_weight_has_a_gradient():
    net = network(condition=(8, 8, 1), num_classes=2, resolutions=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(images(), images(), np.array([0, 1])) ** 2)
    for weight, gradient in zip(net.trainable_variables, tape.gradient(loss, net.trainable_variables), strict=True):
        assert gradient is not None, weight.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def test_mixed_precision_leaves_outputs_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = network(condition=(4, 4, 1), drawn=False)
    finally:
        keras.config.set_dtype_policy("float32")
    y = net(images(), images(size=4), gate=0.5)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert net.resolutions[0].down[0].compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 6, "resolutions": 3}, "image_size must be a multiple of 4, for 3 resolutions. Received: 6"),
        ({"planes": 0}, "planes must be a positive int. Received: planes=0"),
        ({"channels": 2}, "1 or 3 colours. Received: 2"),
        ({"levels": 1}, "levels must be 2 to 256. Received: 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"condition": (3, 3, 1)}, r"condition must be a shape \(h, w, c\) whose h and w divide image_size=8"),
    ],
)
def test_bad_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_conditions_must_be_given():
    for options, message in (
        ({"condition": (4, 4, 1)}, "condition must be given"),
        ({"num_classes": 2}, "labels must"),
    ):
        with pytest.raises(ValueError, match=message):
            network(**options)(images())
