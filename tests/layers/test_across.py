"""Which layers look at the rest of their batch, and what `compile` tells them."""

import keras
import pytest

from qrkeras import layers, networks


def _is(layer):
    return [isinstance(layer, each) for each in (layers.Synchronized, layers.Gathering, layers.LooksAtBatch)]


@pytest.mark.parametrize(
    ("layer", "synchronized", "gathering", "looks"),
    [
        (keras.layers.BatchNormalization(), True, False, False),
        (layers.BatchNormalization(), True, False, False),
        (layers.EquivariantDense(2, batch_size=4), True, False, True),
        (layers.EquivariantConv2D(2, 3, batch_size=4), True, False, True),
        (layers.MinibatchDiscrimination(), False, True, True),
        (layers.SpectralDense(2), False, False, False),
        (keras.layers.Dense(2), False, False, False),
    ],
)
def test_what_each_layer_has(layer, synchronized, gathering, looks):
    assert _is(layer) == [synchronized, gathering, looks]


def test_networks_that_look_at_the_batch():
    sizes = {"image_size": 8, "channels": 1, "width": 2}
    assert layers.looks_at_batch(networks.mlp(2, 1, width=2, equivariant_batch_size=4))
    assert layers.looks_at_batch(networks.sngan_discriminator(**sizes, batch_features="equivariant", batch_size=4))
    nested = keras.Sequential(
        [keras.Input((8, 8, 1)), networks.sngan_discriminator(**sizes, batch_features="minibatch")]
    )
    assert layers.looks_at_batch(nested)
    for network in (
        networks.mlp(2, 1, width=2),
        networks.sngan_discriminator(**sizes, spectral_norm=True),
        networks.sngan_generator(8, 1, width=2),
    ):
        assert not layers.looks_at_batch(network)
