"""What a discriminator knows of classes: its features, projected on a row of their class  (Miyato and Koyama 2018).

    o = w phi(x) + b + e_y phi(x)

is its logit, phi the features before its last layer; this layer is the last term, e a row for each class.

**Choice**: e begins at 0, so that a discriminator begins as the one without classes.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int


@keras.saving.register_keras_serializable(package="qrkeras")
class ClassProjection(keras.layers.Layer):
    """`e_y phi`, float32 whatever the policy.

    Args:
      num_classes: number of rows of e.
    Shapes: features `(batch, n)` and int labels `(batch,)` -> `(batch, 1)`.
    Raises:
      ValueError: for a num_classes that is no positive int.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.num_classes = positive_int("num_classes", num_classes)

    def build(self, features_shape, labels_shape=None):
        shape = (self.num_classes, features_shape[-1])
        self.rows = self.add_weight(shape=shape, initializer="zeros", name="rows")

    def call(self, features, labels):
        return ops.sum(ops.take(self.rows, labels, axis=0) * features, axis=-1, keepdims=True)

    def compute_output_shape(self, features_shape, labels_shape=None):
        return (features_shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
