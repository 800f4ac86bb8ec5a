"""PixelIQN: a quantile of every value."""

import keras
from keras import ops

from qrkeras.losses import quantile_huber
from qrkeras.models.autoregressive import AutoregressiveModel, check_network
from qrkeras.models.batches import all_batches
from qrkeras.models.feed import require
from qrkeras.models.image_checks import check_images, check_labels, check_tau
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class PixelIQN(AutoregressiveModel):
    """Autoregressive implicit quantile network on the PixelCNN  (Ostrovski, Dabney, Munos 2018).

    For a level tau_i, drawn afresh for every value and step, the network's one output is the tau_i-quantile of value
    i given the values before it; the loss is the mean of `rho^kappa_tau_i(x_i - output_i)`. A value is drawn as the
    output at a uniform level.

    **Choice**: pixels are in [-1, 1], and kappa is in their units: 0.002 is a quarter of a grey level.
    **Choice**: a drawn value is clipped to [-1, 1] and rounded to its grey level before it is fed back: the network
    sees what it was trained on, and `inpaint` goes on from a sample's own pixels as the sample did.

    Example:
      ```python
      model = PixelIQN(networks.pixelcnn(32, channels=3, num_outputs=1, quantile=True))
      model.compile(keras.optimizers.Adam(1e-4))
      model.fit(images, batch_size=32, epochs=10)
      model.inpaint(images[:8], mask, tau=0.5)
      ```

    Args:
      network: of `networks.pixelcnn(..., num_outputs=1, quantile=True)`.
      kappa: of the Huber quantile loss; 0 is plain quantile regression.
      average_decay: of the Polyak average that `sample`, `inpaint` and `evaluate` use.   seed: int, of all noise.
    """

    OPTIONS = (*AutoregressiveModel.OPTIONS, "kappa")

    def __init__(self, network, kappa=0.002, average_decay=0.9999, seed=0, **kwargs):
        check_network("PixelIQN", network, num_outputs=1, quantile=True)
        if not kappa >= 0:
            raise ValueError(f"kappa must be 0 (plain quantile regression) or positive. Received: {kappa}")
        super().__init__(network, average_decay, seed, **kwargs)
        self.kappa = kappa

    def losses(self, network, batch, noise, training):
        images, tau = to_unit(batch.examples), noise("tau")
        return quantile_huber(images, network(images, tau, batch.labels)[..., 0], tau, self.kappa)

    def value_of(self, outputs, tau):
        return to_unit(to_uint8(outputs[..., 0]))

    def quantiles(self, images, tau, labels=None, batch_size=64):
        """The tau-quantile of every value given the values before it in the same image, in grey levels.

        Args:
          images: uint8 `(n, height, width, channels)`.   tau: as in `inpaint`.
          labels, batch_size: as in `sample`.
        Returns: NumPy array of the shape of `images`, float32, 0 to 255 for values within the range.
        """
        check_images("images", images, self.example_shape)
        tau = check_tau(tau, len(images), self.example_shape)
        labels = check_labels("labels", labels, len(images), self.num_classes)

        def grey_levels(images, tau, labels):
            return (self.average(to_unit(images), tau, labels)[..., 0] + 1.0) * 127.5

        return all_batches(grey_levels, batch_size, images, tau, labels)

    def signatures(self):
        """`sample`, `inpaint`, and `inpaint_quantile`, which draws every unknown value at the row's level tau.

        No `score`: the network gives quantiles and no density, so that there is no likelihood to report.
        """

        def inpaint_quantile(images, mask, tau, label=None):
            require((tau > 0) & (tau < 1), "tau must be in (0, 1), without 0 and 1. Received:", tau)
            levels = ops.broadcast_to(tau[:, None, None, None], ops.shape(images))
            return self._inpainted(images, mask, levels, label)

        inputs = {**self._known_inputs(), "tau": ((), "float32"), **self._label_input()}
        return {**super().signatures(), "inpaint_quantile": Signature(inpaint_quantile, inputs)}
