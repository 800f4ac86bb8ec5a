"""What is measured on samples.

A measure of features comes twice: as a function of all of them, and as an object with `update(features)` and
`result()` for features that stream by, with the same result.
"""

from qrkeras.metrics.calibration import Calibration, calibration
from qrkeras.metrics.captions import bleu, cider_d, meteor, rouge_l
from qrkeras.metrics.coverage import ModeCoverage, mode_coverage
from qrkeras.metrics.frechet import FrechetDistance, Moments, MomentsAccumulator, frechet_distance, moments
from qrkeras.metrics.inception import InceptionEstimate, InceptionScore, inception_score
from qrkeras.metrics.kernel import KernelDistance, KernelEstimate, kernel_distance
from qrkeras.metrics.neighbours import (
    NeighbourEstimate,
    Neighbourhoods,
    PrecisionRecall,
    neighbourhoods,
    precision_recall,
)
from qrkeras.metrics.prd import CurveEstimate, PrecisionRecallCurve, precision_recall_curve

__all__ = [
    "Calibration",
    "CurveEstimate",
    "FrechetDistance",
    "InceptionEstimate",
    "InceptionScore",
    "KernelDistance",
    "KernelEstimate",
    "ModeCoverage",
    "Moments",
    "MomentsAccumulator",
    "NeighbourEstimate",
    "Neighbourhoods",
    "PrecisionRecall",
    "PrecisionRecallCurve",
    "bleu",
    "calibration",
    "cider_d",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "meteor",
    "mode_coverage",
    "moments",
    "neighbourhoods",
    "precision_recall",
    "precision_recall_curve",
    "rouge_l",
]
