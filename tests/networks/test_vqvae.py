"""Networks of the VQ-VAE: sizes, layers, seeds."""

import keras
import numpy as np
import pytest

from qrkeras.networks import vqvae_decoder, vqvae_encoder

SMALL = {"code_dim": 3, "width": 4, "residual_blocks": 1}


@pytest.mark.parametrize("image_size, hidden_layers, side", [(8, 1, 4), (12, 2, 3), (32, 2, 8), (8, 3, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes(image_size, hidden_layers, side, channels):
    options = {**SMALL, "hidden_layers": hidden_layers}
    encoder, decoder = vqvae_encoder(image_size, channels, **options), vqvae_decoder(image_size, channels, **options)
    images = np.random.default_rng(0).uniform(-1, 1, (3, image_size, image_size, channels)).astype("float32")
    features = encoder(images)
    assert features.shape == (3, side, side, 3) and decoder(features).shape == images.shape
    np.testing.assert_allclose(encoder(images[:1]), features[:1], atol=1e-5)


def test_the_papers_layers():
    # Section 4.1: two convolutions of 4x4 and stride 2, two residual blocks of 3x3 and 1x1, 256 units; and mirrored.
    def told(model, kind):
        return [(x.filters, x.kernel_size[0], x.strides[0]) for x in model.layers if type(x) is kind]

    blocks = 2 * [(256, 3, 1), (256, 1, 1)]
    conv, transposed = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    assert told(vqvae_encoder(32), conv) == [(256, 4, 2), (256, 4, 2), *blocks, (64, 1, 1)]
    assert told(vqvae_decoder(32), conv) == [(256, 3, 1), *blocks]
    assert told(vqvae_decoder(32), transposed) == [(256, 4, 2), (3, 4, 2)]


def test_residual_blocks_add():
    encoder = vqvae_encoder(8, 1, code_dim=4, width=4, hidden_layers=1, residual_blocks=1)
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1):
            layer.kernel.assign(np.zeros(layer.kernel.shape) if layer.name != "features" else np.eye(4)[None, None])
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    first = next(layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D))
    # A block that adds 0 hands on ReLU of the first convolution.
    np.testing.assert_allclose(encoder(images), np.maximum(first(images), 0), atol=1e-6)


def test_a_seed_decides_the_weights():
    for build in (vqvae_encoder, vqvae_decoder):
        one, same, other = (build(8, 1, **SMALL, seed=seed).get_weights() for seed in (1, 1, 2))
        assert all(np.array_equal(a, b) for a, b in zip(one, same))
        assert not np.array_equal(one[0], other[0]) and not np.array_equal(one[0], one[2])


@pytest.mark.parametrize("build", [vqvae_encoder, vqvae_decoder])
@pytest.mark.parametrize("sizes", [(10, 2), (8, 0)])
def test_bad_sizes(build, sizes):
    with pytest.raises(ValueError, match=r"image_size must be a multiple of 2\*\*hidden_layers.*Received: image_size="):
        build(sizes[0], 1, hidden_layers=sizes[1])
