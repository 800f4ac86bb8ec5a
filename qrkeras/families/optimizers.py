"""Optimizers that a preset may name."""

import math
from typing import Annotated

from qrkeras.families.parts import Positive, Range, Share, part


def _holds(decays):
    steps, rates = [step for step, _ in decays], [rate for _, rate in decays]
    return all(a < b for a, b in zip([0, *steps], steps)) and all(0 < rate < math.inf for rate in rates)


Decays = Annotated[
    tuple[tuple[int, float], ...],
    Range("pairs of a step and the rate from there on: steps that rise from 1, rates above 0", _holds),
]


@part
class Adam:
    learning_rate: Positive
    """Step size of the optimizer, at first."""
    beta_1: Share = 0.9
    """Decay of Adam's average of gradients."""
    beta_2: Share = 0.999
    """Decay of Adam's average of squared gradients."""
    epsilon: Positive = 1e-7
    """Number added to the root of the average of squared gradients; a larger one takes smaller steps where gradients
    are small."""
    decays: Decays = ()
    """Pairs of a number of steps and the step size after them, such as 120000 3e-5 180000 1e-5."""

    def build(self):
        import keras

        return keras.optimizers.Adam(_schedule(self), self.beta_1, self.beta_2, self.epsilon)


@part
class Adamax:
    learning_rate: Positive
    """Step size of the optimizer, at first."""
    beta_1: Share = 0.9
    """Decay of Adamax's average of gradients."""
    beta_2: Share = 0.999
    """Decay of Adamax's largest gradient."""
    epsilon: Positive = 1e-7
    """Number added to the largest gradient."""
    decays: Decays = ()
    """Pairs of a number of steps and the step size after them, such as 120000 3e-5 180000 1e-5."""

    def build(self):
        import keras

        return keras.optimizers.Adamax(_schedule(self), self.beta_1, self.beta_2, self.epsilon)


@part
class RmsProp:
    learning_rate: Positive
    """Step size of the optimizer, at first."""
    decays: Decays = ()
    """Pairs of a number of steps and the step size after them, such as 120000 3e-5 180000 1e-5."""

    def build(self):
        import keras

        return keras.optimizers.RMSprop(_schedule(self))


@part
class Sgd:
    learning_rate: Positive
    """Step size of the optimizer, at first."""
    decays: Decays = ()
    """Pairs of a number of steps and the step size after them, such as 120000 3e-5 180000 1e-5."""

    def build(self):
        import keras

        return keras.optimizers.SGD(_schedule(self))


def _schedule(settings):
    import keras

    if not settings.decays:
        return settings.learning_rate
    steps, rates = zip(*settings.decays)
    # Keras takes the old rate up to and at its boundary, counted from 0.
    boundaries, rates = [step - 1 for step in steps], [settings.learning_rate, *rates]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)
