"""What can be trained: the papers' experiments as frozen data. Importing this imports no TensorFlow.

A family is a folder: `schema.py` what can be set, `presets.py` the papers' values with their sources, `build.py` preset
to compiled model, `spaces.py` what is searched, `claims.py` what its papers claim; and its name in `NAMES`.
"""

import dataclasses
import difflib
import importlib
import json
import pathlib

from qrkeras.families.papers import Published
from qrkeras.families.parts import from_dict, leaves, to_dict
from qrkeras.families.preset import citation

NAMES = ("gan", "pixels", "vae", "vqvae", "agave", "ade", "captions")
FAMILIES = tuple(importlib.import_module(f"qrkeras.families.{name}") for name in NAMES)
PRESETS = {name: preset for family in FAMILIES for name, preset in family.PRESETS.items()}
PUBLISHED = {name: known for family in FAMILIES for name, known in family.PUBLISHED.items()}
YOUNGER = "the default: the file was written before this could be set"
CLAIMS = {claim.name: claim for family in FAMILIES for claim in family.CLAIMS}
SPACES = {space.name: space for family in FAMILIES for space in family.SPACES}


def get(name):
    """The preset called `name`, or the one in the file `name`, ending in .json, that a sweep wrote.

    Raises:
      ValueError: naming the nearest right one, or what is wrong with the file.
    """
    if str(name).endswith(".json"):
        return _read(pathlib.Path(name))
    return _named(name, PRESETS, "PRESET must be one that `qrkeras presets` lists")


def published(name):
    """`Published` of the preset called `name`, or in the file `name`."""
    return PUBLISHED.get(name, Published(f"the file {name}, whose values cite theirs"))


def space(name):
    """The search space called `name`.

    Raises:
      ValueError: naming the nearest right one.
    """
    return _named(name, SPACES, f"SPACE must be one of {', '.join(SPACES)}")


def claim(name):
    """The claim called `name`.

    Raises:
      ValueError: naming the nearest right one.
    """
    return _named(name, CLAIMS, "CLAIM must be one that `qrkeras reproduce` lists")


def _named(name, known, expected):
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f"{expected}. Received: {name!r}.{hint}")


def to_json(preset, **known):
    """A preset with its sources as JSON that `get` reads, after what else is `known` of it."""
    return json.dumps({**known, "preset": to_dict(preset), "sources": dict(preset.sources)}, indent=2) + "\n"


def from_file(content):
    """The preset that a file's `content` has beside its sources; fields that are younger than the file cite that."""
    preset = from_dict(content["preset"])
    younger = leaves(preset).keys() - set(_fields(content["preset"]))
    return dataclasses.replace(preset, sources={**dict.fromkeys(younger, YOUNGER), **content["sources"]})


def _fields(nested, prefix=""):
    """Dotted names of the fields in a preset's JSON."""
    for name, item in nested.items():
        yield f"{prefix}{name}"
        if isinstance(item, dict):
            yield from _fields(item, f"{prefix}{name}.")


def _read(path):
    try:
        preset = from_file(json.loads(path.read_text()))
        for field in leaves(preset):
            if not isinstance(citation(preset, field), str):
                raise ValueError(f"the source of {field} must be a string. Received: {citation(preset, field)!r}")
        return preset
    except FileNotFoundError:
        raise ValueError(f"PRESET must be an existing file if it ends in .json. Received: {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"PRESET must be a file such as `qrkeras tune` writes, best.json. Received: {path} ({error})"
        ) from error
