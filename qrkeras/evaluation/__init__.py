"""Generated images measured against real ones with a feature network."""

from qrkeras.evaluation.class_scores import ClassScores, class_scores
from qrkeras.evaluation.evaluator import Evaluator, Measures, check_samples
from qrkeras.evaluation.reference import KEPT, Reference, reference

__all__ = ["KEPT", "ClassScores", "Evaluator", "Measures", "Reference", "check_samples", "class_scores", "reference"]
