"""Preset to compiled VAE, AIQN-VAE or hierarchical VAE."""

from qrkeras.families.images import image_shape
from qrkeras.models import AIQNVAE, VAE, HierarchicalVAE


def build(preset, source, seed):
    """`VaePreset.build`.

    Raises:
      ValueError: if the data are no square images, or the networks do not fit them.
    """
    image_size, channels = image_shape(source)
    activation = "tanh" if preset.likelihood == "squared_error" else None
    networks = preset.network.build(image_size, channels, preset.latent_dim, activation, seed)
    options = {
        field: getattr(preset, field)
        for field in ("kl_weight", "latent_variance", "likelihood", "importance_samples", "levels")
    }
    options["seed"] = seed
    if preset.aiqn is None:
        model = VAE(*networks, **options)
    else:
        learned = {field: getattr(preset.aiqn, field) for field in ("kappa", "average_decay", "stop_gradient")}
        model = AIQNVAE(*networks, preset.aiqn.build(preset.latent_dim, seed), **learned, **options)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model


def build_hierarchy(preset, source, seed):
    """`HierarchicalVaePreset.build`; what its weights start from is left to `experiments.stages`.

    Raises:
      ValueError: if the data are no square images, or the network does not fit them.
    """
    hierarchy = preset.network.build(*image_shape(source), seed)
    options = {
        field: getattr(preset, field)
        for field in ("kl_weight", "free_nats", "levels", "likelihood", "importance_samples")
    }
    model = HierarchicalVAE(hierarchy, **options, seed=seed)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model
