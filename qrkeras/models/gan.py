"""GAN: objective x regulariser x update rule x networks."""

import warnings

import keras
from keras import ops

from qrkeras import kinds, losses
from qrkeras.layers import looks_at_batch
from qrkeras.losses import gradient_penalty, interpolate
from qrkeras.models import replicas, step
from qrkeras.models.base import GenerativeModel
from qrkeras.models.batches import all_batches
from qrkeras.models.feed import require
from qrkeras.models.gan_networks import check_batch, check_networks, depends_on_the_batch
from qrkeras.models.image_checks import check_examples
from qrkeras.models.image_range import to_uint8, to_unit
from qrkeras.models.signature import Signature


@keras.saving.register_keras_serializable(package="qrkeras")
class GAN(GenerativeModel):
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
    OPTIONS = ("latent_dim", "gradient_penalty", "weight_clip", "prior")
    REPORTS = ("d_loss", "g_loss")
    PLAYERS = {"d_total": ("discriminator",), "g_loss": ("generator",)}
    NOISES = ("z",)
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
        check_networks(generator, discriminator, latent_dim, loss)
        for name, value in (("gradient_penalty", gradient_penalty), ("weight_clip", weight_clip)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be a positive number or None. Received: {value}")
        if prior not in ("normal", "uniform"):
            raise ValueError(f'prior must be "normal" or "uniform". Received: {prior!r}')
        super().__init__(seed, **kwargs)
        if gradient_penalty is not None and depends_on_the_batch(discriminator):
            warnings.warn(
                "gradient_penalty is of the critic's gradient at each example alone, and a discriminator whose layers "
                "look at the whole batch has none: with batch normalisation, equivariant layers or minibatch "
                "discrimination an output depends on all examples (Gulrajani 2017, Section 4). Build it without.",
                stacklevel=2,
            )
        self.generator = generator
        self.discriminator = discriminator
        self.objective = loss
        self.latent_dim = latent_dim
        self.noise_shape = (latent_dim,)
        self.example_shape = tuple(discriminator.input_shape[1:])
        self.gradient_penalty = gradient_penalty
        self.weight_clip = weight_clip
        self.prior = self.distribution = prior

    def compile(
        self,
        generator_optimizer="adam",
        discriminator_optimizer="adam",
        update="simultaneous",
        discriminator_steps=1,
        **kwargs,
    ):
        """Configures training.

        Args:
          generator_optimizer, discriminator_optimizer: Keras optimizers, names or configurations; two
            different objects. They are held, and built, in one `keras.optimizers.MultiOptimizer`.
          update: `"simultaneous"` takes both gradients at the same parameters and from the same fakes, then
            updates both networks (QRGAN, Algorithm 1); it needs one generator pass and one discriminator
            pass over each of real and fake. `"alternating"` updates the discriminator first and the
            generator against the new one, on fresh noise.
          discriminator_steps: discriminator updates for each generator update, only for `"alternating"`.
            Each takes its own part of the batch that `fit` hands over, so hand over
            `discriminator_steps` times the size that each update should see.
            A smaller batch still trains: some of its examples are then seen by more than one update.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        """
        if "optimizer" in kwargs:
            raise ValueError(
                "optimizer must be given as generator_optimizer and discriminator_optimizer: a GAN has two. "
                f"Received: optimizer={kwargs['optimizer']!r}"
            )
        discriminator_steps = step.check_update(update, discriminator_steps, "discriminator_steps")
        generator_optimizer = keras.optimizers.get(generator_optimizer)
        discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "generator_optimizer and discriminator_optimizer must be two objects, since each keeps the "
                f"moments of its own network. Received twice: {generator_optimizer}"
            )
        self.update = update
        self.first_steps = self.discriminator_steps = discriminator_steps
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        super().compile(step.joint_optimizer(self), **kwargs)

    def compiled_with(self):
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "update": self.update,
            "discriminator_steps": self.discriminator_steps,
        }

    def check_batches(self, sizes):
        check_batch(self.discriminator, max(sizes), self.first_steps)

    def optimizer_of(self, player):
        return self.generator_optimizer if player == "g_loss" else self.discriminator_optimizer

    def call(self, noise, training=False):
        """Generator output, in [-1, 1] for images."""
        return self.generator(noise, training=training)

    def real_examples(self, examples):
        if keras.backend.standardize_dtype(examples.dtype) == "uint8":
            return to_unit(examples)
        return ops.cast(examples, "float32")

    def measures(self, batch, noise, training, wanted=None):
        """Both losses, and `d_total`, what the discriminator descends: its loss and the gradient penalty, if any."""
        real = batch.examples
        fake = ops.cast(self.generator(noise("z"), training=training), "float32")
        first, second, shares = self.shown(real, fake, noise)
        if wanted == "g_loss":
            second_outputs = self.whole_outputs(second, training)
            first_outputs = self.whole_outputs(first, training) if self.objective.generator_uses_real else None
            return {"g_loss": self.objective.generator(second_outputs, first_outputs, shares)}
        first_outputs, second_outputs = self.whole_outputs(first, training), self.whole_outputs(second, training)
        total = d_loss = self.objective.discriminator(first_outputs, second_outputs, shares)
        if self.gradient_penalty is not None and training:
            total = d_loss + self.gradient_penalty * self.penalty(real, fake, noise.fractions())
        measured = {"d_loss": d_loss, "d_total": total}
        if wanted:
            return measured
        return {**measured, "g_loss": self.objective.generator(second_outputs, first_outputs, shares)}

    def shown(self, real, fake, noise):
        """The two batches that the discriminator sees, and the share of real examples in each row of the first.

        They are real and generated examples, without shares, or the objective's mixtures of these: all examples are
        generated at once, and mixed afterwards.
        """
        if not self.objective.mixes:
            return real, fake, None
        whole, own = noise.shares(self.objective.shares)
        return interpolate(real, fake, own), interpolate(fake, real, own), whole

    def whole_outputs(self, examples, training):
        """The discriminator's outputs in float32, of the whole batch: objectives may look at its statistics."""
        return replicas.whole_batch(ops.cast(self.discriminator(examples, training=training), "float32"))

    def penalty(self, real, fake, fractions):
        """Gradient penalty of the mean of outputs, the critic's value, at points between each pair of examples."""

        def realism(points):
            return ops.mean(ops.cast(self.discriminator(points, training=True), "float32"), axis=-1)

        return ops.mean(gradient_penalty(step.input_gradient(realism, interpolate(real, fake, fractions))))

    def after_update(self, player):
        if self.weight_clip is not None and player == "d_total":
            bound = self.weight_clip
            replicas.assign(self.moved_by(player), lambda weight: ops.clip(weight, -bound, bound))

    def drawn(self, noise, labels, way):
        samples = ops.cast(self.generator(noise, training=False), "float32")
        return to_uint8(samples) if self.kind is kinds.IMAGES else samples

    def realism(self, x, batch_size=256):
        """Discriminator's mean over its outputs, the "realism" of each example (higher: more real).

        Args:
          x: `(n, ...)` examples, as `fit` takes them.
        Returns: NumPy array `(n,)` float32.
        Raises:
          ValueError: if x is not what the model takes, or the discriminator looks at the whole batch: `real_share`.
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
        Raises:
          ValueError: if the discriminator looks at the whole batch.
        """
        self._check_rows_apart()
        return ops.cast(self.discriminator(self.real_examples(examples), training=False), "float32")

    def real_share(self, x):
        """The share of a whole batch that the discriminator takes for real, D(y)  (BGAN).

        Args:
          x: `(n, ...)` examples, as `fit` takes them; all at once, as many as in training.
        Returns: float in (0, 1).
        Raises:
          ValueError: if x is not what the model takes, or the objective predicts no shares.
        """
        if not isinstance(self.objective, losses.BatchSmoothing):
            raise ValueError(
                "real_share needs the objective BatchSmoothing, whose outputs say which share of a batch is real. "
                f"Received: {type(self.objective).__name__}. Use realism."
            )
        check_examples("x", x, self.example_shape)
        outputs = self.discriminator(self.real_examples(ops.convert_to_tensor(x)), training=False)
        return float(self.objective.real_share(ops.cast(outputs, "float32")))

    def _check_rows_apart(self):
        if looks_at_batch(self.discriminator):
            raise ValueError(
                "discriminator must judge each example for itself here, and its layers look at the whole batch: an "
                "example has no realism of its own. Received: "
                f"{self.discriminator.name}. Use real_share(x) of a whole batch, of a model with BatchSmoothing."
            )

    def signatures(self):
        """`sample`, and `realism`, the discriminator's outputs: QRGAN's quantiles of realism.

        `sample` alone if the discriminator looks at the whole batch: an answer depends on its row of the request alone.
        """
        if looks_at_batch(self.discriminator):
            return super().signatures()
        name, dtype = self.kind.served

        def realism(**examples):
            if self.kind is kinds.POINTS:
                points = examples[name]
                require(ops.isfinite(points), f"{name} must be finite. Received:", points)
            return {"quantiles": self.judge(examples[name])}

        return {**super().signatures(), "realism": Signature(realism, {name: (self.example_shape, dtype)})}
