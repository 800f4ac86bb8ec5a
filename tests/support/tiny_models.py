"""A tiny model of each family, not compiled, and examples for it."""

import numpy as np

from qrkeras import layers, losses, models, networks

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(24, 2)).astype("float32")
IMAGES = RNG.integers(0, 256, (24, 8, 8, 1)).astype("uint8")
LABELS = RNG.integers(0, 4, 24).astype("int32")


def gan(**options):
    parts = networks.mlp(3, 2, width=4, seed=1), networks.mlp(2, 4, width=4, seed=2)
    return models.GAN(*parts, 3, **{"loss": losses.QuantileRegression(4), **options})


def image_gan(**options):
    sizes = {"channels": 1, "width": 2, "hidden_layers": 1}
    parts = (
        networks.dcgan_generator(8, latent_dim=3, seed=1, **sizes),
        networks.dcgan_discriminator(8, num_outputs=4, seed=2, **sizes),
    )
    return models.GAN(*parts, 3, **{"loss": losses.QuantileRegression(4), **options})


def pixels(build, num_classes=None, **outputs):
    sizes = {"channels": 1, "blocks": 1, "kernel_size": 3, "planes": 2, "output_planes": 2}
    return build(networks.pixelcnn(8, **sizes, num_classes=num_classes, seed=1, **outputs))


def vae(build=models.VAE, *more):
    sizes = {"channels": 1, "latent_dim": 2, "width": 2, "hidden_layers": 1}
    return build(networks.vae_encoder(8, seed=1, **sizes), networks.vae_decoder(8, seed=2, **sizes), *more)


def hierarchical_vae():
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2)}
    return models.HierarchicalVAE(networks.top_down(8, 1, **sizes, seed=1), free_nats=0.1)


def vqvae():
    sizes = {"channels": 1, "code_dim": 2, "width": 2, "hidden_layers": 1, "residual_blocks": 1}
    pixels = {"blocks": 1, "kernel_size": 3, "planes": 2, "output_planes": 2, "num_outputs": 4, "num_categories": 4}
    parts = networks.vqvae_encoder(8, seed=1, **sizes), networks.vqvae_decoder(8, seed=2, **sizes)
    return models.VQVAE(*parts, layers.VectorQuantizer(4), networks.pixelcnn(4, 1, **pixels, seed=3))


def pixelcnnpp():
    sizes = {"planes": 2, "blocks": 1, "resolutions": 1, "components": 2}
    return models.PixelCNNPlusPlus(networks.pixelcnnpp(8, 1, **sizes, seed=1))


def agave():
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2)}
    hierarchy = networks.top_down(8, 1, **sizes, seed=1)
    sizes = {"planes": 2, "blocks": 1, "resolutions": 1, "components": 1, "dropout": 0.3}
    return models.AGAVE(hierarchy, networks.pixelcnnpp(8, 1, **sizes, condition=(8, 8, 1), seed=2))


def density(**options):
    """An AV-ADE."""
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2), "top_prior": "standard"}
    hierarchy = networks.top_down(8, 1, **sizes, flow=False, seed=1)
    flow = networks.real_nvp((8, 8, 1), width=2, blocks=1, seed=2)
    return models.DensityModel(hierarchy, flow, networks.plain_discriminator(8, 1, (2,), (2,), seed=3), **options)


BUILDERS = {
    "points": gan,
    "images": image_gan,
    "PixelCNN": lambda: pixels(models.PixelCNN, 4, num_outputs=256),
    "PixelIQN": lambda: pixels(models.PixelIQN, num_outputs=1, quantile=True),
    "PixelCNNPlusPlus": pixelcnnpp,
    "VAE": vae,
    "HierarchicalVAE": hierarchical_vae,
    "AGAVE": agave,
    "VQVAE": vqvae,
    "DensityModel": density,
    "AIQNVAE": lambda: vae(models.AIQNVAE, networks.aiqn(2, 4, 1, seed=3)),
}


def build(family):
    return BUILDERS[family]()


def data(family):
    """Examples and labels, or None, that the model of the family takes."""
    return POINTS if family == "points" else IMAGES, LABELS if family == "PixelCNN" else None
