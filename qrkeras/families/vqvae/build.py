"""Preset to compiled VQ-VAE."""

from qrkeras.families.images import image_shape
from qrkeras.models import VQVAE
from qrkeras.networks import vqvae_codebook


def build(preset, source, seed):
    """`VqVaePreset.build`; what the codebook starts from is left to `experiments.stages`.

    Raises:
      ValueError: if the data are no square images, or the networks do not fit them.
    """
    encoder, decoder = preset.network.build(*image_shape(source), seed)
    codes = preset.num_codes
    prior = preset.prior.build(encoder.output_shape[1], 1, num_outputs=codes, num_categories=codes, seed=seed)
    options = {"commitment": preset.commitment, "levels": preset.levels, "seed": seed}
    model = VQVAE(encoder, decoder, vqvae_codebook(codes), prior, **options)
    optimizers = preset.optimizer.build(), preset.prior_optimizer.build()
    model.compile(*optimizers, steps_per_execution=preset.steps_per_execution)
    return model
