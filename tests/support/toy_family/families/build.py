"""Preset to compiled toy."""

import math

from qrkeras.models.toy import Sorted


def build(preset, source, seed):
    model = Sorted(preset.network.build(math.prod(source.shape), seed), source.shape, preset.power, seed)
    model.compile(preset.optimizer.build(), steps_per_execution=preset.steps_per_execution)
    return model
