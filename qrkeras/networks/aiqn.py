"""Autoregressive implicit quantile network over the latents of an autoencoder  (AIQN, Supplement: "AIQN-VAE")."""

import keras
from keras import ops

from qrkeras.layers import ColourDense
from qrkeras.networks.seeds import layer_seeds


def aiqn(latent_dim=32, width=512, hidden_layers=3, seed=None, name="aiqn"):
    """Masked MLP that gives a quantile of every latent given those before it; the defaults are the paper's.

    ReLU between the layers, none behind the last. **Choice**: weights are Glorot uniform, biases zero; the units of a
    layer are shared out equally, so that the first latent has width / latent_dim of them, 16 of the paper's 512, and
    each further one as many more.

    Args:
      latent_dim: number of latents.   width: units of each hidden layer, a multiple of latent_dim.
      hidden_layers: number of them.   seed: int, from which every layer draws its own seed, or None.
    Returns: `LatentQuantiles`.
    Raises:
      ValueError: where a size is not a positive int, or the units cannot be cut into latent_dim equal groups.
    """
    for argument, size in (("latent_dim", latent_dim), ("width", width), ("hidden_layers", hidden_layers)):
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{argument} must be a positive int. Received: {size!r}")
    if width % latent_dim:
        raise ValueError(
            f"width must be a multiple of latent_dim={latent_dim}: as many units for each latent. Received: {width}"
        )
    return LatentQuantiles(latent_dim, width, hidden_layers, seed, name=name)


@keras.saving.register_keras_serializable(package="qrkeras")
class LatentQuantiles(keras.Model):
    """`Q_tau(z)_i`: the tau_i-quantile of latent i given latents 0 to i - 1. `aiqn` makes it.

    The units of every layer are cut into a group for each latent, as `ColourDense` cuts them for colours. Group i of
    the first layer sees `z_0 .. z_(i-1)` and `tau_0 .. tau_i`, rescaled to [-1, 1]; of a later layer, groups up to i.

    Nothing makes `Q` rise with tau_i but training: the paper's network is a plain MLP.
    """

    def __init__(self, latent_dim, width, hidden_layers, seed, **kwargs):
        super().__init__(autocast=False, **kwargs)  # float32 throughout: tau loses too much in bfloat16
        self.latent_dim = latent_dim
        self._config = {"latent_dim": latent_dim, "width": width, "hidden_layers": hidden_layers, "seed": seed}
        seeds = layer_seeds(seed, "aiqn")

        def dense(units, stacks=1):
            initializer = keras.initializers.GlorotUniform(next(seeds))
            return ColourDense(units, latent_dim, stacks, kernel_initializer=initializer, dtype="float32")

        self.dense = [dense(width, 2), *(dense(width) for _ in range(hidden_layers - 1)), dense(latent_dim)]
        self.build((None, latent_dim))

    def build(self, input_shape):
        inputs = 2 * self.latent_dim
        for layer in self.dense:
            layer.build((None, inputs))
            inputs = layer.units
        self.built = True

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call without tau

    def call(self, latents, tau):
        """Quantiles of all latents at once, for training.

        Args:
          latents: `(batch, latent_dim)`.   tau: levels in (0, 1), same shape.
        Returns: `(batch, latent_dim)`.
        """
        # Moved one place up, so that group i sees latents below i with the mask with which it sees tau up to i.
        earlier = ops.pad(latents[:, :-1], [[0, 0], [1, 0]])
        x = self._first(earlier, tau)
        for layer in self.dense[1:]:
            x = layer(ops.relu(x))
        return x

    def sample(self, tau):
        """Latents drawn one by one, each as its tau-quantile given those drawn before it; a pure function of tau.

        The plain sampler runs the network once a latent. Here every layer's sums are kept: step i takes group i of
        each, to which nothing more is added, and adds what it gives to the next layer's groups, so that all steps
        together multiply as much as one pass. Earlier groups are added to as well, without a mask; nothing looks at
        them again.

        Args:
          tau: levels in (0, 1), `(batch, latent_dim)`.
        Returns: `(batch, latent_dim)`.
        """
        n, batch = self.latent_dim, ops.shape(tau)[0]
        first, *later = self.dense
        size = first.units // n
        of_latents = ops.pad(first.kernel[1:n], [[0, 1], [0, 0]])  # row i: latent i, which is seen one place up
        kernels = [ops.reshape(layer.kernel, (n, size, layer.units)) for layer in later]
        sums = (
            self._first(ops.zeros_like(tau), tau),
            *(ops.broadcast_to(layer.bias, (batch, layer.units)) for layer in later),
        )

        def draw_latent(i, latents, sums):
            added = []
            units = sums[0]
            for kernel, so_far in zip(kernels, sums[1:], strict=True):
                group = ops.take(ops.reshape(units, (-1, n, size)), i, axis=1)
                units = so_far + ops.matmul(ops.relu(group), kernel[i])
                added.append(units)
            latents = ops.where(ops.arange(n) == i, units, latents)
            return i + 1, latents, (sums[0] + ops.take(units, i, axis=1)[:, None] * of_latents[i], *added)

        return ops.while_loop(lambda i, *_: i < n, draw_latent, (0, ops.zeros_like(tau), sums))[1]

    def _first(self, earlier, tau):
        return self.dense[0](ops.concatenate([earlier, 2.0 * tau - 1.0], axis=-1))

    def get_config(self):
        return {**super().get_config(), **self._config}
