"""DCGAN networks: sizes, channels, seeds, initial weights, saving."""

import keras
import numpy as np
import pytest

from qrkeras.layers import BatchNormalization, ConvAveragePool2D, UpsampleConv2D
from qrkeras.networks import dcgan_discriminator, dcgan_generator

# (image_size, hidden_layers, base): the paper's three, and the digits' sizes.
SIZES = [(8, 1, 4), (16, 2, 4), (32, 3, 4), (64, 4, 4), (128, 4, 8)]
every_resampling = pytest.mark.parametrize("resampling", ["resize", "transposed"])


@pytest.mark.parametrize(("image_size", "hidden_layers", "base"), SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@every_resampling
def test_sizes(image_size, hidden_layers, base, channels, resampling):
    options = {"width": 4, "hidden_layers": hidden_layers, "resampling": resampling}
    generator = dcgan_generator(image_size, channels, latent_dim=10, **options)
    discriminator = dcgan_discriminator(image_size, channels, num_outputs=7, **options)
    assert generator.input_shape == (None, 10)
    assert generator.output_shape == discriminator.input_shape == (None, image_size, image_size, channels)
    assert discriminator.output_shape == (None, 7)
    assert next(x for x in generator.layers if isinstance(x, keras.layers.Reshape)).target_shape == (base, base, 16)
    images = generator(np.random.default_rng(0).normal(size=(2, 10)))
    assert np.max(np.abs(images)) <= 1.0 and np.std(images) > 0.0
    assert discriminator(images).shape == (2, 7)


def _filters(model):
    return [x.filters for x in model.layers if hasattr(x, "filters")]


def test_channels():
    assert _filters(dcgan_generator(32)) == [128, 64, 64, 3]
    assert _filters(dcgan_generator(64, hidden_layers=4)) == [128, 64, 64, 64, 3]
    assert _filters(dcgan_discriminator(32)) == [64, 128, 256]
    assert _filters(dcgan_discriminator(64, hidden_layers=4)) == [64, 128, 256, 256]


def test_number_of_weights_without_batch_norm():
    # Discriminator 8 x 8 x 1, width 2, one hidden layer: 3*3*1*2 + 2 = 20, then 4*4*2 -> 3: 96 + 3
    # = 99.
    model = dcgan_discriminator(8, 1, num_outputs=3, width=2, hidden_layers=1, batch_norm=False)
    assert model.count_params() == 119
    # Generator: 5 -> 4*4*8: 640 + 128; 3*3*8*4 + 4 = 292; 3*3*4*1 + 1 = 37.
    model = dcgan_generator(8, 1, latent_dim=5, width=2, hidden_layers=1, batch_norm=False)
    assert model.count_params() == 768 + 292 + 37


def test_layers_of_each_resampling():
    def kinds(model):
        return {type(layer) for layer in model.layers}

    assert UpsampleConv2D in kinds(dcgan_generator(width=4))
    assert ConvAveragePool2D in kinds(dcgan_discriminator(width=4))
    transposed = dcgan_generator(width=4, resampling="transposed")
    assert keras.layers.Conv2DTranspose in kinds(transposed) and UpsampleConv2D not in kinds(transposed)
    strided = dcgan_discriminator(width=4, resampling="transposed")
    assert [x.kernel_size for x in strided.layers if isinstance(x, keras.layers.Conv2D)] == [(4, 4)] * 3


def test_batch_norm_from_the_second_hidden_layer_of_the_discriminator_on():
    kinds = [type(layer).__name__ for layer in dcgan_discriminator(width=4).layers]
    hidden = ["ConvAveragePool2D", "BatchNormalization", "LeakyReLU"]
    assert kinds == ["InputLayer", hidden[0], hidden[2], *hidden, *hidden, "Flatten", "Dense"]
    for build in (dcgan_generator, dcgan_discriminator):
        assert not any(isinstance(x, BatchNormalization) for x in build(width=4, batch_norm=False).layers)


def test_activations_and_batch_statistics():
    # LeakyReLU(0.2) in the discriminator, ReLU and at the end tanh in the generator; momentum 0.9, epsilon 1e-5.
    slopes = [x.negative_slope for x in dcgan_discriminator(width=4).layers if isinstance(x, keras.layers.LeakyReLU)]
    assert slopes == pytest.approx([0.2] * 3)
    kinds = [type(layer).__name__ for layer in dcgan_generator(width=4).layers]
    hidden = ["UpsampleConv2D", "BatchNormalization", "ReLU"]
    assert kinds == ["InputLayer", "Dense", "Reshape", *hidden[1:], *3 * hidden, "Conv2D", "Activation"]
    generator = dcgan_generator(width=4)
    assert (
        generator.layers[-1].activation is keras.activations.tanh
        and generator.layers[-2].activation.__name__ == "linear"
    )
    for layer in (*generator.layers, *dcgan_discriminator(width=4).layers):
        if isinstance(layer, BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
@every_resampling
def test_initial_weights(build, resampling):
    # The standard error of a standard deviation from n numbers is s / sqrt(2 n): 4 of them.
    model = build(seed=0, resampling=resampling, batch_norm=False)
    for weight in model.weights:
        values = keras.ops.convert_to_numpy(weight)
        if values.ndim == 1:
            np.testing.assert_array_equal(values, 0.0)
        else:
            assert abs(values.mean()) < 4 * 0.02 / np.sqrt(values.size)
            assert abs(values.std() - 0.02) < 4 * 0.02 / np.sqrt(2 * values.size)


@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
def test_seed_repeats(build):
    one, other, third = (build(width=4, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], third[0])


def test_every_layer_has_its_own_seed():
    networks = [dcgan_generator(width=4, seed=0), dcgan_discriminator(width=4, seed=0)]
    seeds = [x.kernel_initializer.seed for network in networks for x in network.layers if hasattr(x, "kernel")]
    assert len(seeds) == 9 and len(set(seeds)) == 9


@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
@every_resampling
def test_round_trip(build, resampling, tmp_path):
    model = build(width=4, resampling=resampling, seed=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
@pytest.mark.parametrize(
    ("image_size", "hidden_layers"), [(32, 4), (64, 2), (30, 3), (33, 3), (4, 0), (4, -1), (48, 3)]
)
def test_sizes_without_a_base_of_4_or_8_are_refused(build, image_size, hidden_layers):
    received = f"Received: image_size={image_size}, hidden_layers={hidden_layers}"
    message = rf"image_size must be base \* 2\*\*hidden_layers.*{received}"
    with pytest.raises(ValueError, match=message):
        build(image_size, hidden_layers=hidden_layers)


@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
def test_unknown_resampling_is_refused(build):
    with pytest.raises(ValueError, match="resampling must be .*Received: resampling='bilinear'"):
        build(resampling="bilinear")
