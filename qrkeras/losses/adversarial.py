"""Adversarial objectives: one small object per GAN loss.

Each maps discriminator outputs `(batch, num_outputs)`, with no final activation, to two scalars:
`discriminator(real_outputs, fake_outputs, shares=None)` and `generator(fake_outputs, real_outputs=None, shares=None)`.
Means over batch and outputs are taken here and nowhere else. A new GAN is a new object; those that mix real and
generated examples are in `mixed.py`.
"""

import math

import keras
from keras import ops

from qrkeras.losses import penalties
from qrkeras.losses.quantile import pinball, quantile_fractions

_serializable = keras.saving.register_keras_serializable(package="qrkeras")


class Objective:
    """What every objective shares.

    Attributes:
      num_outputs: columns that the discriminator must have.
      generator_uses_real: whether the generator's loss looks at the outputs of both batches.
      mixes: whether the two batches are mixtures, of which `shares(uniforms)` draws the real part of each example of
        the first; the second is its complement. Else they are real examples and generated ones.
    """

    num_outputs = 1
    generator_uses_real = False
    mixes = False

    def references(self):
        """Values that losses are read against: what they mean -> name of the loss -> value. None here."""
        return {}

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _check(self, **outputs):
        for name, value in outputs.items():
            if len(value.shape) != 2 or value.shape[-1] != self.num_outputs:
                raise ValueError(
                    f"{name} must have shape (batch, {self.num_outputs}), one column for each output of "
                    f"{type(self).__name__}. Received shape: {tuple(value.shape)}. Build the discriminator "
                    "with that many outputs."
                )


@_serializable
class QuantileRegression(Objective):
    """QRGAN: the discriminator predicts quantiles of "realism"  (QRGAN, Section 2.2, eqs. 4, 5, 7, 9).

    Discriminator, with `D_i` the batch mean of output i and `tau_i` the midpoint fractions:
    `mean_i [ rho_i(a - D_i(real)) + rho_i(b - D_i(fake)) ] + weight * mean_i penalty_i`.
    Where a target is infinite the pinball loss `rho` is linear; its infinite constant is dropped and its
    slope kept, so that for `a = +inf, b = -inf`, the method proper, the first term is
    `mean_i [ -tau_i D_i(real) + (1 - tau_i) D_i(fake) ]`.

    **Choice**: eq. 4 takes rho of the batch mean `D_i`, Algorithm 1 the batch mean of rho of each example's output. The
    two are one for infinite targets; for finite ones eq. 4, the default, lets single outputs lie anywhere as long as
    their mean meets the target, and `pinball="each_output"` holds every one of them to it.

    Generator: `"maximize"`, eq. 9: `-mean_i D_i(fake)`; `"match"`, eq. 7: `mean_i |D_i(real) - D_i(fake)|`.

    Args:
      num_quantiles: N, the number of discriminator outputs.
      real_target, fake_target: a and b. Finite ones give the "bounded" QRGAN that the paper shows to be
        worse.
      penalty: `"l1_square"` (eq. 5), `"l2"` (Section 2.2, saturates), or None.
      penalty_weight: lambda.
      norm_target: k of the L1-square penalty.
      generator: `"maximize"` or `"match"`.
      pinball: `"batch_mean"` (eq. 4) or `"each_output"` (Algorithm 1): what rho is taken of.
    """

    def __init__(
        self,
        num_quantiles=64,
        real_target=math.inf,
        fake_target=-math.inf,
        penalty="l1_square",
        penalty_weight=0.1,
        norm_target=0.0,
        generator="maximize",
        pinball="batch_mean",
    ):
        if penalty not in ("l1_square", "l2", None):
            raise ValueError(f'penalty must be "l1_square", "l2" or None. Received: {penalty!r}')
        if generator not in ("maximize", "match"):
            raise ValueError(f'generator must be "maximize" or "match". Received: {generator!r}')
        if pinball not in ("batch_mean", "each_output"):
            raise ValueError(f'pinball must be "batch_mean" or "each_output". Received: {pinball!r}')
        if math.isnan(real_target) or math.isnan(fake_target):
            raise ValueError(
                f"real_target and fake_target must be numbers or infinities. Received: {real_target}, {fake_target}"
            )
        if not penalty_weight >= 0:
            raise ValueError(f"penalty_weight must be 0 or more. Received: {penalty_weight}")
        if not norm_target >= 0:
            raise ValueError(f"norm_target must be 0 or more. Received: {norm_target}")
        quantile_fractions(num_quantiles)  # refuses numbers that are none
        self.num_outputs = num_quantiles
        self.real_target = real_target
        self.fake_target = fake_target
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.norm_target = norm_target
        self.generator_target = generator
        self.pinball_of = pinball

    @property
    def fractions(self):
        """tau, `(num_quantiles,)`: made where it is used, so that a graph holds a constant and takes no input."""
        return quantile_fractions(self.num_outputs)

    @property
    def generator_uses_real(self):
        return self.generator_target == "match"

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        self._check(real_outputs=real_outputs, fake_outputs=fake_outputs)
        real = self._pinball(self.real_target, real_outputs)
        fake = self._pinball(self.fake_target, fake_outputs)
        return ops.mean(real + fake + self.penalty_weight * self._penalty(real_outputs, fake_outputs))

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        if not self.generator_uses_real:
            return -ops.mean(fake_outputs)
        if real_outputs is None:
            raise ValueError(
                'generator(fake_outputs, real_outputs) needs real_outputs where generator="match" (eq. 7). '
                "Received: None"
            )
        self._check(real_outputs=real_outputs)
        return ops.mean(ops.abs(ops.mean(real_outputs, axis=0) - ops.mean(fake_outputs, axis=0)))

    def _pinball(self, target, outputs):
        """`rho(target - outputs)` of each fraction, `(n,)`."""
        means = ops.mean(outputs, axis=0)
        if target == math.inf:
            return -self.fractions * means
        if target == -math.inf:
            return (1.0 - self.fractions) * means
        if self.pinball_of == "batch_mean":
            return pinball(target, means, self.fractions)
        return ops.mean(pinball(target, outputs, self.fractions), axis=0)

    def _penalty(self, real_outputs, fake_outputs):
        if self.penalty == "l1_square":
            return penalties.l1_square(real_outputs, fake_outputs, self.norm_target)
        if self.penalty == "l2":
            return penalties.l2(real_outputs, fake_outputs)
        return 0.0

    def get_config(self):
        return {
            "num_quantiles": self.num_outputs,
            "real_target": self.real_target,
            "fake_target": self.fake_target,
            "penalty": self.penalty,
            "penalty_weight": self.penalty_weight,
            "norm_target": self.norm_target,
            "generator": self.generator_target,
            "pinball": self.pinball_of,
        }


