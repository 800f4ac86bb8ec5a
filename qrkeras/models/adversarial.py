"""Gradient plumbing of adversarial models: tapes and optimizers.

Equations stand elsewhere; this file only decides at which parameters gradients are taken and when they
are applied. Random state and replicas are those of `seeded.py`.
"""

import keras
import tensorflow as tf

from qrkeras.losses import gradient_penalty, interpolate
from qrkeras.models.seeded import EVALUATION, INTERPOLATION, NOISE, SeededModel


class AdversarialModel(SeededModel):
    """A generator and a discriminator that are trained against each other.

    A subclass gives what is not plumbing, in `keras.ops` alone: `discriminator_loss(real_outputs,
    fake_outputs)`, `generator_loss(fake_outputs, real_outputs)`, whether the latter needs real outputs,
    `generator_uses_real`, `real_examples(data)`, the tensor that the discriminator sees, and `draw(seeds)`,
    samples from `noise_of_seeds`, which `draw_function` holds compiled.

    Args:
      generator: Keras model, `(batch, latent_dim)` to examples.
      discriminator: Keras model, examples to `(batch, outputs)`.
      latent_dim: size of the noise.
      prior: `"normal"`, standard, or `"uniform"` on [-1, 1].
      gradient_penalty: weight of the two-sided gradient penalty (Gulrajani 2017), or None. The critic's
        value is the mean of the discriminator's outputs.
      weight_clip: bound on each discriminator weight after each update (Arjovsky 2017), or None.
      seed: int32, of the noise.
    """

    def __init__(
        self,
        generator,
        discriminator,
        latent_dim,
        gradient_penalty=None,
        weight_clip=None,
        prior="normal",
        seed=0,
        **kwargs,
    ):
        if prior not in ("normal", "uniform"):
            raise ValueError(f'prior must be "normal" or "uniform". Received: {prior!r}')
        super().__init__(seed, **kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent_dim
        self.noise_shape = (latent_dim,)
        self.gradient_penalty = gradient_penalty
        self.weight_clip = weight_clip
        self.prior = prior
        self.discriminator_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.generator_loss_tracker = keras.metrics.Mean(name="g_loss")
        self.draw_function = self._compiled(self.draw, ((None, 2), "int32"))

    @property
    def metrics(self):
        return [self.discriminator_loss_tracker, self.generator_loss_tracker]

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
        if update not in ("simultaneous", "alternating"):
            raise ValueError(f'update must be "simultaneous" or "alternating". Received: {update!r}')
        if discriminator_steps < 1 or int(discriminator_steps) != discriminator_steps:
            raise ValueError(f"discriminator_steps must be a whole number, at least 1. Received: {discriminator_steps}")
        if update == "simultaneous" and discriminator_steps != 1:
            raise ValueError(
                'discriminator_steps must be 1 where update="simultaneous", which updates both networks once '
                f'a step. Received: {discriminator_steps}. Use update="alternating".'
            )
        generator_optimizer = keras.optimizers.get(generator_optimizer)
        discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "generator_optimizer and discriminator_optimizer must be two objects, since each keeps the "
                f"moments of its own network. Received twice: {generator_optimizer}"
            )
        self.update = update
        self.discriminator_steps = int(discriminator_steps)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_keys = {id(v) for v in self.generator.trainable_variables}
        optimizer = keras.optimizers.MultiOptimizer(
            lambda v: generator_optimizer if id(v) in generator_keys else discriminator_optimizer
        )
        super().compile(optimizer=optimizer, **kwargs)

    def get_compile_config(self):
        return {
            "generator_optimizer": keras.saving.serialize_keras_object(self.generator_optimizer),
            "discriminator_optimizer": keras.saving.serialize_keras_object(self.discriminator_optimizer),
            "update": self.update,
            "discriminator_steps": self.discriminator_steps,
            **self._compile_arguments,
        }

    @property
    def update_parts(self):
        return self.discriminator_steps

    def train_step(self, data):
        real = self.real_examples(data)
        d_loss, g_loss = self._simultaneous(real) if self.update == "simultaneous" else self._alternating(real)
        self.optimizer.iterations.assign_add(1)
        self._advance(d_loss=d_loss, g_loss=g_loss)
        return self._report(d_loss, g_loss, tf.shape(real)[0])

    def test_step(self, data):
        """Both losses on held-out examples; the noise is the same in every evaluation."""
        real = self.real_examples(data)
        seen = self._seen(self.discriminator_loss_tracker)
        noise = self._noise_like(real, self._seed(EVALUATION, seen))
        _, real_outputs, fake_outputs = self._outputs(real, noise, training=False)
        return self._report(
            self.discriminator_loss(real_outputs, fake_outputs),
            self.generator_loss(fake_outputs, real_outputs),
            tf.shape(real)[0],
        )

    def _report(self, d_loss, g_loss, examples):
        self.discriminator_loss_tracker.update_state(d_loss, sample_weight=examples)
        self.generator_loss_tracker.update_state(g_loss, sample_weight=examples)
        return {metric.name: metric.result() for metric in self.metrics}

    def _simultaneous(self, real):
        with tf.GradientTape(persistent=True) as tape:
            noise = self._noise_like(real, self._seed(NOISE))
            fake, real_outputs, fake_outputs = self._outputs(real, noise, training=True)
            d_loss = self.discriminator_loss(real_outputs, fake_outputs)
            d_total = self._discriminator_total(d_loss, real, fake, self._seed(INTERPOLATION))
            g_loss = self.generator_loss(fake_outputs, real_outputs)
            g_total = self._per_replica(g_loss)
        d_gradients = tape.gradient(d_total, self.discriminator.trainable_variables)
        g_gradients = tape.gradient(g_total, self.generator.trainable_variables)
        self._update_discriminator(d_gradients)
        self.generator_optimizer.apply(g_gradients, self.generator.trainable_variables)
        return d_loss, g_loss

    def _alternating(self, real):
        steps, examples = self.discriminator_steps, real.shape[0] or tf.shape(real)[0]
        parts = [real[i % examples :: steps] for i in range(steps)]  # an epoch's last batch may be smaller than steps
        d_losses = []
        for i, part in enumerate(parts):
            noise = self._noise_like(part, self._seed(NOISE, i))
            with tf.GradientTape() as tape:
                fake, real_outputs, fake_outputs = self._outputs(part, noise, training=True)
                d_loss = self.discriminator_loss(real_outputs, fake_outputs)
                d_total = self._discriminator_total(d_loss, part, fake, self._seed(INTERPOLATION, i))
            self._update_discriminator(tape.gradient(d_total, self.discriminator.trainable_variables))
            d_losses.append(d_loss)
        noise = self._noise_like(parts[-1], self._seed(NOISE, len(parts)))
        with tf.GradientTape() as tape:
            fake_outputs = self._whole_outputs(self.generator(noise, training=True), training=True)
            real_outputs = self._whole_outputs(parts[-1], training=True) if self.generator_uses_real else None
            g_loss = self.generator_loss(fake_outputs, real_outputs)
            g_total = self._per_replica(g_loss)
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(g_total, variables), variables)
        return tf.add_n(d_losses) / len(d_losses), g_loss

    def _outputs(self, real, noise, training):
        """Fakes from `noise`, and the discriminator's outputs for `real` and for them."""
        fake = tf.cast(self.generator(noise, training=training), tf.float32)
        real_outputs = self._whole_outputs(real, training)
        return fake, real_outputs, self._whole_outputs(fake, training)

    def _whole_outputs(self, examples, training):
        """The discriminator's outputs in float32, of the whole batch: objectives may look at its statistics."""
        return self._whole_batch(tf.cast(self.discriminator(examples, training=training), tf.float32))

    def _discriminator_total(self, d_loss, real, fake, seed):
        """What the discriminator descends: its loss, and the gradient penalty where there is one."""
        if self.gradient_penalty is None:
            return self._per_replica(d_loss)
        fractions = self._rows(lambda n: tf.random.stateless_uniform([n], seed), tf.shape(real)[0])
        points = interpolate(real, fake, fractions)
        with tf.GradientTape() as tape:
            tape.watch(points)
            realism = tf.reduce_mean(tf.cast(self.discriminator(points, training=True), tf.float32), axis=-1)
        penalty = tf.reduce_mean(gradient_penalty(tape.gradient(realism, points)))
        return self._per_replica(d_loss + self.gradient_penalty * penalty)

    def _update_discriminator(self, gradients):
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(gradients, variables)
        if self.weight_clip is not None:
            self._assign(variables, lambda weight: tf.clip_by_value(weight, -self.weight_clip, self.weight_clip))

    def noise(self, shape, seed):
        """Noise from the prior, a pure function of `seed`, int32 `(2,)`."""
        if self.prior == "uniform":
            return tf.random.stateless_uniform(shape, seed, minval=-1.0, maxval=1.0)
        return tf.random.stateless_normal(shape, seed)

    def _noise_like(self, examples, seed):
        return self._batch_noise([tf.shape(examples)[0], self.latent_dim], seed)
