"""SNGAN's simple networks: numbers of weights, sizes, initial weights, what knows the batch, saving."""

import keras
import numpy as np
import pytest

from qrkeras.layers import (
    BatchNormalization,
    EquivariantConv2D,
    EquivariantDense,
    MinibatchDiscrimination,
    SpectralConv2D,
    SpectralDense,
)
from qrkeras.networks import sngan_discriminator, sngan_generator

KINDS = {
    "plain": {},
    "spectral": {"spectral_norm": True},
    "equivariant": {"batch_features": "equivariant", "batch_size": 4},
    "equivariant spectral": {"batch_features": "equivariant", "batch_size": 4, "spectral_norm": True},
    "minibatch": {"batch_features": "minibatch"},
    "minibatch spectral": {"batch_features": "minibatch", "spectral_norm": True},
}
every_kind = pytest.mark.parametrize("kind", KINDS)
SMALL = {"image_size": 8, "channels": 1, "width": 4, "seed": 0}


def _trained(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def _images(n=4, size=8, channels=1):
    return np.random.default_rng(0).normal(size=(n, size, size, channels)).astype("float32")


def test_numbers_of_weights_at_32_pixels():
    # Kernels 1,728 + 65,536 + 73,728 + 262,144 + 294,912 + 1,048,576 + 1,179,648 + 8,192 = 2,934,464, biases 1,409.
    assert _trained(sngan_discriminator()) == 2_935_873
    # Twice the kernels, the biases once.
    equivariant = sngan_discriminator(batch_features="equivariant", batch_size=64)
    assert equivariant.count_params() == _trained(equivariant) == 5_870_337
    # u of each layer is as long as its bias, and not trained.
    spectral = sngan_discriminator(spectral_norm=True)
    assert _trained(spectral) == 2_935_873 and spectral.count_params() == 2_935_873 + 1_409
    # T is (8192, 500), and the last layer has 100 more inputs.
    assert _trained(sngan_discriminator(batch_features="minibatch")) == 2_935_873 + 8192 * 500 + 100
    assert _trained(sngan_generator()) == 3_804_739


@pytest.mark.parametrize(
    ("image_size", "generator_sizes", "discriminator_layers"),
    [
        (8, [(4, 8), (8, 4)], [(3, 1, 4), (4, 2, 4), (3, 1, 8)]),
        (16, [(4, 16), (8, 8), (16, 4)], [(3, 1, 4), (4, 2, 4), (3, 1, 8), (4, 2, 8), (3, 1, 16)]),
        (
            32,
            [(4, 32), (8, 16), (16, 8), (32, 4)],
            [(3, 1, 4), (4, 2, 4), (3, 1, 8), (4, 2, 8), (3, 1, 16), (4, 2, 16), (3, 1, 32)],
        ),
        (
            48,
            [(6, 32), (12, 16), (24, 8), (48, 4)],
            [(3, 1, 4), (4, 2, 4), (3, 1, 8), (4, 2, 8), (3, 1, 16), (4, 2, 16), (3, 1, 32)],
        ),
        (
            64,
            [(4, 32), (8, 32), (16, 16), (32, 8), (64, 4)],
            [(3, 1, 4), (4, 2, 4), (3, 1, 8), (4, 2, 8), (3, 1, 16), (4, 2, 16), (3, 1, 32), (4, 2, 32)],
        ),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "spectral", "equivariant"])
def test_layers(image_size, generator_sizes, discriminator_layers, kind):
    generator = sngan_generator(image_size, 3, latent_dim=5, width=4)
    rectified = [x.output.shape[2:] for x in generator.layers if isinstance(x, keras.layers.ReLU)]
    assert rectified == generator_sizes
    assert generator.input_shape == (None, 5) and generator.output_shape == (None, image_size, image_size, 3)
    discriminator = sngan_discriminator(image_size, 3, num_outputs=2, width=4, **KINDS[kind])
    convolution = {"plain": keras.layers.Conv2D, "spectral": SpectralConv2D, "equivariant": EquivariantConv2D}[kind]
    found = [x for x in discriminator.layers if isinstance(x, convolution)]
    as_int = [(np.max(x.kernel_size), np.max(x.strides), x.filters) for x in found]
    assert as_int == discriminator_layers
    assert discriminator.input_shape == generator.output_shape and discriminator.output_shape == (None, 2)


@every_kind
def test_every_layer_of_the_discriminator_is_of_its_kind(kind):
    found = [type(x) for x in sngan_discriminator(**SMALL, **KINDS[kind]).layers]
    dense, conv = {
        "plain": (keras.layers.Dense, keras.layers.Conv2D),
        "spectral": (SpectralDense, SpectralConv2D),
        "equivariant": (EquivariantDense, EquivariantConv2D),
    }[{"minibatch": "plain"}.get(kind.split()[0], kind.split()[0]) if kind != "minibatch spectral" else "spectral"]
    hidden, before_last = [conv, keras.layers.LeakyReLU], [MinibatchDiscrimination] * kind.startswith("minibatch")
    assert found == [keras.layers.InputLayer, *3 * hidden, keras.layers.Flatten, *before_last, dense]


def test_activations_and_batch_statistics():
    discriminator, generator = sngan_discriminator(**SMALL), sngan_generator(**SMALL)
    assert [x.negative_slope for x in discriminator.layers if isinstance(x, keras.layers.LeakyReLU)] == [0.1] * 3
    normalised = [keras.layers.ReLU, keras.layers.Conv2DTranspose, BatchNormalization, keras.layers.ReLU]
    last = [keras.layers.Conv2D, keras.layers.Activation]
    first = [keras.layers.InputLayer, keras.layers.Dense, keras.layers.Reshape, BatchNormalization]
    assert [type(x) for x in generator.layers] == [*first, *normalised, *last]
    assert generator.layers[-1].activation is keras.activations.tanh
    assert all((x.momentum, x.epsilon) == (0.9, 1e-5) for x in generator.layers if isinstance(x, BatchNormalization))


@every_kind
def test_initial_weights(kind):
    # The standard error of a standard deviation from n numbers is s / sqrt(2 n): 4 of them. B = 4.
    scaled = kind == "equivariant"
    model = sngan_discriminator(8, 1, width=16, seed=0, **KINDS[kind])
    for weight in model.trainable_weights:
        values = keras.ops.convert_to_numpy(weight)
        if values.ndim == 1:
            np.testing.assert_array_equal(values, 0.0)
            continue
        expected = 0.02 * ((1 / 5 if weight.name == "mean_kernel" else 4 / 5) if scaled else 1)
        assert abs(values.std() - expected) < 4 * expected / np.sqrt(2 * values.size), weight.path
    for weight in sngan_generator(8, 1, seed=0).trainable_weights:
        if len(weight.shape) > 1:
            values = keras.ops.convert_to_numpy(weight)
            assert abs(values.std() - 0.02) < 4 * 0.02 / np.sqrt(2 * values.size)


def _kernels(model):
    return [weight for weight in model.trainable_weights if len(weight.shape) > 1]


@every_kind
def test_seed_repeats_and_every_kernel_has_its_own(kind):
    def build(seed):
        return sngan_discriminator(**{**SMALL, "seed": seed}, **KINDS[kind])

    one, other, third = build(0), build(0), build(1)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # A seed that two kernels shared would begin both alike, whatever their shapes.
    firsts = [float(np.ravel(w)[0]) / np.std(w) for m in (one, third) for w in _kernels(m)]
    assert len(set(np.round(firsts, 4))) == len(firsts)
    generators = [sngan_generator(**{**SMALL, "seed": seed}).get_weights() for seed in (0, 0, 1)]
    assert np.array_equal(generators[0][0], generators[1][0]) and not np.array_equal(generators[0][0], generators[2][0])


@every_kind
def test_what_an_output_knows_of_the_batch(kind):
    model, images = sngan_discriminator(**SMALL, **KINDS[kind]), _images()
    for weight in _kernels(model):
        weight.assign(weight * 10)  # else what little others do is lost in rounding
    other = images.copy()
    other[3] += 1.0
    moved = np.abs(model(images)[0] - model(other)[0]).max()
    assert moved > 1e-5 if kind.split()[0] in ("equivariant", "minibatch") else moved == 0
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(model(images[order]), model(images).numpy()[order], rtol=1e-5, atol=1e-6)


@every_kind
def test_bfloat16_computes_and_answers_in_float32(kind):
    images = _images()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = sngan_discriminator(**SMALL, **KINDS[kind])
        generator = sngan_generator(**SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    full = sngan_discriminator(**SMALL, **KINDS[kind])
    full.set_weights(model.get_weights())
    y = model(images)
    assert y.dtype == "float32" and model.layers[1].compute_dtype == "bfloat16"
    np.testing.assert_allclose(y, full(images), atol=0.02 + 0.02 * np.abs(full(images)).max())
    assert generator(np.zeros((2, 128))).dtype == "float32"


@every_kind
def test_round_trip(kind, tmp_path):
    model = sngan_discriminator(**SMALL, **KINDS[kind])
    model(_images(), training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(_images()), model(_images()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("build", [sngan_generator, sngan_discriminator])
@pytest.mark.parametrize("image_size", [24, 28, 128])
def test_other_sizes_are_refused(build, image_size):
    with pytest.raises(ValueError, match=f"image_size must be one of 8, 16, 32, 48, 64. Received: {image_size}"):
        build(image_size)


def test_other_features_are_refused():
    with pytest.raises(ValueError, match="batch_features must be None, \"equivariant\" or .*Received: 'mean'"):
        sngan_discriminator(batch_features="mean")
    with pytest.raises(ValueError, match="batch_size must be given for .*Received: None"):
        sngan_discriminator(batch_features="equivariant")
