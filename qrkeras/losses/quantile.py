"""Quantile regression: fractions, pinball loss, quantile Huber loss."""

import numpy as np
from keras import ops


def quantile_fractions(n):
    """Midpoint quantile fractions `tau_i = (2 i - 1) / (2 n)`, i = 1..n  (QR-DQN, Lemma 2).

    **Choice**: QRGAN, Section 2.2, writes `tau_i = i / (N + 1)` and `tau_N = 1` at once, which cannot
    both hold; QR-DQN's `i / N` gives `tau_N = 1`, and the paper cites QR-DQN for the midpoints.

    Args:
      n: number of quantiles, at least 1.
    Returns: float32 tensor `(n,)`, increasing, symmetric about 1/2.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1 quantile. Received: {n}")
    return ops.convert_to_tensor((2 * np.arange(1, n + 1) - 1) / (2 * n), "float32")


def pinball(targets, predictions, fractions):
    """Pinball loss `|tau - 1[u < 0]| * |u|`, `u = targets - predictions`  (Koenker 2005; QRGAN, eq. 3).

    **Choice**: QRGAN, eq. 4, writes `rho(D - a)`, prediction minus target; Section 2.2 defines `u` as
    target minus prediction. The two differ by `tau -> 1 - tau`, and midpoint fractions are symmetric,
    so the set of losses is the same.

    Args:
      targets, predictions: tensors that broadcast together, the last axis running over fractions.
      fractions: `(n,)` in (0, 1).
    Returns: the broadcast shape, unreduced.
    """
    error = targets - predictions
    return ops.maximum(fractions * error, (fractions - 1.0) * error)


def quantile_huber(targets, predictions, fractions, kappa):
    """Quantile Huber loss `|tau - 1[u < 0]| * L(u) / kappa`  (QR-DQN, eq. 10; PixelIQN).

    `L(u) = u^2 / 2` where `|u| <= kappa`, else `kappa (|u| - kappa / 2)`, `u = targets - predictions`.
    As kappa goes to 0 it becomes the pinball loss, which is what `kappa = 0` means.

    Args:
      targets, predictions: tensors that broadcast together, the last axis running over fractions.
      fractions: tensor in (0, 1) that broadcasts with them.
      kappa: Python float, at least 0, in units of the targets.
    Returns: the broadcast shape, unreduced.
    """
    if kappa < 0:
        raise ValueError(f"kappa must be 0 (plain pinball loss) or positive. Received: {kappa}")
    if kappa == 0:
        return pinball(targets, predictions, fractions)
    error = targets - predictions
    size = ops.abs(error)
    huber = ops.where(size <= kappa, 0.5 * ops.square(error), kappa * (size - 0.5 * kappa))
    below = ops.cast(error < 0, huber.dtype)
    return ops.abs(fractions - below) * huber / kappa
