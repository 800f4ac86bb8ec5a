"""Preset to compiled PixelCNN, PixelIQN or PixelCNN++."""

from qrkeras.families.images import image_shape
from qrkeras.models import PixelCNN, PixelCNNPlusPlus, PixelIQN


def build(preset, source, seed):
    """`PixelPreset.build`.

    Raises:
      ValueError: if the data are no square images.
    """
    image_size, channels = image_shape(source)
    quantile = preset.head == "quantile"
    network = preset.network.build(
        image_size,
        channels,
        num_outputs=1 if quantile else 256,
        num_classes=source.num_classes,
        quantile=quantile,
        seed=seed,
    )
    options = {"average_decay": preset.average_decay, "seed": seed}
    model = PixelIQN(network, kappa=preset.kappa, **options) if quantile else PixelCNN(network, **options)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model


def build_plus(preset, source, seed):
    """`PixelPlusPreset.build`; what its weights start from is left to `experiments.stages`.

    Raises:
      ValueError: if the data are no square images, or the network does not fit them.
    """
    network = preset.network.build(*image_shape(source), num_classes=source.num_classes, seed=seed)
    model = PixelCNNPlusPlus(network, average_decay=preset.average_decay, seed=seed)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model
