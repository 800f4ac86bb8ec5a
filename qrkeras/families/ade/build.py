"""Preset to compiled AV-ADE, V-ADE, AV-GDE, VAE or GAN."""

from qrkeras.families.images import image_shape
from qrkeras.models import DensityModel

OPTIONS = ("coverage", "adversarial_weight", "gradient_penalty", "flow_from", "adversarial_from")


def build(preset, source, seed):
    """`AdePreset.build`.

    Raises:
      ValueError: if the data are no square images, or the networks do not fit them.
    """
    image_size, channels = image_shape(source)
    classes = source.num_classes
    hierarchy = preset.network.build(image_size, channels, seed, num_classes=classes)
    flow = preset.flow and preset.flow.build(image_size, channels, seed)
    discriminator = preset.discriminator and preset.discriminator.build(image_size, channels, classes, seed)
    options = {field: getattr(preset, field) for field in OPTIONS}
    model = DensityModel(hierarchy, flow, discriminator, **options, seed=seed)
    optimizers = {name: getattr(preset, name) for name in ("discriminator_optimizer", "encoder_optimizer")}
    model.compile(
        preset.optimizer.build(),
        **{name: optimizer and optimizer.build() for name, optimizer in optimizers.items()},
        update=preset.update,
        steps_per_execution=preset.steps_per_execution,
    )
    return model
