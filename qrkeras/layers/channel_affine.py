"""An affine map of each channel, invertible and trained.

    y = (x + bias) exp(scale),    log det = H W sum scale

**Choice**: it stands where the reference implementation of Real-NVP normalises by the batch  (thesis, A.2), whose
inverse, by running averages, is none while it trains, and whose rows depend on their batch. The family of maps is the
same. It is the identity at first.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qrkeras")
class ChannelAffine(keras.layers.Layer):
    """The map, float32 whatever the policy.

    Shapes: `(batch, h, w, channels)` -> y of the same shape, and log det `(batch,)`.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape):
        channels = (input_shape[-1],)
        self.bias = self.add_weight(shape=channels, initializer="zeros", name="bias")
        self.scale = self.add_weight(shape=channels, initializer="zeros", name="scale")

    def call(self, x):
        log_det = ops.sum(ops.broadcast_to(self.scale, ops.shape(x)), axis=(1, 2, 3))
        return (x + self.bias) * ops.exp(self.scale), log_det

    def inverse(self, y):
        """x of y, float32 of its shape."""
        return ops.cast(y, "float32") * ops.exp(-self.scale) - self.bias
