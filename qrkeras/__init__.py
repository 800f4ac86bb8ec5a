"""Generative image models learned by quantile regression and its relatives, for Keras 3.

`from_preset("qrgan-cifar10")` is a compiled model, `from_run("runs/x")` a trained one, and
`export(model, "served", "name")` writes a SavedModel of either.

Subpackages load on first use, so that `import qrkeras` and `qrkeras.presets` need no TensorFlow. `import qrkeras` is
all that `keras.saving.load_model` needs: what may stand in a file is known to Keras by name, and its class is
imported when one is met.
"""

import importlib
import sys

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

# Name -> the module that defines it, and what it is called there.
_FUNCTIONS = {
    "from_preset": ("qrkeras.experiments.models", "from_preset"),
    "from_run": ("qrkeras.experiments.models", "from_run"),
    "export": ("qrkeras.serving.export", "export_model"),
}

# Subpackage -> the classes that it registers for `keras.saving`.
_SERIALIZABLE = {
    "layers": (
        "BatchNormalization",
        "ChannelAffine",
        "ChannelCoupling",
        "CheckerboardCoupling",
        "ClassProjection",
        "ColourDense",
        "ConvAveragePool2D",
        "Dequantizer",
        "EquivariantConv2D",
        "EquivariantDense",
        "GatedBlock",
        "GatedResidual",
        "HorizontalConv2D",
        "InverseAutoregressiveFlow",
        "JointAttention",
        "MinibatchDiscrimination",
        "ResidualConditioner",
        "ShiftedConv2D",
        "ShiftedConv2DTranspose",
        "SpectralConv2D",
        "SpectralDense",
        "TransformedPatches",
        "UpsampleConv2D",
        "VectorQuantizer",
        "VerticalConv2D",
        "WeightNormConv2D",
        "WeightNormConv2DTranspose",
        "WeightNormDense",
    ),
    "losses": (
        "Auxiliary",
        "BatchSmoothing",
        "DensityRatio",
        "Hinge",
        "LeastSquares",
        "Mixup",
        "NonSaturating",
        "QuantileRegression",
        "Wasserstein",
    ),
    "models": (
        "AGAVE",
        "AIQNVAE",
        "Captioner",
        "DensityModel",
        "GAN",
        "HierarchicalVAE",
        "PixelCNN",
        "PixelCNNPlusPlus",
        "PixelIQN",
        "VAE",
        "VQVAE",
    ),
    "networks": (
        "Bgr",
        "CaptionDecoder",
        "Identity",
        "LatentQuantiles",
        "PixelNetwork",
        "PixelPlusNetwork",
        "RealNVP",
        "TopDownNetwork",
    ),
}

__all__ = [*_SUBPACKAGES, *_FUNCTIONS, "__version__"]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"qrkeras.{name}")
    if name in _FUNCTIONS:
        module, defined = _FUNCTIONS[name]
        return getattr(importlib.import_module(module), defined)
    raise AttributeError(f"module 'qrkeras' has no attribute {name!r}")


class _Later:
    """Stands in Keras' register for a class whose subpackage is not imported yet, and gives way to it."""

    def __init__(self, subpackage, name):
        self.subpackage, self.name = subpackage, name

    def from_config(self, config):
        importlib.import_module(f"qrkeras.{self.subpackage}")
        return sys.modules["keras"].saving.get_custom_objects()[self.name].from_config(config)


def _register(keras):
    known = keras.saving.get_custom_objects()
    for subpackage, classes in _SERIALIZABLE.items():
        for name in classes:
            known.setdefault(f"qrkeras>{name}", _Later(subpackage, f"qrkeras>{name}"))


class _WhenKerasIsImported:
    """Finder that finds what the others find, and registers our classes once Keras is there."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                _register(module)

            spec.loader.exec_module = execute_and_register
        return spec


if "keras" in sys.modules:
    _register(sys.modules["keras"])
else:
    sys.meta_path.insert(0, _WhenKerasIsImported())
