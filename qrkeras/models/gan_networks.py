"""What may be wrong with a GAN's networks, by themselves and with the batches that they see."""

from qrkeras.layers import EquivariantConv2D, EquivariantDense, Gathering, Synchronized


def depends_on_the_batch(network):
    """Whether a row of a network's outputs depends on other rows in training."""
    return any(isinstance(layer, Gathering | Synchronized) for layer in network._flatten_layers())


def check_networks(generator, discriminator, latent_dim, loss):
    """Raises ValueError if networks, `latent_dim` and objective do not fit each other."""
    if generator.input_shape[1:] != (latent_dim,):
        raise ValueError(
            f"latent_dim must be the generator's input size, {generator.input_shape[1:]}. Received: {latent_dim}"
        )
    if generator.output_shape[1:] != discriminator.input_shape[1:]:
        raise ValueError(
            "generator must make examples of the shape that the discriminator takes, "
            f"{discriminator.input_shape[1:]}. Received a generator of {generator.output_shape[1:]}"
        )
    if discriminator.output_shape[1:] != (loss.num_outputs,):
        raise ValueError(
            f"discriminator must have {loss.num_outputs} outputs, which {type(loss).__name__} needs (num_quantiles for "
            f"QuantileRegression). Received a discriminator of output shape {discriminator.output_shape[1:]}"
        )


def check_batch(discriminator, size, updates):
    """Raises ValueError if layers were built for other batches than `size` examples for so many `updates`."""
    for layer in discriminator._flatten_layers():
        if isinstance(layer, EquivariantConv2D | EquivariantDense) and size != layer.batch_size * updates:
            each = f", {updates} updates of the discriminator each" if updates > 1 else ""
            raise ValueError(
                f"batch_size must be {layer.batch_size * updates}{each}, for which the discriminator's layers were "
                f"built: they look at the whole batch. Received: {size}. Hand over such batches, or build the layers "
                "for others."
            )
