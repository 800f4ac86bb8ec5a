"""Generative image models learned by quantile regression and its relatives, for Keras 3.

Subpackages load on first use, so that `import qrkeras` and `qrkeras.presets` need no TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_SUBPACKAGES = (
    "callbacks",
    "data",
    "evaluation",
    "features",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "presets",
)

__all__ = [*_SUBPACKAGES, "__version__"]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"qrkeras.{name}")
    raise AttributeError(f"module 'qrkeras' has no attribute {name!r}")
