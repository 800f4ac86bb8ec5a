"""Objectives whose discriminator sees mixtures of real and generated examples: BGAN, M-BGAN and mixup GAN.

Each update shows two batches, the mixture `m = s x + (1 - s) x~` of real examples x and generated ones x~ with shares s
of the real ones, and its complement `(1 - s) x + s x~`; losses are means over both. A plain GAN's shares are 1.
"""

import math

import keras
from keras import ops

from qrkeras.losses.adversarial import Objective

_serializable = keras.saving.register_keras_serializable(package="qrkeras")
LEAST_UNIFORM = 2.0**-24


def bernoulli_kl(outputs, targets):
    """`KL(B(u) || B(sigmoid(o))) = u log u + (1 - u) log(1 - u) + softplus(o) - u o`, elementwise  (Lucas, eq. 4.3).

    Args:
      outputs: logits o.   targets: shares u in [0, 1] that broadcast to them; `0 log 0 = 0`.
    """
    targets = ops.cast(targets, "float32")
    return _times_log(targets) + _times_log(1.0 - targets) + ops.softplus(outputs) - targets * outputs


def _times_log(u):
    positive = u > 0
    return ops.where(positive, u * ops.log(ops.where(positive, u, 1.0)), 0.0)


class _Mixed(Objective):
    mixes = True
    generator_uses_real = True  # it looks at both batches

    def _both(self, first, second, shares):
        """Outputs of both batches; raises ValueError if one of the three is missing or has another shape."""
        if second is None or shares is None:
            raise ValueError(
                f"shares and the outputs of both batches must be given to {type(self).__name__}, whose examples are "
                f"mixed. Received: {'no outputs of the second batch' if second is None else 'shares=None'}"
            )
        self._check(first_outputs=first, second_outputs=second)
        return first, second


@_serializable
class BatchSmoothing(_Mixed):
    """BGAN and M-BGAN: the discriminator predicts which share of a batch is real  (Lucas, chapter 4, eqs. 4.3-4.14).

    p is uniform on `[0, g] u [1 - g, 1]` for the smoothing g, each example of the first batch is real with probability
    p, and the target is the share y of them that is. With logits o of B examples and `l = bernoulli_kl`:

    | average | | discriminator | generator |
    |---|---|---|---|
    | `"outputs"` | BGAN (4.13) | `l(mean_b o_b, y)` | `softplus(-mean_b o_b)` |
    | `"losses"` | M-BGAN (4.14) | `mean_b l(o_b, y)` | `mean_b softplus(-o_b)` |

    Means are taken over the two batches, the second with the target `1 - y`. Wants a discriminator that sees whole
    batches: `networks.sngan_discriminator(batch_features="equivariant")`, say.

    **Choice**: "We can reuse the discarded samples by using 1 - beta in the next batch": they are reused in the same
    update, so that nothing is carried between steps. p is symmetric: the expectation stays.
    **Choice**: (4.5) has no sign. The generator's loss is `-E log D` over mixed batches, which saturates less.

    Args:
      smoothing: gamma in [0, 1/2]: 1/2 draws p from all of [0, 1], 0 shows pure batches.
      average: what is averaged over the batch, `"outputs"` or `"losses"`.
    """

    def __init__(self, smoothing=0.5, average="losses"):
        if not 0 <= smoothing <= 0.5:
            raise ValueError(
                f"smoothing must be in [0, 1/2]: 0 shows pure batches, 1/2 mixes in any ratio. Received: {smoothing}"
            )
        if average not in ("outputs", "losses"):
            raise ValueError(f'average must be "outputs" (BGAN) or "losses" (M-BGAN). Received: {average!r}')
        self.smoothing = smoothing
        self.average = average

    def shares(self, uniforms):
        """Which examples of the first batch are real, beta of 0 and 1, `(batch,)`.

        Args: uniforms: `(batch, 2)` in [0, 1).
        """
        v = uniforms[0, 0]
        p = ops.where(v < 0.5, 2.0 * self.smoothing * v, 1.0 - 2.0 * self.smoothing * (1.0 - v))
        return ops.cast(uniforms[:, 1] < p, "float32")

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        first, second = self._both(real_outputs, fake_outputs, shares)
        share = ops.mean(shares)
        return 0.5 * (self._distance(first, share) + self._distance(second, 1.0 - share))

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        second, first = self._both(fake_outputs, real_outputs, shares)
        return 0.5 * (self._believed(first) + self._believed(second))

    def references(self):
        """What both losses are, for large batches, if D is always right and if D knows nothing (Lucas, Fig. 4.2).

            D(y) = y:     d = 0,                                g = 1 - log(c) / 2 + (1 - c) / (2 c) log(1 - c)
            D(y) = 1/2:   d = E[y log y + (1 - y) log(1 - y)] + log 2,                                  g = log 2

        with c the smoothing. A lower g of larger smoothing alone is true of a hopeless generator, too.
        """
        c = self.smoothing
        if c == 0:
            right, blind = math.inf, math.log(2.0)
        else:
            right = 1.0 - math.log(c) / 2.0 + (1.0 - c) / (2.0 * c) * math.log(1.0 - c)
            blind = (_integral(c) - 0.25 - _integral(1.0 - c)) / c + math.log(2.0)
        return {
            "D always right": {"d_loss": 0.0, "g_loss": right},
            "D knows nothing": {"d_loss": blind, "g_loss": math.log(2.0)},
        }

    def real_share(self, outputs):
        """The share of a batch that its outputs `(batch, 1)` say is real, a scalar: D(y)."""
        return ops.sigmoid(ops.mean(outputs))

    def _distance(self, outputs, share):
        if self.average == "outputs":
            return bernoulli_kl(ops.mean(outputs), share)
        return ops.mean(bernoulli_kl(outputs, share))

    def _believed(self, outputs):
        if self.average == "outputs":
            return ops.softplus(-ops.mean(outputs))
        return ops.mean(ops.softplus(-outputs))

    def get_config(self):
        return {"smoothing": self.smoothing, "average": self.average}


