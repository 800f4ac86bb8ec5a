"""The papers' experiments as frozen data. Importing this imports no TensorFlow."""

import dataclasses
import difflib
import json
import pathlib

from qrkeras.presets import images, latents, mixtures, pixels
from qrkeras.presets.schema import (
    GanPreset,
    PixelPreset,
    Preset,
    VaePreset,
    check,
    differences,
    from_dict,
    leaves,
    to_dict,
)

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
    "differences",
    "from_dict",
    "get",
    "leaves",
    "to_dict",
    "to_json",
]


def get(name):
    """The preset called `name`, or the one in the file `name`, ending in .json, that a sweep wrote.

    Raises:
      ValueError: naming the nearest right one, or what is wrong with the file.
    """
    if str(name).endswith(".json"):
        return _read(pathlib.Path(name))
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.4)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f"PRESET must be one that `qrkeras presets` lists. Received: {name!r}.{hint}")


def to_json(preset, **known):
    """A preset with its sources as JSON that `get` reads, after what else is `known` of it."""
    return json.dumps({**known, "preset": to_dict(preset), "sources": dict(preset.sources)}, indent=2) + "\n"


def _read(path):
    try:
        content = json.loads(path.read_text())
        preset = dataclasses.replace(from_dict(content["preset"]), sources=dict(content["sources"]))
        for field in leaves(preset):
            citation(preset, field)
        return preset
    except FileNotFoundError:
        raise ValueError(f"PRESET must be an existing file where it ends in .json. Received: {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"PRESET must be a file such as `qrkeras tune` writes, best.json. Received: {path} ({error})"
        ) from error


def citation(preset, field):
    """Source of a dotted field: its own, or that of the part it belongs to."""
    while field not in preset.sources:
        if "." not in field:
            raise KeyError(f"{field} has no source")
        field = field.rpartition(".")[0]
    return preset.sources[field]
