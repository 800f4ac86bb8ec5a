"""The papers' experiments by name: what the families register, and what can be done with a preset."""

from qrkeras.families import PRESETS, get, to_json
from qrkeras.families.parts import check, differences, from_dict, leaves, rhythm, to_dict
from qrkeras.families.preset import Preset, citation

__all__ = [
    "PRESETS",
    "Preset",
    "check",
    "citation",
    "differences",
    "from_dict",
    "get",
    "leaves",
    "rhythm",
    "to_dict",
    "to_json",
]
