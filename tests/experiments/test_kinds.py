"""What differs between kinds of examples in a run."""

import dataclasses

import pytest

from qrkeras import presets
from qrkeras.experiments import build


def test_an_evaluator_has_as_many_references_as_its_preset_says():
    preset = dataclasses.replace(presets.get("qrgan-digits"), evaluate_references=50, evaluate_samples=20)
    evaluator = build.evaluator(preset, build.dataset(preset), verbose=0)
    assert (evaluator.train.count, evaluator.test.count, evaluator.samples) == (50, 50, 20)


def test_points_are_evaluated_with_their_pictures():
    preset = dataclasses.replace(presets.get("qrgan-ring8"), evaluate_every=5)
    with pytest.raises(ValueError, match="evaluate_every must be None for points. Received: 5 and ring8"):
        build.evaluator(preset, build.dataset(preset))
