import keras
import numpy as np
import pytest

from qrkeras.layers import GatedBlock, colour_mask, cut_planes, gate, plane_colours

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def randomised(block, *inputs):
    block(*inputs)
    for weight in block.weights:
        weight.assign(RNG.normal(0, 0.3, weight.shape))
    return block


def test_gate_by_hand():
    # tanh(1) * sigmoid(0) = 0.76159 / 2;  tanh(0) * sigmoid(5) = 0.
    np.testing.assert_allclose(gate(np.array([[1.0, 0.0, 0.0, 5.0]])), [[0.380797, 0.0]], atol=1e-6)


@pytest.mark.parametrize("first", [False, True])
def test_block_is_its_equation(first):
    planes, channels = (5, 3) if first else (5, 5)
    v, h = (normal(2, 4, 4, channels) for _ in range(2))
    above, here, classes = normal(2, 4, 4, 3), normal(2, 4, 4, 3), np.eye(2, dtype="float32")
    block = GatedBlock(planes, 3, 3, first, num_classes=2, quantile=True)
    inputs = (v, h, above, here, classes)
    outputs = randomised(block, *inputs)(*inputs)
    ten, five, image = plane_colours(10, 3, 2), plane_colours(5, 3), plane_colours(3, 3)
    level_mask = colour_mask(image, ten)
    u = block.vertical_conv(v) + block.vertical_bias
    u = u + above @ block.vertical_tau.kernel.numpy() + (classes @ block.vertical_class.kernel.numpy())[:, None, None]
    w = block.horizontal_conv(h) + u.numpy() @ block.feed.kernel.numpy() + block.feed.bias
    w = w + here @ (block.horizontal_tau.kernel.numpy() * level_mask)
    w = (w + (classes @ block.horizontal_class.kernel.numpy())[:, None, None]).numpy()
    y = np.tanh(w[..., :5]) / (1 + np.exp(-w[..., 5:]))
    update = y @ (block.residual.kernel.numpy() * colour_mask(five, five))
    np.testing.assert_allclose(outputs[0], gate(u), atol=1e-5)
    np.testing.assert_allclose(outputs[1], update if first else h + update, atol=1e-5)
    np.testing.assert_allclose(outputs[2], y, atol=1e-5)


@pytest.mark.parametrize("first", [False, True])
def test_value_by_value_is_the_whole(first):
    channels = 3 if first else 5
    v, h, above, here = normal(2, 1, 4, channels), normal(2, 1, 4, channels), normal(2, 1, 4, 3), normal(2, 1, 4, 3)
    block = GatedBlock(5, 5, 3, first, quantile=True)
    _, new, gated = randomised(block, v, h, above, here)(v, h, above, here)
    upper = block.upper(block.vertical_conv(v), above)
    y, updates = None, []
    contexts = cut_planes(block.context(upper, here), 3, stacks=2)
    for colour, (part, context) in enumerate(zip(block.parts(), contexts, strict=True)):
        visible = plane_colours(channels, 3) < colour if first else plane_colours(channels, 3) <= colour
        seen = [h[:, 0, 1], h[:, 0, 2], h[:, 0, 3][:, visible]]
        own = None if first else h[:, 0, 3][:, plane_colours(channels, 3) == colour]
        y, after = block.value(part, seen, context[:, 0, 3], y, own)
        updates.append(after)
    np.testing.assert_allclose(y, gated[:, 0, 3], atol=1e-5)
    np.testing.assert_allclose(np.concatenate(updates, axis=-1), new[:, 0, 3], atol=1e-5)


def test_last_block_has_no_residual_map():
    x = normal(2, 4, 4, 6)
    block, other = GatedBlock(6, 3, 3, last=True, seed=1), GatedBlock(6, 3, 3, seed=1)
    v, h, y = block(x, x)
    np.testing.assert_array_equal(h, x)
    for a, b in zip((v, y), (other(x, x)[0], other(x, x)[2])):
        np.testing.assert_array_equal(a, b)
    assert len(other.weights) == len(block.weights) + 1


def test_configuration_round_trip_and_seed():
    block = GatedBlock(5, 3, 3, True, num_classes=2, quantile=True, seed=7)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(block))
    assert again.get_config() == block.get_config()
    for b in (block, again):
        b.build((None, 4, 4, 3))
    for a, b in zip(block.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # No two weights are drawn from the same numbers.
    draws = [w.numpy().ravel()[:3] / np.abs(w.numpy()).max() for w in block.weights if w.numpy().any()]
    assert len({tuple(np.round(draw, 4)) for draw in draws}) == len(draws)
