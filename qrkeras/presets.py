"""The papers' experiments by name: what the families register, and what can be done with a preset."""

from qrkeras.families import PRESETS, from_file, get, published, to_json
from qrkeras.families.papers import PAPERS
from qrkeras.families.parts import check, differences, from_dict, leaves, rhythm, to_dict
from qrkeras.families.preset import Preset, citation

__all__ = [
    "PAPERS",
    "PRESETS",
    "Preset",
    "check",
    "citation",
    "differences",
    "from_dict",
    "from_file",
    "get",
    "leaves",
    "published",
    "rhythm",
    "to_dict",
    "to_json",
]
