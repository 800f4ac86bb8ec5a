"""Adaptive density estimation: VAE, GAN, both at once, and each of them over an invertible map of images."""

import math
import numbers

import keras
from keras import ops

from qrkeras.layers import looks_at_batch
from qrkeras.losses import (
    DensityRatio,
    bits_per_dim,
    dequantized,
    dequantized_nats,
    gaussian_nats,
    gradient_penalty,
    interpolate,
    quantized,
)
from qrkeras.models import step
from qrkeras.models.abilities import HasLikelihood, JudgesRealism, Reconstructs, SharesLatents
from qrkeras.models.batches import all_batches
from qrkeras.models.image_checks import check_images
from qrkeras.models.latent import given, normal_quantile
from qrkeras.models.reports import Reports
from qrkeras.models.shared_latents import SharedLatents
from qrkeras.models.signature import Signature

COVERAGE = ("all", "encoder", "none")
LAST_NOISE = 1 - 2**-16  # float32 rounds v + u up to v + 1 for a u beyond it
FIRST_SIGMA = 0.3
WEIGHT = 100.0


@keras.saving.register_keras_serializable(package="qrkeras")
class DensityModel(SharedLatents):
    """AV-ADE and its relatives V-ADE, AV-GDE, VAE and GAN: parts of one model  (thesis, chapter 5).

    A hierarchy of latents z, an isotropic Gaussian of one trained deviation sigma at its end, models features y = f(x)
    of dequantised images x in [-1, 1), f an invertible map or, without one, the identity. It is trained by

        L_C = -E_q[log N(y; mu(z), sigma^2)] + KL(q(z | y) || p(z)) - log |det df / dx|    (eqs. 5.4 and 5.5)
        L_Q = -E[log D(x~) - log(1 - D(x~))] = -E o(x~),    x~ = f^-1(mu(z) + sigma eps),  z ~ p(z)    (eq. 5.6)

    in nats of an image, the first for coverage, the second for quality, against a discriminator D of logit o that
    descends its own loss and `gradient_penalty` times `(|do/dx| - 1)^2` between images and samples:

        GAN     discriminator, coverage="encoder"     L_Q moves the decoder, L_C encoder and sigma alone
        VAE     neither                               L_C
        V-ADE   flow                                  L_C
        AV-GDE  discriminator                         L_C + w L_Q, w = `adversarial_weight`
        AV-ADE  flow, discriminator                   the same

    L_Q passes through f^-1 to the decoder and moves neither f nor, **Choice**, sigma, which it would draw to 0.

    A GAN of `coverage="encoder"` has a bound of its likelihood at every step, and nothing of it reaches its decoder.
    **Choice**: encoder and sigma train along; the thesis' procedure, "around" a trained generator, is a second stage in
    which decoder and discriminator are frozen. Give a GAN a hierarchy of `random="top"`: "top-down sampling is not
    effective" there. With `coverage="none"` nothing trains the encoder, and there is no likelihood.

    **Choice**: samples are drawn of the Gaussian, as Algorithm 1 has it, those of a GAN, which has no density while it
    trains, are its mean; `way` draws the other. **Choice**: the penalty is of the logit. **Choice**: reconstructions
    and a discriminator's judgements are of images in the middle of their grey levels.

    `initialize(images)` starts the weights from data, once, before training.

    Example:
      ```python
      hierarchy = networks.top_down(8, 1, planes=(16,), latent_planes=(4,), blocks=(1,), stem=(3, 2), flow=False)
      model = DensityModel(
          hierarchy, networks.real_nvp((8, 8, 1)), networks.plain_discriminator(8, 1, (16, 32), (2, 1))
      )
      model.initialize(images[:128])
      model.compile(keras.optimizers.Adamax(0.002), keras.optimizers.Adamax(0.002))
      model.fit(images, batch_size=64, epochs=10)
      model.bits_per_dim(held_out, samples=100).mean(), model.sample(16)
      ```

    Args:
      hierarchy: of `networks.top_down`, with classes or without.   flow: f, of `networks.real_nvp`, or None.
      discriminator: Keras model of images in [-1, 1), and of labels where there are classes, to one logit, or None.
      coverage: what L_C moves. "all": all but the discriminator. "encoder": the encoder and sigma. "none": nothing.
      adversarial_weight: w, 0 or more; None: 100 where L_C and L_Q move one decoder, which alone has a w.
      gradient_penalty: its weight, 0 or more; None: 100 where there is a discriminator, which alone has one.
      flow_from: updates before f begins to move: where it moves from the start on few data, latents stay idle.
      adversarial_from: updates before L_Q counts beside L_C; the discriminator trains meanwhile.
      seed: int, of all noise; two models with the same weights and seed train alike.
    Raises:
      ValueError: where parts do not fit each other, or an option is out of its range.
    """

    PARTS = ("hierarchy", "flow", "discriminator")
    OPTIONS = ("coverage", "adversarial_weight", "gradient_penalty", "flow_from", "adversarial_from")
    NOISES = ("tau", "fake")
    WAYS = ("gaussian", "mean")
    BOUNDED_WAY = "gaussian"

    def __init__(
        self,
        hierarchy,
        flow=None,
        discriminator=None,
        coverage="all",
        adversarial_weight=None,
        gradient_penalty=None,
        flow_from=0,
        adversarial_from=0,
        seed=0,
        **kwargs,
    ):
        _check_parts(hierarchy, flow, discriminator, coverage)
        judged = discriminator is not None
        both = judged and coverage == "all", 'a discriminator and coverage="all"'
        adversarial_weight = _weight("adversarial_weight", adversarial_weight, *both)
        gradient_penalty = _weight("gradient_penalty", gradient_penalty, judged, "a discriminator")
        _check_step("flow_from", flow_from, flow is not None, "a flow")
        _check_step("adversarial_from", adversarial_from, *both)
        self.num_classes = hierarchy.num_classes
        super().__init__(hierarchy.image_shape, hierarchy.latent_dim, seed, **kwargs)
        self.hierarchy, self.flow, self.discriminator = hierarchy, flow, discriminator
        self.coverage = coverage
        self.adversarial_weight, self.gradient_penalty = adversarial_weight, gradient_penalty
        self.flow_from, self.adversarial_from = flow_from, adversarial_from
        self.objective = DensityRatio()
        first = keras.initializers.Constant(math.log(FIRST_SIGMA))
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer=first, trainable=coverage != "none")
        if coverage == "none":
            hierarchy.encoder.trainable = False
            self.LACKS = (HasLikelihood, Reconstructs, SharesLatents)
        if discriminator is None:
            self.LACKS = (JudgesRealism,)
        if coverage != "all":
            self.WAYS = self.WAYS[::-1]
        self.PLAYERS, self.REPORTS = _trained_by(discriminator, coverage)
        self.reports = Reports(self.REPORTS)

    @property
    def parts(self):
        passes = {"encoder": self.hierarchy.encoder, "decoder": self.hierarchy.decoder}
        others = {"flow": self.flow, "discriminator": self.discriminator}
        return {**passes, **{name: part for name, part in others.items() if part is not None}}

    def compile(
        self,
        optimizer="adamax",
        discriminator_optimizer=None,
        encoder_optimizer=None,
        update="simultaneous",
        **kwargs,
    ):
        """Configures training. All optimizers are different objects, held in one `keras.optimizers.MultiOptimizer`.

        Args:
          optimizer: Keras optimizer, name or configuration, of all but the discriminator.
          discriminator_optimizer: of the discriminator; None: one like `optimizer`.
          encoder_optimizer: of a GAN's encoder and sigma; None: one like `optimizer`.
          update: `"simultaneous"`: all gradients at the same weights and of the same samples. `"alternating"`: the
            discriminator moves first, the others against the new one, on fresh noise.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        Raises:
          ValueError: as every model's, and where an optimizer is given for what the model does not have.
        """
        step.check_update(update, 1, "discriminator_steps")
        optimizer = keras.optimizers.get(optimizer)
        self.update, self.main_optimizer = update, optimizer
        is_gan = "adversarial_loss" in self.PLAYERS and "loss" in self.PLAYERS
        self.discriminator_optimizer = _own(
            "discriminator_optimizer", discriminator_optimizer, optimizer, self.discriminator is not None
        )
        self.encoder_optimizer = _own("encoder_optimizer", encoder_optimizer, optimizer, is_gan)
        several = len(self.PLAYERS) > 1
        super().compile(step.joint_optimizer(self) if several else optimizer, **kwargs)

    def compiled_with(self):
        own = {"discriminator_optimizer": self.discriminator_optimizer, "encoder_optimizer": self.encoder_optimizer}
        own = {name: each for name, each in own.items() if each}
        return {"optimizer": self.main_optimizer, **own, "update": self.update}

    def optimizer_of(self, player):
        if player == "d_total":
            return self.discriminator_optimizer
        return self.encoder_optimizer if player == "loss" and self.encoder_optimizer else self.main_optimizer

    @property
    def bits_of(self):
        return f"{super().bits_of}, uniform dequantisation"

    def call(self, images, *labels):
        """Reconstructions of images in [-1, 1)."""
        codes = self._codes(self._features(images)[0], *labels)
        return self.image_of(self.hierarchy.decode(codes, *labels))

    def dequantized(self, images, tau=None):
        """x of uint8 images, its noise the levels of the values of tau, or 1/2."""
        u = 0.5 if tau is None else ops.minimum(self.of_values(tau), LAST_NOISE)
        return dequantized(images, u, self.levels)

    def _features(self, x):
        """f(x) and its log-determinant, `(batch,)`."""
        return (x, ops.zeros((ops.shape(x)[0],))) if self.flow is None else self.flow(x)

    def image_of(self, features):
        """f^-1, by weights that nothing moves through it; other weights move by what comes out."""
        if self.flow is None:
            return features
        still = [ops.stop_gradient(weight) for weight in self.flow.trainable_variables]
        images, _ = self.flow.stateless_call(still, self.flow.non_trainable_variables, features, inverse=True)
        return images

    def seen(self, images, tau=None):
        return self._features(self.dequantized(images, tau))[0]

    def measures(self, batch, noise, training, wanted=None):
        tau, labels, found = noise("tau"), given(batch.labels), {}
        x = self.dequantized(batch.examples, tau)
        if self.coverage != "none" and wanted != "d_total":
            found |= self._covered(x, self.gaussian_noise(tau), labels)
        if self.discriminator is not None:
            fake = self.image_of(self.generate(noise("fake"), self.WAYS[0], *labels)[1])
            found |= self._judged(x, fake, labels, noise, training, wanted)
        if "adversarial_loss" in found and "adversarial_loss" not in self.PLAYERS:
            weight = self._since(self.adversarial_from, self.adversarial_weight)
            found["loss"] = found["loss"] + weight * found["adversarial_loss"]
        return found

    def _covered(self, x, noise, labels):
        """L_C, its bits per dimension and its KL."""
        y, log_det = self._features(x)
        if self.flow is not None and self.flow_from:
            y, log_det = (self._held(value, self.flow_from) for value in (y, log_det))
        inferred = self.hierarchy(y, noise, *labels)
        kl = ops.mean(ops.sum(self.kl(inferred), axis=-1))
        loss = ops.mean(self._nats(y, inferred.outputs, log_det)) + kl
        return {"loss": loss, "bits_per_dim": bits_per_dim(dequantized_nats(loss / self.num_values, 0.0)), "kl": kl}

    def _judged(self, x, fake, labels, noise, training, wanted):
        """The discriminator's loss, L_Q, and what the discriminator descends, the first and the penalty."""

        def logits(images):
            return self._logits(images, labels, training)

        found, fake_outputs = {}, logits(fake)
        if wanted != "d_total":
            found["adversarial_loss"] = self.objective.generator(fake_outputs)
        if wanted in (None, "d_total"):
            d_loss = self.objective.discriminator(logits(x), fake_outputs)
            found |= {"d_loss": d_loss, "d_total": d_loss}
            if self.gradient_penalty and training:
                points = interpolate(x, fake, noise.fractions())
                slopes = step.input_gradient(lambda images: logits(images)[:, 0], points)
                penalty = ops.mean(gradient_penalty(slopes))
                found["d_total"] = d_loss + self.gradient_penalty * penalty
        return found

    def _logits(self, x, labels, training):
        """o, `(batch, 1)`, of images x and of labels, where there are classes."""
        return self.discriminator([x, *labels] if labels else x, training=training)

    def _since(self, first_step, value=1.0):
        """`value` from a step on, 0 before."""
        return value * ops.cast(self.random_state[1] >= first_step, "float32") if first_step else value

    def _held(self, value, first_step):
        """`value`, whose gradient is 0 before a step."""
        still = ops.stop_gradient(value)
        return still + self._since(first_step) * (value - still)

    def _nats(self, y, means, log_det):
        """`-log p(x | z)`, `(batch,)`, a density's."""
        return ops.sum(gaussian_nats(y, means, self.log_scale), axis=(1, 2, 3)) - log_det

    def posterior(self, images, *labels, training=False):
        """Images and labels: each draw has noise of its own within the grey levels."""
        return images, labels

    def infer(self, posterior, tau, training=False):
        """Outputs are features, the means of their Gaussians, and the log-determinant."""
        images, labels = posterior
        y, log_det = self._features(self.dequantized(images, tau))
        inferred = self.hierarchy(y, self.gaussian_noise(tau), *labels)
        return inferred.latents, ops.sum(inferred.log_ratio, axis=-1), (y, inferred.outputs, log_det)

    def reconstruction(self, images, outputs):
        """A bound of `-log P(x | z)`, `(batch,)`, of grey levels, at what `infer` gives."""
        nats = self._nats(*outputs) / self.num_values
        return self.num_values * dequantized_nats(nats, 0.0)

    def generate(self, tau, way, *labels):
        """Latents, and features drawn of their Gaussians or the means of these; sigma is not moved by them."""
        latents, means = super().generate(tau, way, *labels)
        return latents, self._features_by(way, means, self.of_values(tau))

    def images_by(self, way, outputs, tau):
        """f^-1 of the Gaussians' means, or of draws at levels tau, as uint8 images."""
        return self.images_of(self._features_by(way, outputs, tau))

    def _features_by(self, way, means, tau):
        if way != "gaussian":
            return means
        deviation = ops.exp(ops.stop_gradient(self.log_scale))
        return means + deviation * normal_quantile(tau)

    def images_of(self, outputs):
        return ops.cast(quantized(self.image_of(outputs), self.levels), "uint8")

    def bits_per_dim(self, images, samples=1, seed=0, batch_size=64, labels=None):
        self._check_encoder()
        return super().bits_per_dim(images, samples, seed, batch_size, labels)

    def encode(self, images, batch_size=256, labels=None):
        self._check_encoder()
        return super().encode(images, batch_size, labels)

    def _check_encoder(self):
        if self.coverage == "none":
            raise ValueError(
                'coverage must be "encoder" or "all" for codes and a likelihood: nothing trained the encoder. '
                'Received: coverage="none". Train one around the generator: a second stage of coverage "encoder" that '
                "starts from this model, its decoder and discriminator frozen."
            )

    def realism(self, x, batch_size=256, labels=None):
        """The discriminator's logit of each uint8 image, higher: more real. NumPy array `(n,)` float32.

        Raises:
          ValueError: if x is not what the model takes, or there is no discriminator.
        """
        if self.discriminator is None:
            raise ValueError("discriminator must be there for realism. Received: a model of none, trained by L_C alone")
        check_images("x", x, self.example_shape)
        labels = self.checked_labels(labels, len(x))
        return all_batches(lambda *x: self.judge(*map(ops.convert_to_tensor, x))[:, 0], batch_size, x, *labels)

    def judge(self, images, *labels):
        """Logits `(batch, 1)` of uint8 images as a pure function of (weights, images, labels), row by row."""
        return self._logits(self.dequantized(images), labels, False)

    def signatures(self):
        """`sample` and `sample_mean`, or of a GAN `sample_gaussian`, `reconstruct`, `score` and `realism`, as far as
        the model has encoder and discriminator."""
        found = super().signatures()
        if self.coverage == "none":
            found = {name: each for name, each in found.items() if name not in ("reconstruct", "score")}
        if self.discriminator is not None:

            def realism(images, label=None):
                return {"logit": self.judge(images, *given(self._served_labels(label)))}

            found["realism"] = Signature(realism, {"images": (self.example_shape, "uint8"), **self._label_input()})
        return found


