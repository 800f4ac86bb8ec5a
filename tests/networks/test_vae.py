"""Networks of the VAE: sizes, channels, seeds, saving."""

import keras
import numpy as np
import pytest

from qrkeras.networks import vae_decoder, vae_encoder


@pytest.mark.parametrize(("image_size", "hidden_layers"), [(8, 1), (16, 2), (16, 1), (32, 3), (64, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes(image_size, hidden_layers, channels):
    options = {"latent_dim": 6, "width": 2, "hidden_layers": hidden_layers, "seed": 0}
    encoder, decoder = vae_encoder(image_size, channels, **options), vae_decoder(image_size, channels, **options)
    images = np.random.default_rng(0).uniform(-1, 1, (3, image_size, image_size, channels)).astype("float32")
    mean, log_variance = encoder(images)
    assert mean.shape == log_variance.shape == (3, 6) and np.std(mean - log_variance) > 0
    assert decoder(mean).shape == images.shape
    # An image's code does not depend on its batch.
    np.testing.assert_allclose(encoder(images[:1])[0], mean[:1], atol=1e-5)


def _filters(model):
    return [x.filters for x in model.layers if hasattr(x, "filters")]


def test_channels_of_the_implementation_that_the_paper_changes():
    assert _filters(vae_encoder(64, hidden_layers=4)) == [64, 128, 256, 512]
    decoder = vae_decoder(64, hidden_layers=4)
    assert next(x for x in decoder.layers if isinstance(x, keras.layers.Reshape)).target_shape == (4, 4, 512)
    assert _filters(decoder) == [256, 128, 64, 64, 3]


def test_activations():
    encoder, decoder = vae_encoder(16, hidden_layers=2, width=2), vae_decoder(16, hidden_layers=2, width=2)
    assert [x.negative_slope for x in encoder.layers if isinstance(x, keras.layers.LeakyReLU)] == pytest.approx(
        [0.2] * 2
    )
    kinds = [type(layer).__name__ for layer in decoder.layers]
    assert kinds == ["InputLayer", "Dense", "Reshape", *2 * ["UpsampleConv2D", "ReLU"], "Conv2D"]
    activations = [layer.activation.__name__ for layer in (decoder.layers[1], decoder.layers[-1], *encoder.layers[-2:])]
    assert activations == ["relu", "linear", "linear", "linear"]


def test_number_of_weights():
    # Encoder 8 x 8 x 1, width 2: 3*3*1*2 + 2 = 20, then twice 4*4*2 -> 5: 165 each.
    assert vae_encoder(8, 1, 5, 2, 1).count_params() == 20 + 2 * 165
    # Decoder: 5 -> 4*4*2: 192; 3*3*2*2 + 2 = 38; 3*3*2*1 + 1 = 19.
    assert vae_decoder(8, 1, 5, 2, 1).count_params() == 192 + 38 + 19


def test_means_are_not_squashed():
    decoder = vae_decoder(8, 1, 5, 2, 1, seed=0)
    assert np.abs(decoder(np.full((1, 5), 100.0))).max() > 1
    squashed = vae_decoder(8, 1, 5, 2, 1, activation="tanh", seed=0)
    np.testing.assert_allclose(squashed(np.full((1, 5), 2.0)), np.tanh(decoder(np.full((1, 5), 2.0))), rtol=1e-5)


def test_seed_decides_the_weights_and_saving_keeps_them(tmp_path):
    a, b, c = (vae_encoder(8, 1, 5, 2, 1, seed=seed) for seed in (0, 0, 1))
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(x, y)
    assert np.abs(a.weights[0] - c.weights[0]).max() > 0
    assert np.abs(a.get_layer("mean").kernel - a.get_layer("log_variance").kernel).max() > 0
    a.save(tmp_path / "a.keras")
    images = np.ones((1, 8, 8, 1), "float32")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "a.keras")(images)[1], a(images)[1])


def test_image_size_that_does_not_fit():
    for build in (vae_encoder, vae_decoder):
        with pytest.raises(ValueError, match="image_size must be base .* Received: image_size=28, hidden_layers=2"):
            build(28, hidden_layers=2)