def _integral(x):
    """Of `x log x`, from 0."""
    return x**2 / 2.0 * math.log(x) - x**2 / 4.0


@_serializable
class Mixup(_Mixed):
    """mixup GAN: `max_g min_d E ce(d(s x + (1 - s) x~), s)`, `s ~ Beta(a, a)`  (Zhang 2018, eq. 4).

    With logits o and `ce(o, s) = softplus(o) - s o`, the discriminator's loss is `mean_b ce(o_b, s_b)`.

    **Choice**: a share for each example, the mixtures of `1 - s` in the same update, and a generator that maximises
    log d of both, the less saturating form, as BGAN's does.

    Args:
      concentration: a of Beta(a, a), positive; the paper's is 0.2.
    """

    def __init__(self, concentration=0.2):
        if not 0 < concentration < math.inf:
            raise ValueError(f"concentration must be a positive number. Received: {concentration}")
        self.concentration = concentration

    def shares(self, uniforms):
        """Beta(a, a) variables `(batch,)` of uniforms U, V, exact and without rejection:

            q = U^(1/a),   c = cos(2 pi V),   s = (1 + c sqrt((1 - q) / (c^2 (1 - q) + q))) / 2

        Args: uniforms: `(batch, 2)` in [0, 1).
        """
        q = ops.power(ops.maximum(uniforms[:, 0], LEAST_UNIFORM), 1.0 / self.concentration)
        c = ops.cos(2.0 * math.pi * uniforms[:, 1])
        spread = c * ops.sqrt((1.0 - q) / (ops.square(c) * (1.0 - q) + q))
        return ops.clip(0.5 * (1.0 + spread), 0.0, 1.0)

    def discriminator(self, real_outputs, fake_outputs, shares=None):
        first, second = self._both(real_outputs, fake_outputs, shares)
        shares = shares[:, None]
        cross_entropy = ops.softplus(first) - shares * first + ops.softplus(second) - (1.0 - shares) * second
        return 0.5 * ops.mean(cross_entropy)

    def generator(self, fake_outputs, real_outputs=None, shares=None):
        second, first = self._both(fake_outputs, real_outputs, shares)
        return 0.5 * (ops.mean(ops.softplus(-first)) + ops.mean(ops.softplus(-second)))

    def get_config(self):
        return {"concentration": self.concentration}
