"""Hyperparameters of keras-tuner to a preset."""

import contextlib

import keras_tuner

from qrkeras.families.space import Choice


class PresetHyperModel(keras_tuner.HyperModel):
    """A space as keras-tuner knows it: `build` gives not a model but the preset that the values stand for.

    Args:
      space: `Space`.   preset: what the values are put in.
    """

    def __init__(self, space, preset):
        super().__init__()
        self.space = space
        self.preset = preset

    def build(self, hp):
        """Declares the space's parameters on `hp`, each where its range holds, and returns the preset."""
        values = {}
        for parameter in self.space.parameters:
            scope = hp.conditional_scope(*_listed(parameter.when)) if parameter.when else contextlib.nullcontext()
            with scope:
                value = _declared(hp, parameter)
            if parameter.holds(values):
                # keras-tuner keeps one value for both ranges of a rate: while it explores, it may be the other's.
                values[parameter.field] = value if value in parameter.range else _least(parameter.range)
        return self.space.apply(self.preset, values)


def _listed(when):
    field, values = when
    return field, list(values)


def _declared(hp, parameter):
    within = parameter.range
    if isinstance(within, Choice):
        return hp.Choice(parameter.field, list(within.values), ordered=not isinstance(within.values[0], str))
    return hp.Float(parameter.field, within.low, within.high, sampling="log" if within.log else "linear")


def _least(within):
    return within.values[0] if isinstance(within, Choice) else within.low
