"""Generated images measured against real ones with a feature network."""

from qrkeras.evaluation.captions import floor as caption_floor
from qrkeras.evaluation.captions import measure as measure_captions
from qrkeras.evaluation.class_scores import ClassScores, class_scores
from qrkeras.evaluation.evaluator import Evaluator, Measures, check_samples
from qrkeras.evaluation.reference import KEPT, Reference, reference

__all__ = [
    "KEPT",
    "ClassScores",
    "Evaluator",
    "Measures",
    "Reference",
    "caption_floor",
    "check_samples",
    "class_scores",
    "measure_captions",
    "reference",
]
