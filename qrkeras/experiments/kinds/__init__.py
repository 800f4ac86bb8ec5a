"""What differs between kinds of examples in a run: its pictures, and what it is evaluated by.

A module a kind, with `evaluator`, `pictures_during`, `held_out` and, where examples are drawn, `write`.
"""

from qrkeras import kinds
from qrkeras.experiments.kinds import captioned, images, points

_MODULES = {kinds.POINTS: points, kinds.IMAGES: images, kinds.CAPTIONED: captioned}


def of(kind):
    """The module of a kind of `qrkeras.kinds`."""
    return _MODULES[kind]
