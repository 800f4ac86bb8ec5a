"""Equations: functions and small objects over tensors, in keras.ops only."""

from qrkeras.losses.adversarial import (
    DensityRatio,
    Hinge,
    LeastSquares,
    NonSaturating,
    Objective,
    QuantileRegression,
    Wasserstein,
)
from qrkeras.losses.auxiliary import Auxiliary
from qrkeras.losses.bounds import free_nats, log_mean_exp, log_mean_weight
from qrkeras.losses.dequantization import dequantized, dequantized_nats, quantized
from qrkeras.losses.likelihood import (
    bits_per_dim,
    categorical_cross_entropy,
    categorical_quantile,
    check_levels,
    discretized_logistic,
    gaussian_kl,
    gaussian_kl_between,
    gaussian_nats,
    grey_level,
    squared_error,
)
from qrkeras.losses.lookup import get
from qrkeras.losses.mixed import BatchSmoothing, Mixup, bernoulli_kl
from qrkeras.losses.mixture_likelihood import logistic_mixture, logistic_mixture_quantile, mixture_outputs
from qrkeras.losses.penalties import gradient_penalty, interpolate, l1_square, l2
from qrkeras.losses.quantile import pinball, quantile_fractions, quantile_huber
from qrkeras.losses.quantile_divergence import quantile_divergence, quantile_divergence_of_functions

__all__ = [
    "Auxiliary",
    "BatchSmoothing",
    "DensityRatio",
    "Hinge",
    "LeastSquares",
    "Mixup",
    "NonSaturating",
    "Objective",
    "QuantileRegression",
    "Wasserstein",
    "bernoulli_kl",
    "bits_per_dim",
    "categorical_cross_entropy",
    "categorical_quantile",
    "check_levels",
    "dequantized",
    "dequantized_nats",
    "discretized_logistic",
    "free_nats",
    "gaussian_kl",
    "gaussian_kl_between",
    "gaussian_nats",
    "get",
    "gradient_penalty",
    "grey_level",
    "interpolate",
    "l1_square",
    "l2",
    "log_mean_exp",
    "log_mean_weight",
    "logistic_mixture",
    "logistic_mixture_quantile",
    "mixture_outputs",
    "pinball",
    "quantile_divergence",
    "quantile_divergence_of_functions",
    "quantile_fractions",
    "quantile_huber",
    "quantized",
    "squared_error",
]
