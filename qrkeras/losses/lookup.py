"""Objectives by name, as Keras takes its own."""

import difflib
import re

import keras

from qrkeras.losses.adversarial import (
    DensityRatio,
    Hinge,
    LeastSquares,
    NonSaturating,
    Objective,
    QuantileRegression,
    Wasserstein,
)
from qrkeras.losses.mixed import BatchSmoothing, Mixup

KINDS = (BatchSmoothing, DensityRatio, Hinge, LeastSquares, Mixup, NonSaturating, QuantileRegression, Wasserstein)
OBJECTIVES = {re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower(): kind for kind in KINDS}


def get(objective):
    """The objective that `objective` stands for.

    Args:
      objective: an `Objective`, returned as it is; its name, "batch_smoothing", "density_ratio", "hinge",
        "least_squares", "mixup", "non_saturating", "quantile_regression" or "wasserstein", or that of its class, for
        one with its defaults; or its configuration, of `keras.saving.serialize_keras_object`.
    Raises:
      ValueError: where it is none of these; the nearest name is told.
    """
    if isinstance(objective, str):
        named = {**OBJECTIVES, **{kind.__name__: kind for kind in KINDS}}
        if objective in named:
            return named[objective]()
        near = difflib.get_close_matches(objective.lower(), OBJECTIVES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"loss must be one of {', '.join(OBJECTIVES)}. Received: {objective!r}.{hint}")
    found = keras.saving.deserialize_keras_object(objective) if isinstance(objective, dict) else objective
    if not isinstance(found, Objective):
        raise ValueError(
            f"loss must be an objective of qrkeras.losses, such as QuantileRegression(64), or its name. Received: "
            f"{found!r}. Keras' own losses compare predictions with targets, which a GAN has none of."
        )
    return found
