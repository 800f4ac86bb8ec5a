"""GAN: objective x regulariser x update rule x networks."""

import warnings

import keras
import numpy as np
from keras import ops

from qrkeras import losses
from qrkeras.models.adversarial import AdversarialModel
from qrkeras.models.batches import all_batches, in_batches
from qrkeras.models.image_checks import check_examples
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.seeded import sample_seeds
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class GAN(AdversarialModel):
    """Generative adversarial network, of any objective  (QRGAN and its baselines).

    Images are uint8 in 0..255 outside the model and float in [-1, 1] inside: `fit`, `evaluate` and `realism`
    map uint8 on the device, and `sample` gives uint8 back. Points (networks of 1-D examples) stay float.

    Example:
      ```python
      gan = GAN(generator, discriminator, latent_dim=100, loss=QuantileRegression(64))
      gan.compile(keras.optimizers.Adam(2e-4, 0.5, 0.99), keras.optimizers.Adam(2e-4, 0.5, 0.99))
      gan.fit(images, batch_size=64, epochs=10)
      gan.save("gan.keras")
      ```

    Args:
      generator: Keras model, `(batch, latent_dim)` to `(batch, ...)` examples.
      discriminator: Keras model, examples to `(batch, loss.num_outputs)`, no final activation.
      latent_dim: size of the noise that the generator takes.
      loss: objective of `qrkeras.losses`, such as `QuantileRegression(64)`, or its name: see `losses.get`.
      gradient_penalty: weight of the gradient penalty (Gulrajani 2017), or None.
      weight_clip: bound on each discriminator weight (Arjovsky 2017), or None.
      prior: distribution of the noise, `"normal"` (standard) or `"uniform"` on [-1, 1].
      seed: int, of all noise; two models with the same weights and seed train alike.

    Raises:
      ValueError: where the networks, `latent_dim` and `loss` do not fit each other.
    """

    PARTS = ("generator", "discriminator", "loss")
    FLOAT_IMAGES = True

    def __init__(
        self,
        generator,
        discriminator,
        latent_dim,
        loss,
        gradient_penalty=None,
        weight_clip=None,
        prior="normal",
        seed=0,
        **kwargs,
    ):
        loss = losses.get(loss)
        _check_networks(generator, discriminator, latent_dim, loss)
        for name, value in (("gradient_penalty", gradient_penalty), ("weight_clip", weight_clip)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be a positive number or None. Received: {value}")
        super().__init__(generator, discriminator, latent_dim, gradient_penalty, weight_clip, prior, seed, **kwargs)
        if gradient_penalty is not None and any(
            isinstance(layer, keras.layers.BatchNormalization) for layer in discriminator._flatten_layers()
        ):
            warnings.warn(
                "gradient_penalty is of the critic's gradient at each example alone, and a discriminator with batch "
                "normalisation has none: its outputs depend on the whole batch (Gulrajani 2017, Section 4). Build it "
                "with batch_norm=False.",
                stacklevel=2,
            )
        self.objective = loss
        self.example_shape = tuple(discriminator.input_shape[1:])
        self.build((None, latent_dim))

    def build(self, input_shape):
        self.built = True

    def call(self, noise, training=False):
        """Generator output, in [-1, 1] for images."""
        return self.generator(noise, training=training)

    @property
    def generator_uses_real(self):
        return self.objective.generator_uses_real

    def discriminator_loss(self, real_outputs, fake_outputs):
        return self.objective.discriminator(real_outputs, fake_outputs)

    def generator_loss(self, fake_outputs, real_outputs):
        return self.objective.generator(fake_outputs, real_outputs)

    def real_examples(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if keras.backend.standardize_dtype(x.dtype) == "uint8":
            return to_unit(x)
        return ops.cast(x, "float32")

    def draw(self, seeds):
        """Samples as a pure function of (weights, seeds): row i depends on seed i alone.

        It serves `sample`, evaluation, and exported signatures.

        Args:
          seeds: int32 `(batch, 2)`.
        Returns: `(batch, height, width, channels)` uint8 images, or `(batch, n)` float32 points.
        """
        samples = ops.cast(self.generator(self.noise_of_seeds(seeds), training=False), "float32")
        if len(self.example_shape) != 3:
            return samples
        return to_uint8(samples)

    def sample(self, n, seed=0, batch_size=256):
        """`n` samples; the i-th is a function of (weights, seed, i), whatever n and batch_size.

        Args:
          n: number of samples, at least 1.   seed: int32.   batch_size: samples drawn at a time.
        Returns: NumPy array `(n, height, width, channels)` uint8, or `(n, d)` float32.
        """
        return np.concatenate(list(self.sample_batches(n, seed, batch_size)))

    def sample_batches(self, n, seed=0, batch_size=256):
        """The same samples as a generator of NumPy arrays, at most `batch_size` each."""
        return in_batches(self.draw_function, batch_size, sample_seeds(seed, n))

    def realism(self, x, batch_size=256):
        """Discriminator's mean over its outputs, the "realism" of each example (higher: more real).

        Args:
          x: `(n, ...)` examples, as `fit` takes them.
        Returns: NumPy array `(n,)` float32.
        """
        check_examples("x", x, self.example_shape)

        def mean_of_outputs(examples):
            return ops.mean(self.judge(ops.convert_to_tensor(examples)), axis=-1)

        return all_batches(mean_of_outputs, batch_size, x)

    def judge(self, examples):
        """The discriminator's outputs as a pure function of (weights, examples), row by row.

        Args:
          examples: `(batch, ...)`, as `fit` takes them.
        Returns: `(batch, num_outputs)` float32: quantiles of realism, or the one value of another objective.
        """
        return ops.cast(self.discriminator(self.real_examples(examples), training=False), "float32")

    def signatures(self):
        """What an export serves: `sample`, and `score`, the discriminator's quantiles of realism.

        Returns: name -> `Signature`.
        """
        image = len(self.example_shape) == 3
        name, dtype = ("images", "uint8") if image else ("samples", "float32")

        def sample(seed):
            return {name: self.draw(seed)}

        def score(**examples):
            if not image:
                points = examples[name]
                self._require(ops.isfinite(points), f"{name} must be finite. Received:", points)
            return {"quantiles": self.judge(examples[name])}

        return {
            "sample": Signature(sample, {"seed": ((2,), "int32")}),
            "score": Signature(score, {name: (self.example_shape, dtype)}),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent_dim": self.latent_dim,
            "loss": keras.saving.serialize_keras_object(self.objective),
            "gradient_penalty": self.gradient_penalty,
            "weight_clip": self.weight_clip,
            "prior": self.prior,
            "seed": self.seed,
        }


def _check_networks(generator, discriminator, latent_dim, loss):
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
