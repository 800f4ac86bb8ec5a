"""What differs between points and images in a run: its pictures, and what it is evaluated by.

A module a kind, with `evaluator`, `pictures_during` and `write`.
"""

from qrkeras import kinds
from qrkeras.experiments.kinds import images, points

_MODULES = {kinds.POINTS: points, kinds.IMAGES: images}


def of(kind):
    """The module of a kind of `qrkeras.kinds`."""
    return _MODULES[kind]
