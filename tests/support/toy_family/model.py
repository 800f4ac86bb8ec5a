"""A model of one equation, as a newcomer would write it: a file of `qrkeras/models`."""

import keras
from keras import ops

from qrkeras.models.base import GenerativeModel
from qrkeras.models.image_range import to_uint8, to_unit


@keras.saving.register_keras_serializable(package=__name__.partition(".")[0])
class Sorted(GenerativeModel):
    """Images in the order of their mean: at the level tau the network's output is near the tau-quantile of images.

    loss = mean |sorted(images)_i - network(sorted(tau)_i)|^power
    """

    PARTS = ("network",)
    OPTIONS = ("power", "example_shape")
    REPORTS = ("loss", "worst")

    def __init__(self, network, example_shape, power=2, seed=0, **kwargs):
        super().__init__(seed, **kwargs)
        self.network = network
        self.power = power
        self.noise_shape = (1,)
        self.example_shape = tuple(example_shape)

    def images(self, tau):
        return ops.reshape(self.network(2 * tau - 1), (-1, *self.example_shape))

    def measures(self, batch, noise, training):
        real = to_unit(batch.examples)
        order = ops.argsort(ops.mean(real, axis=(1, 2, 3)))
        wrong = ops.abs(ops.take(real, order, axis=0) - self.images(ops.sort(noise("tau"), axis=0)))
        return {"loss": ops.mean(wrong**self.power), "worst": ops.max(wrong)}

    def drawn(self, noise, labels, way):
        return to_uint8(self.images(noise))
