"""`qrkeras presets`: what can be trained."""

import shlex
from typing import Annotated

from tyro.conf import Positional, arg

from qrkeras.verbs import tables


def presets(name: Annotated[Positional[str | None], arg(metavar="[PRESET]", help_behavior_hint="")] = None, /):
    """List the presets; of one: the command that trains it, its source, what is published, and every value.

    Args:
      name: Name of a preset, or a file of one, such as best.json of a sweep; leave it out for the list.
    """
    return tables.lines(_list()) if name is None else [*_about(name), "", *tables.lines(_values(name))]


def _list():
    from rich.table import Table

    from qrkeras.presets import PRESETS

    table = Table("preset", "data", "network", "objective", "steps", box=None, pad_edge=False)
    for name, preset in PRESETS.items():
        table.add_row(name, preset.data.name, preset.architecture, preset.objective, f"{preset.steps:,}")
    return table


def _about(name):
    from qrkeras.presets import PAPERS, get, published

    get(name)  # which refuses what is none
    known = published(name)
    return [
        f"command    qrkeras train {shlex.quote(name)}",
        f"source     {known.source}",
        *(f"paper      {paper}: {title}" for paper, title in PAPERS.items() if paper in known.source),
        f"published  {known.figure}",
    ]


def _values(name):
    from rich.table import Table

    from qrkeras.presets import citation, get, leaves

    preset = get(name)
    table = Table("field", "value", "source", box=None, pad_edge=False)
    for field, value in leaves(preset).items():
        table.add_row(field, str(value), citation(preset, field))
    return table
