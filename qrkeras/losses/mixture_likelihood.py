"""Likelihood of a pixel: a mixture of discretised logistics, coupled over its colours  (Salimans et al. 2017).

With L the probability of a level under a discretised logistic, and r, g the pixel's own red and green in [-1, 1],

    P(r, g, b) = sum_k pi_k L(r; m_rk) L(g; m_gk + a_k r) L(b; m_bk + b_k r + c_k g).

One k holds for the whole pixel, so that colours depend on each other twice: through k, and through the means. The
factorisation red, green, blue is exact: seen colours turn the weights into `pi_k L(r; m_rk)`, normalised.
"""

import math

from keras import ops

from qrkeras.losses.likelihood import discretized_logistic

LEAST_LOG_SCALE = -7.0


def mixture_outputs(colours, components):
    """Number of outputs for a pixel: `components` logits; means, log-scales and, of three colours, coefficients."""
    _check_colours(colours)
    return components * (1 + colours * (2 if colours == 1 else 3))


def logistic_mixture(values, outputs, levels=256):
    """`-log P(pixel)`, in nats.

    Args:
      values: int `(..., C)` in 0..levels - 1, C 1 or 3 colours; level j stands for `x = 2 j / (levels - 1) - 1`.
      outputs: float32 `(..., mixture_outputs(C, K))`: K logits, then means and log-scales and, where C = 3, the
        coefficients a, b, c before their tanh, `(C, K)` each. A log-scale is at least -7.
    Returns: `(...)`, unreduced; of a value it is a C-th.
    Raises:
      ValueError: for other numbers of colours or outputs.
    """
    mixture = _Mixture(outputs, values.shape[-1], levels)
    log_weights = ops.log_softmax(mixture.logits)
    colours = [values[..., colour] for colour in range(mixture.colours)]
    for colour in range(mixture.colours):
        log_weights = log_weights - mixture.nats(colours, colour)
    return -ops.logsumexp(log_weights, axis=-1)


def logistic_mixture_quantile(outputs, tau, levels=256):
    """A pixel drawn at levels tau, one for each colour: each is the quantile of its mixture, given the ones before.

    The quantile is the least level j with `P(colour <= j) >= tau`, by bisection of the distribution function. With tau
    uniform it is an exact draw; where earlier colours agree, a greater tau never gives a lesser level.

    Args:
      outputs: as of `logistic_mixture`.   tau: `(..., C)` in (0, 1).
    Returns: int32 `(..., C)` in 0..levels - 1.
    """
    mixture = _Mixture(outputs, tau.shape[-1], levels)
    log_weights, found = mixture.logits, []
    for colour in range(mixture.colours):
        if colour:
            log_weights = log_weights - mixture.nats(found, colour - 1)
        found.append(mixture.quantile(ops.softmax(log_weights), found, colour, tau[..., colour]))
    return ops.stack(found, axis=-1)


class _Mixture:
    """The outputs of a pixel, cut into their parts: `(..., K)` each, one for each colour."""

    def __init__(self, outputs, colours, levels):
        _check_colours(colours)
        parts = mixture_outputs(colours, 1)
        if outputs.shape[-1] % parts:
            raise ValueError(
                f"outputs must be {parts} for each component of a pixel of {colours} colour(s). Received: "
                f"{outputs.shape[-1]}"
            )
        self.colours, self.levels, self.step = colours, levels, 2.0 / (levels - 1)
        self.logits, *rest = ops.split(outputs, parts, axis=-1)
        self.means, self.log_scales = rest[:colours], rest[colours : 2 * colours]
        self.log_scales = [ops.maximum(scale, LEAST_LOG_SCALE) for scale in self.log_scales]
        coefficients = [ops.tanh(part) for part in rest[2 * colours :]]
        # Of each colour, the coefficients of the colours before it: none; a; b, c.
        self.coefficients = [coefficients[colour * (colour - 1) // 2 :][:colour] for colour in range(colours)]

    def mean(self, earlier, colour):
        """Means of a colour, `(..., K)`, given the levels of earlier ones, each `(...)`."""
        mean = self.means[colour]
        for coefficient, level in zip(self.coefficients[colour], earlier, strict=True):
            mean = mean + coefficient * (ops.cast(level, "float32") * self.step - 1.0)[..., None]
        return mean

    def nats(self, levels, colour):
        """`-log L` of a colour under each component, `(..., K)`, of the levels of colours, each `(...)`."""
        mean, level = self.mean(levels[:colour], colour), ops.expand_dims(levels[colour], -1)
        return discretized_logistic(level, mean, self.log_scales[colour], self.levels, step=self.step)

    def quantile(self, weights, earlier, colour, tau):
        """The least level whose distribution function reaches tau, `(...)` int32."""
        mean, inverse = self.mean(earlier, colour), ops.exp(-self.log_scales[colour])
        found = ops.zeros_like(tau, "int32")
        for bit in reversed(range(math.ceil(math.log2(self.levels)))):
            tried = found + 2**bit
            edge = (ops.cast(tried, "float32") - 0.5) * self.step - 1.0  # between the level below and `tried`
            below = ops.sum(weights * ops.sigmoid((edge[..., None] - mean) * inverse), axis=-1)
            found = ops.where((below < tau) & (tried < self.levels), tried, found)
        return found


def _check_colours(colours):
    if colours not in (1, 3):
        raise ValueError(f"values must be pixels of 1 or 3 colours. Received: {colours}")
