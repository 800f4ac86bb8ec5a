"""Equations: functions and small objects over tensors, in keras.ops only."""

from qrkeras.losses.adversarial import (
    Hinge,
    LeastSquares,
    NonSaturating,
    QuantileRegression,
    Wasserstein,
)
from qrkeras.losses.penalties import gradient_penalty, interpolate, l1_square, l2
from qrkeras.losses.quantile import pinball, quantile_fractions, quantile_huber

__all__ = [
    "Hinge",
    "LeastSquares",
    "NonSaturating",
    "QuantileRegression",
    "Wasserstein",
    "gradient_penalty",
    "interpolate",
    "l1_square",
    "l2",
    "pinball",
    "quantile_fractions",
    "quantile_huber",
]
