"""Autoregressive implicit quantile network over the latents of an autoencoder  (AIQN, Supplement: "AIQN-VAE")."""

import keras
from keras import ops

from qrkeras.layers import ColourDense
from qrkeras.networks.seeds import layer_seeds


def aiqn(latent_dim=32, width=512, hidden_layers=3, seed=None, name="aiqn"):
    """Masked MLP that gives a quantile of every latent given those before it; the defaults are the paper's.

    ReLU between the layers, none behind the last. **Choice**: weights are Glorot uniform, biases zero.

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

        The plain sampler runs the network once a latent. Here step i computes group i of every layer alone, so that
        all steps together cost about one pass. Groups to come are zero, which is what the mask would make of them.

        Args:
          tau: levels in (0, 1), `(batch, latent_dim)`.
        Returns: `(batch, latent_dim)`.
        """
        n, batch = self.latent_dim, ops.shape(tau)[0]
        # Units first, batch last: a step's rows lie together.
        context = _groups(ops.transpose(self._first(ops.zeros_like(tau), tau)), n)
        kernels = [_groups(ops.transpose(layer.kernel), n) for layer in self.dense]  # (n, units of a group, inputs)
        kernels[0] = kernels[0][:, :, :n]  # what the levels add stands in `context`
        biases = [_groups(layer.bias[:, None], n) for layer in self.dense]

        def draw_latent(i, earlier, hidden):
            x = context[i] + ops.matmul(kernels[0][i], earlier[:-1])
            kept = []
            for units, kernel, bias in zip(hidden, kernels[1:], biases[1:], strict=True):
                kept.append(_put(units, i * x.shape[0], ops.relu(x)))
                x = ops.matmul(kernel[i], kept[-1]) + bias[i]
            return i + 1, _put(earlier, i + 1, x), tuple(kept)

        earlier = ops.zeros((n + 1, batch))  # latent i in row i + 1
        hidden = tuple(ops.zeros((layer.units, batch)) for layer in self.dense[:-1])
        _, drawn, _ = ops.while_loop(lambda i, *_: i < n, draw_latent, (0, earlier, hidden))
        return ops.transpose(drawn[1:])

    def _first(self, earlier, tau):
        return self.dense[0](ops.concatenate([earlier, 2.0 * tau - 1.0], axis=-1))

    def get_config(self):
        return {**super().get_config(), **self._config}


def _groups(rows, n):
    return ops.reshape(rows, (n, rows.shape[0] // n, -1))


def _put(x, start, rows):
    """`x` with `rows` in place of its own from `start` on."""
    return ops.scatter_update(x, (start + ops.arange(rows.shape[0]))[:, None], rows)