def _trained_by(discriminator, coverage):
    """Players, and what is reported."""
    covered = ("loss", "bits_per_dim", "kl")
    if discriminator is None:
        return {"loss": None}, covered
    judged, players = ("d_loss", "adversarial_loss"), {"d_total": ("discriminator",)}
    if coverage != "all":
        players["adversarial_loss"] = ("decoder",)
    if coverage == "none":
        return players, judged
    return {**players, "loss": None}, (*judged, *covered)


def _own(name, optimizer, other, wanted):
    """The optimizer called `name`, or one like the other, where it is wanted; raises ValueError."""
    if not wanted:
        if optimizer is not None:
            raise ValueError(f"{name} must be None: this model has nothing that it would move. Received: {optimizer}")
        return None
    if optimizer is None:
        return type(other).from_config(other.get_config())
    optimizer = keras.optimizers.get(optimizer)
    if optimizer is other:
        raise ValueError(
            f"{name} and optimizer must be two objects, since each keeps the moments of its own weights. Received "
            f"twice: {optimizer}"
        )
    return optimizer


def _weight(name, value, wanted, of):
    """The weight called `name`, `WEIGHT` where it is wanted and not given; raises ValueError."""
    if not wanted:
        if value is not None:
            raise ValueError(f"{name} must be None of a model without {of}. Received: {value}")
        return None
    if value is None:
        return WEIGHT
    if not value >= 0:
        raise ValueError(f"{name} must be 0 or positive. Received: {value}")
    return value