@_serializable
class NonSaturating(Objective):
    """NSGAN  (Goodfellow 2014, eq. 13 and 20 of QRGAN's appendix), in logits.

    Discriminator: `softplus(-o_real) + softplus(o_fake)`. Generator: `softplus(-o_fake)`.
    """

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        self._check(real_outputs=real_outputs, fake_outputs=fake_outputs)
        return ops.mean(ops.softplus(-real_outputs)) + ops.mean(ops.softplus(fake_outputs))

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        return ops.mean(ops.softplus(-fake_outputs))


@_serializable
class DensityRatio(NonSaturating):
    """What the discriminator says of the densities' ratio  (thesis, eqs. 5.3 and 5.6; Sonderby et al. 2017).

    Discriminator: `softplus(-o_real) + softplus(o_fake)`. Generator: `-log D + log(1 - D) = -o_fake`, of which the
    mean is `KL(p_generated || p_real)` where the discriminator is the best one, `o = log p_real - log p_generated`.
    """

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        return -ops.mean(fake_outputs)


@_serializable
class LeastSquares(Objective):
    """LSGAN with targets 1 and 0  (Mao 2017, eq. 9).

    Discriminator: `((o_real - 1)^2 + o_fake^2) / 2`. Generator: `(o_fake - 1)^2 / 2`.
    """

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        self._check(real_outputs=real_outputs, fake_outputs=fake_outputs)
        return 0.5 * (ops.mean(ops.square(real_outputs - 1.0)) + ops.mean(ops.square(fake_outputs)))

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        return 0.5 * ops.mean(ops.square(fake_outputs - 1.0))


@_serializable
class Wasserstein(Objective):
    """Wasserstein critic  (Arjovsky 2017), to be used with weight clipping or a gradient penalty.

    Discriminator: `o_fake - o_real`. Generator: `-o_fake`.
    """

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        self._check(real_outputs=real_outputs, fake_outputs=fake_outputs)
        return ops.mean(fake_outputs) - ops.mean(real_outputs)

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        return -ops.mean(fake_outputs)


@_serializable
class Hinge(Objective):
    """Hinge GAN  (Lim and Ye 2017; Miyato 2018).

    Discriminator: `relu(1 - o_real) + relu(1 + o_fake)`. Generator: `-o_fake`.
    """

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        self._check(real_outputs=real_outputs, fake_outputs=fake_outputs)
        return ops.mean(ops.relu(1.0 - real_outputs)) + ops.mean(ops.relu(1.0 + fake_outputs))

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        self._check(fake_outputs=fake_outputs)
        return -ops.mean(fake_outputs)
