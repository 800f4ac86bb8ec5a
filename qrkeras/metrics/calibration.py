"""Calibration of predicted quantiles."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Fractions of values below a predicted tau-quantile, and at or below it; `count` values."""

    tau: float
    below: float
    at_or_below: float
    count: int

    @property
    def gap(self):
        """Distance of tau from [below, at_or_below]: 0 where the quantiles are calibrated."""
        return max(self.below - self.tau, self.tau - self.at_or_below, 0.0)


def calibration(values, quantiles, tau):
    """`P(X < Q(tau)) <= tau <= P(X <= Q(tau))`, which a quantile satisfies, as fractions of values.

    Of discrete values the two differ by those that lie on the quantile, so `quantiles` must be of the values' kind:
    rounded where they are whole numbers.

    Args:
      values: any shape.   quantiles: same shape, each the predicted tau-quantile of its value.   tau: in (0, 1).
    Returns: `Calibration`.
    Raises:
      ValueError: where shapes differ or there are no values, or tau is not in (0, 1).
    """
    values, quantiles = np.asarray(values), np.asarray(quantiles)
    if values.shape != quantiles.shape or not values.size:
        raise ValueError(
            f"values and quantiles must be of one shape, with at least one value. Received: {values.shape} and "
            f"{quantiles.shape}"
        )
    if not 0 < tau < 1:
        raise ValueError(f"tau must be in (0, 1). Received: {tau}")
    return Calibration(tau, float(np.mean(values < quantiles)), float(np.mean(values <= quantiles)), values.size)
