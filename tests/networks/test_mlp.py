"""Multilayer perceptrons: shapes, activations, seeds."""

import keras
import numpy as np
import pytest

from qrkeras.layers import EquivariantDense
from qrkeras.networks import mlp
from qrkeras.networks.seeds import layer_seeds


def test_shapes_and_number_of_weights():
    # 3 * 5 + 5 = 20, 5 * 5 + 5 = 30, 5 * 2 + 2 = 12: 62 in all.
    model = mlp(3, 2, width=5, hidden_layers=2, name="net")
    assert model.name == "net"
    assert model.input_shape == (None, 3) and model.output_shape == (None, 2)
    assert model.count_params() == 62


def test_known_value():
    # relu(1 * 2 - 3) = 0 and relu(-1 * 2 + 4) = 2; 10 * 0 + 7 * 2 - 20 = -6: nothing bounds the
    # output.
    model = mlp(1, 1, width=2, hidden_layers=1)
    model.set_weights(
        [
            np.array([[1.0, -1.0]]),
            np.array([-3.0, 4.0]),
            np.array([[10.0], [7.0]]),
            np.array([-20.0]),
        ]
    )
    np.testing.assert_allclose(model(np.array([[2.0]], "float32")), [[-6.0]])


def test_no_hidden_layer_is_linear():
    assert mlp(3, 2, hidden_layers=0).count_params() == 8


def test_seed_repeats_and_layers_differ():
    one, other, third = (
        mlp(4, 4, width=4, seed=1),
        mlp(4, 4, width=4, seed=1),
        mlp(4, 4, width=4, seed=2),
    )
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [w for w in one.get_weights() + third.get_weights() if w.ndim == 2]
    assert len({k.tobytes() for k in kernels}) == len(kernels) == 6


def test_without_a_seed_the_global_one_holds():
    def build():
        keras.utils.set_random_seed(5)
        return mlp(3, 2).get_weights()

    for a, b in zip(build(), build(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(mlp(3, 2).get_weights()[0], mlp(3, 2).get_weights()[0])


@pytest.mark.parametrize(("initializer", "scale"), [("he_normal", 2 / 100), ("lecun_normal", 1 / 100)])
def test_initializer(initializer, scale):
    kernel = mlp(100, 1, width=2000, hidden_layers=1, kernel_initializer=initializer, seed=0).get_weights()[0]
    np.testing.assert_allclose(kernel.var(), scale, rtol=0.03)


def test_round_trip(tmp_path):
    model = mlp(3, 2, activation="tanh", seed=0)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(x), model(x), rtol=1e-6)


def test_equivariant_layers_see_the_batch():
    # Four layers, the last one too; both kernels and one bias each: 2 (2 * 8 + 8 * 8 + 8 * 8 + 8) + 8 + 8 + 8 + 1.
    model = mlp(2, 1, width=8, hidden_layers=3, activation="tanh", equivariant_batch_size=4, seed=0)
    assert [type(layer) for layer in model.layers[1:]] == [EquivariantDense] * 4 and model.count_params() == 329
    assert [layer.activation.__name__ for layer in model.layers[1:]] == ["tanh"] * 3 + ["linear"]
    assert all(layer.batch_size == 4 for layer in model.layers[1:])
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    assert len({k.ravel()[0] / k.std() for k in kernels}) == len(kernels) == 8


def test_plain_layers_keep_their_seeds():
    stream = layer_seeds(1, "mlp 3 2")
    found = [layer.kernel_initializer.seed for layer in mlp(3, 2, seed=1).layers[1:]]
    assert found == [next(stream) for _ in range(3)]
