"""Preset to compiled AGAVE."""

from qrkeras.families.images import image_shape
from qrkeras.models import AGAVE

OPTIONS = ("kl_weight", "auxiliary_weight", "pretrain_steps", "detach", "average_decay")


def build(preset, source, seed):
    """`AgavePreset.build`.

    Raises:
      ValueError: if the data are no square images, or the networks or the auxiliary image do not fit them.
    """
    image_size, channels = image_shape(source)
    auxiliary = preset.auxiliary.build()
    height, _, outputs = auxiliary.shape_of((image_size, image_size, channels))
    hierarchy = preset.hierarchy.build(image_size, channels, seed, output_size=height, output_channels=outputs)
    network = preset.network.build(image_size, channels, condition=hierarchy.outputs_shape, seed=seed)
    options = {field: getattr(preset, field) for field in OPTIONS}
    model = AGAVE(hierarchy, network, auxiliary, seed=seed, **options)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model