def _check_step(name, step, wanted, of):
    """Raises ValueError where a step is none, or there is nothing that begins at it."""
    if isinstance(step, bool) or not isinstance(step, numbers.Integral) or step < 0:
        raise ValueError(f"{name} must be a whole number of updates, 0 or more. Received: {step}")
    if step and not wanted:
        raise ValueError(f"{name} must be 0 of a model without {of}. Received: {step}")


def _check_parts(hierarchy, flow, discriminator, coverage):
    if coverage not in COVERAGE:
        known = " or ".join(f'"{each}"' for each in COVERAGE)
        raise ValueError(f"coverage must be {known}. Received: {coverage!r}")
    shape = hierarchy.image_shape
    if hierarchy.outputs_shape != shape:
        raise ValueError(
            f"hierarchy must have outputs of its images' shape, {shape}. Received: {hierarchy.outputs_shape}"
        )
    if flow is not None and flow.image_shape != shape:
        raise ValueError(f"flow must be of the hierarchy's images, {shape}. Received: {flow.image_shape}")
    if coverage != "all":
        if discriminator is None:
            raise ValueError(f'coverage must be "all" without a discriminator. Received: coverage={coverage!r}')
        if flow is not None:
            raise ValueError(
                f"flow must be None for a GAN: L_C alone moves it. Received: a flow, coverage={coverage!r}"
            )
    if discriminator is not None:
        told = [tuple(each.shape[1:]) for each in (*discriminator.inputs, *discriminator.outputs)]
        labels = [] if hierarchy.num_classes is None else [()]
        if told != [shape, *labels, (1,)]:
            raise ValueError(
                f"discriminator must take images of {shape}{' and labels' * len(labels)} and give one logit. Received: "
                f"one of shapes {', '.join(map(str, told))}, the last its outputs'. Give both networks num_classes, or "
                "neither."
            )
        if looks_at_batch(discriminator):
            raise ValueError(
                "discriminator must judge each image for itself: the density ratio is of one image. Received: "
                f"{discriminator.name}, whose layers look at the whole batch. models.GAN takes such networks."
            )
