"""Vector quantisation: rows of a codebook in place of features  (van den Oord et al. 2017; thesis, 2.69 to 2.71).

    k = argmin_j |f - e_j|^2,    output = f + sg(e_k - f),

which is e_k, and hands its gradient on to f ("straight through"); sg has no gradient. The codebook e follows its own
loss, `|sg(f) - e_k|^2`, and the encoder stays near it by `|f - sg(e_k)|^2`: equal values with different gradients.
"""

import keras
from keras import ops

from qrkeras.layers.first_batch import is_initializing
from qrkeras.layers.kernels import positive_int


@keras.saving.register_keras_serializable(package="qrkeras")
class VectorQuantizer(keras.layers.Layer):
    """A codebook, float32 whatever the policy.

    **Choice**: within `initializing()` the codebook becomes encodings of the batch, taken at equal distances. There is
    no moving average: a row that no encoding is near to stays where it is.

    Args:
      num_codes: K, rows of the codebook.
      embeddings_initializer: of the codebook, as in `keras.layers.Embedding`.
    Shapes: features `(..., d)` -> what a decoder sees, `(..., d)`; codes, int32 `(...)` in 0..K - 1; the codebook's
      loss and the encoder's, `(...)` float32 each, summed over d and unreduced otherwise.
    Raises:
      ValueError: for num_codes that are no positive int, or fewer encodings than codes to begin with.
    """

    def __init__(self, num_codes=512, embeddings_initializer="uniform", **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.num_codes = positive_int("num_codes", num_codes)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        shape = (self.num_codes, input_shape[-1])
        self.codebook = self.add_weight(shape=shape, initializer=self.embeddings_initializer, name="codebook")

    def call(self, features):
        if is_initializing():
            self._start(features)
        codes = self.codes(features)
        found = self.look_up(codes)
        codebook_loss = ops.sum(ops.square(ops.stop_gradient(features) - found), axis=-1)
        encoder_loss = ops.sum(ops.square(features - ops.stop_gradient(found)), axis=-1)
        return features + ops.stop_gradient(found - features), codes, codebook_loss, encoder_loss

    def codes(self, features):
        """The nearest row of the codebook: float32 `(..., d)` -> int32 `(...)`; of equally near ones, the first."""
        codebook = ops.convert_to_tensor(self.codebook)
        squares = ops.sum(ops.square(features), axis=-1, keepdims=True), ops.sum(ops.square(codebook), axis=-1)
        distances = squares[0] - 2.0 * ops.matmul(features, ops.transpose(codebook)) + squares[1]
        return ops.cast(ops.argmin(distances, axis=-1), "int32")

    def look_up(self, codes):
        """Rows of the codebook: int `(...)` -> `(..., d)`."""
        return ops.take(self.codebook, codes, axis=0)

    def _start(self, features):
        encodings = ops.reshape(features, (-1, features.shape[-1]))
        if encodings.shape[0] < self.num_codes:
            raise ValueError(
                f"features must hold at least as many encodings as there are codes, {self.num_codes}, to begin with. "
                f"Received: {encodings.shape[0]}. Give more images."
            )
        places = ops.arange(self.num_codes) * encodings.shape[0] // self.num_codes
        self.codebook.assign(ops.take(encodings, places, axis=0))

    def compute_output_shape(self, input_shape):
        return input_shape, *[input_shape[:-1]] * 3

    def compute_output_spec(self, features):
        shapes, types = self.compute_output_shape(features.shape), ("float32", "int32", "float32", "float32")
        return tuple(keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, types, strict=True))

    def get_config(self):
        initializer = keras.initializers.serialize(self.embeddings_initializer)
        return {**super().get_config(), "num_codes": self.num_codes, "embeddings_initializer": initializer}


def perplexity(codes, num_codes):
    """`exp(-sum_k p_k log p_k)`, p_k the share of code k: how many codes are used, 1 to `num_codes`.

    Args: codes: int, of any shape.
    Returns: scalar.
    """
    flat = ops.reshape(codes, (-1,))
    counts = ops.segment_sum(ops.ones_like(flat, "float32"), flat, num_segments=num_codes)  # bincount is not for XLA
    shares = counts / ops.cast(ops.size(codes), "float32")
    return ops.exp(-ops.sum(shares * ops.log(ops.maximum(shares, 1e-30))))
