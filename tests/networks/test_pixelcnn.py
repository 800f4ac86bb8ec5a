import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import ColourDense
from qrkeras.networks import pixelcnn
from tests.support.causality import dependence

RNG = np.random.default_rng(0)
BLOCKS, REACH, SIZE = 2, 1, 7  # kernels 3x3


def network(channels=3, **options):
    defaults = {"blocks": BLOCKS, "kernel_size": 3, "planes": 8, "output_planes": 96, "num_outputs": 2, "seed": 3}
    return pixelcnn(SIZE, channels, **{**defaults, **options})


def images(channels, batch=1):
    return RNG.uniform(-1, 1, (batch, SIZE, SIZE, channels)).astype("float32")


def levels(channels, batch=1):
    return RNG.uniform(0, 1, (batch, SIZE, SIZE, channels)).astype("float32")


def field(channels, blocks, own):
    """What each value may see, from the definition: `(row, column, colour)` of output, then of input.

    Rows above as far as `blocks` kernels reach, as many columns to both sides; columns to the left; in the pixel,
    earlier colours, and the own one where `own`.
    """
    far = blocks * REACH
    i, j, c, row, column, colour = np.indices((SIZE, SIZE, channels) * 2)
    above = (row < i) & (row >= i - far) & (abs(column - j) <= far)
    left = (row == i) & (column < j) & (column >= j - far)
    pixel = (row == i) & (column == j) & ((colour <= c) if own else (colour < c))
    return above | left | pixel


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quantile", [False, True])
def test_a_value_sees_every_earlier_value_in_its_field_and_no_other(channels, quantile):
    net = network(channels, quantile=quantile)
    tau = levels(channels) if quantile else None
    seen = dependence(lambda x: net(x, tau), images(channels))[0, :, :, :, 0] > 0
    np.testing.assert_array_equal(seen, field(channels, BLOCKS, own=False))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_value_sees_its_own_level_every_earlier_one_and_no_later_one(channels):
    net, x = network(channels, quantile=True), images(channels)
    seen = dependence(lambda tau: net(x, tau), levels(channels))[0, :, :, :, 0] > 0
    # The first block hands the level of one row up, or of the pixel itself, to the blocks behind it: one kernel less.
    far = (BLOCKS - 1) * REACH
    expected = field(channels, BLOCKS - 1, own=True)
    i, j, _, row, column, _ = np.indices((SIZE, SIZE, channels) * 2)
    expected |= (row == i - 1 - far) & (abs(column - j) <= far)
    np.testing.assert_array_equal(seen, expected)


def test_categories_are_seen_as_planes_of_their_colour_and_not_as_numbers():
    net = network(2, num_categories=3, num_outputs=3)
    # Colours 2 and 0: planes 0, 0, 1 of the first, then 1, 0, 0 of the second.
    assert net.seen(np.array([[[[2.0, 0.0]]]])).numpy().tolist() == [[[[0, 0, 1, 1, 0, 0]]]]
    assert net.blocks[0].vertical_conv.kernel.shape[2] == 6
    assert network(2).seen(np.array([0.5, 1.0])).tolist() == [0.5, 1.0]


@pytest.mark.parametrize("channels", [1, 2])
def test_a_category_is_seen_by_later_values_alone(channels):
    net = network(channels, num_categories=4)
    codes = RNG.integers(0, 4, (1, SIZE, SIZE, channels))
    before, seen = net(codes).numpy(), field(channels, BLOCKS, own=False)
    for i, j, c in [(0, 0, 0), (3, 3, channels - 1), (5, 6, 0)]:
        changed = codes.copy()
        changed[0, i, j, c] = (codes[0, i, j, c] + 1) % 4
        moved = np.abs(net(changed).numpy() - before).max(axis=-1)[0] > 0
        assert not (moved & ~seen[..., i, j, c]).any()
        assert moved.mean() > 0.7 * seen[..., i, j, c].mean(), "what may depend on it does"


def test_nothing_passes_between_examples():
    net, x, tau = network(quantile=True, blocks=1), images(3, batch=2), levels(3, batch=2)
    by_image = dependence(lambda x: net(x, tau), x)
    by_level = dependence(lambda tau: net(x, tau), tau)
    for seen in (by_image, by_level):
        assert seen[0, :, :, :, 1].max() == seen[1, :, :, :, 0].max() == 0
        assert seen[0, :, :, :, 0].max() > 0 and seen[1, :, :, :, 1].max() > 0


def test_class_changes_every_value():
    net, x = network(num_classes=3), images(3)
    a, b = (net(x, labels=np.array([label])).numpy() for label in (0, 2))
    assert np.abs(a - b).max(axis=-1).min() > 0


def test_sizes_of_the_papers_small_network():
    net = pixelcnn(32, quantile=True, num_outputs=1)
    assert len(net.blocks) == 15 and net.image_shape == (32, 32, 3)
    # Block 2: vertical 3*5*128*256, horizontal 3*128*256, feed 256*256 + 256, residual 128*128, bias 256,
    # levels 2 * 3*256.
    expected = 15 * 128 * 256 + 3 * 128 * 256 + 256 * 256 + 256 + 128 * 128 + 256 + 2 * 3 * 256
    assert net.blocks[1].count_params() == expected
    # Head: 15*128 -> 1024 -> 1024 -> 3.
    assert [layer.kernel.shape for layer in net.head] == [(1920, 1024), (1024, 1024), (1024, 3)]
    assert all(isinstance(layer, ColourDense) for layer in net.head)


def test_every_weight_has_a_gradient():
    net = network(num_classes=2, quantile=True, blocks=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(images(3, 2), levels(3, 2), np.array([0, 1])) ** 2)
    for weight, gradient in zip(net.trainable_variables, tape.gradient(loss, net.trainable_variables), strict=True):
        assert gradient is not None and np.abs(gradient).max() > 0, weight.path


def test_outputs_and_round_trip(tmp_path):
    net = network(num_classes=2, quantile=True)
    x, tau, labels = images(3, 2), levels(3, 2), np.array([0, 1])
    y = net(x, tau, labels)
    assert y.shape == (2, SIZE, SIZE, 3, 2)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(x, tau, labels), y)


def test_seed_decides_the_weights():
    for a, b in zip(network(seed=1).get_weights(), network(seed=1).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(network(seed=1).head[0].kernel - network(seed=2).head[0].kernel).max() > 0


def test_mixed_precision_leaves_outputs_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = network(quantile=True)
        y = net(images(3), levels(3))
        assert keras.backend.standardize_dtype(y.dtype) == "float32"
        assert net.blocks[0].compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planes": 2}, "planes must be at least channels=3.*Received: 2"),
        ({"output_planes": 2}, "output_planes must be at least channels=3.*Received: 2"),
        ({"blocks": 0}, "blocks must be a positive int. Received: 0"),
        ({"num_classes": 1.5}, "num_classes must be a positive int. Received: 1.5"),
        ({"kernel_size": 4}, "kernel_size must be an odd int"),
    ],
)
def test_bad_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_conditions_must_be_given():
    with pytest.raises(ValueError, match="tau must be given"):
        network(quantile=True)(images(3))
    with pytest.raises(ValueError, match="labels must be given"):
        network(num_classes=2)(images(3))
