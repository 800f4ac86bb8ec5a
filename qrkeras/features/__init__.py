"""Feature networks by name: what images are measured with."""

from qrkeras.features.catalog import NAMES, check, load
from qrkeras.features.classifier import accuracy, fit_classifier
from qrkeras.features.network import FeatureNetwork, from_keras

__all__ = ["NAMES", "FeatureNetwork", "accuracy", "check", "fit_classifier", "from_keras", "load"]
