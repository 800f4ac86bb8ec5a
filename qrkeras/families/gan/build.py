"""Preset to compiled GAN."""

from qrkeras.families.images import without_captions
from qrkeras.models import GAN


def build(preset, source, seed):
    """`GanPreset.build`.

    Raises:
      ValueError: if networks, data and objective do not fit each other.
    """
    without_captions(source)
    objective = preset.loss.build()
    networks = preset.network.build(source.shape, preset.latent_dim, objective.num_outputs, preset.batch_size, seed)
    model = GAN(
        *networks,
        preset.latent_dim,
        objective,
        gradient_penalty=preset.gradient_penalty,
        weight_clip=preset.weight_clip,
        prior=preset.prior,
        seed=seed,
    )
    model.compile(
        preset.generator_optimizer.build(),
        preset.discriminator_optimizer.build(),
        update=preset.update,
        discriminator_steps=preset.discriminator_steps,
        steps_per_execution=preset.steps_per_execution,
    )
    return model
