"""What models can be asked."""

import pytest

from qrkeras import losses, models, networks
from qrkeras.models import abilities

ABLE = {
    abilities.Inpaints: {"PixelCNN", "PixelCNNPlusPlus", "PixelIQN"},
    abilities.Reconstructs: {"VAE", "AIQNVAE", "HierarchicalVAE", "VQVAE", "AGAVE", "DensityModel"},
    abilities.HasLikelihood: {
        "PixelCNN",
        "PixelCNNPlusPlus",
        "VAE",
        "AIQNVAE",
        "HierarchicalVAE",
        "VQVAE",
        "AGAVE",
        "DensityModel",
    },
    abilities.HasQuantiles: {"PixelIQN"},
    abilities.HasLatents: {"VAE", "AIQNVAE"},
    abilities.JudgesRealism: {"GAN", "DensityModel"},
    abilities.StartsFromData: {"HierarchicalVAE", "PixelCNNPlusPlus", "VQVAE", "AGAVE", "DensityModel"},
    abilities.Decomposes: {"AGAVE"},
    abilities.SharesLatents: {"AGAVE", "DensityModel"},
}


@pytest.mark.parametrize("protocol", ABLE, ids=lambda p: p.__name__)
def test_each_model_can_what_its_methods_say(protocol):
    assert {name for name in models.__all__ if issubclass(getattr(models, name), protocol)} == ABLE[protocol]
    assert all(name in abilities.described(protocol) for name in ABLE[protocol])


def test_require_gives_the_model_or_names_those_that_can():
    sizes = {"width": 4, "hidden_layers": 1}
    gan = models.GAN(networks.mlp(2, 2, **sizes), networks.mlp(2, 1, **sizes), 2, losses.Hinge())
    assert abilities.require(gan, abilities.JudgesRealism) is gan
    with pytest.raises(ValueError, match="must be one that predicts quantiles of every value: PixelIQN. Received: GAN"):
        abilities.require(gan, abilities.HasQuantiles)
