"""Builders that return `keras.Model`: one architecture a file."""

from qrkeras.networks.aiqn import LatentQuantiles, aiqn
from qrkeras.networks.captioner import CaptionDecoder
from qrkeras.networks.classifier import image_classifier, whiten
from qrkeras.networks.dcgan import dcgan_discriminator, dcgan_generator
from qrkeras.networks.efficientnet import efficientnet_lite0
from qrkeras.networks.encoders import last_convolution, scenes_encoder, vgg16_encoder
from qrkeras.networks.mlp import mlp
from qrkeras.networks.pixelcnn import PixelNetwork, pixelcnn
from qrkeras.networks.pixelcnnpp import PixelPlusNetwork, pixelcnnpp
from qrkeras.networks.plain_discriminator import plain_discriminator
from qrkeras.networks.real_nvp import RealNVP, real_nvp
from qrkeras.networks.residual_discriminator import residual_discriminator
from qrkeras.networks.sngan import sngan_discriminator, sngan_generator
from qrkeras.networks.top_down import Inferred, TopDownNetwork, top_down
from qrkeras.networks.vae import vae_decoder, vae_encoder
from qrkeras.networks.vqvae import vqvae_codebook, vqvae_decoder, vqvae_encoder

__all__ = [
    "CaptionDecoder",
    "Inferred",
    "LatentQuantiles",
    "PixelNetwork",
    "PixelPlusNetwork",
    "RealNVP",
    "TopDownNetwork",
    "aiqn",
    "dcgan_discriminator",
    "dcgan_generator",
    "efficientnet_lite0",
    "image_classifier",
    "last_convolution",
    "mlp",
    "pixelcnn",
    "pixelcnnpp",
    "plain_discriminator",
    "real_nvp",
    "residual_discriminator",
    "scenes_encoder",
    "sngan_discriminator",
    "sngan_generator",
    "top_down",
    "vae_decoder",
    "vae_encoder",
    "vgg16_encoder",
    "vqvae_codebook",
    "vqvae_decoder",
    "vqvae_encoder",
    "whiten",
]
