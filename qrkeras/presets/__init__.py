"""The papers' experiments as frozen data. Importing this imports no TensorFlow."""

import difflib

from qrkeras.presets import images, latents, mixtures, pixels
from qrkeras.presets.schema import GanPreset, PixelPreset, Preset, VaePreset, check, from_dict, leaves, to_dict

PRESETS = {**mixtures.PRESETS, **images.PRESETS, **pixels.PRESETS, **latents.PRESETS}
MIXTURES = tuple(mixtures.UPDATES)

__all__ = [
    "MIXTURES",
    "PRESETS",
    "GanPreset",
    "PixelPreset",
    "Preset",
    "VaePreset",
    "check",
    "citation",
    "from_dict",
    "get",
    "leaves",
    "to_dict",
]


def get(name):
    """The preset called `name`.

    Raises:
      ValueError: naming the nearest right one.
    """
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.4)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f"PRESET must be one that `qrkeras presets` lists. Received: {name!r}.{hint}")


def citation(preset, field):
    """Source of a dotted field: its own, or that of the part it belongs to."""
    while field not in preset.sources:
        if "." not in field:
            raise KeyError(f"{field} has no source")
        field = field.rpartition(".")[0]
    return preset.sources[field]
