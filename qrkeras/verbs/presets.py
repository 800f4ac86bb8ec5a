"""`qrkeras presets`: what can be trained."""

from typing import Annotated

from tyro.conf import Positional, arg

from qrkeras.verbs import tables


def presets(name: Annotated[Positional[str | None], arg(metavar="[PRESET]", help_behavior_hint="")] = None, /):
    """List the presets, or every value of one with the table it comes from.

    Args:
      name: Name of a preset, or a file of one, such as best.json of a sweep; leave it out for the list.
    """
    return tables.lines(_list() if name is None else _values(name))


def _list():
    from rich.table import Table

    from qrkeras.families.parts import name_of
    from qrkeras.presets import PRESETS

    table = Table("preset", "data", "network", "objective", "steps", box=None, pad_edge=False)
    for name, preset in PRESETS.items():
        table.add_row(name, preset.data.name, name_of(preset.network), preset.objective, f"{preset.steps:,}")
    return table


def _values(name):
    from rich.table import Table

    from qrkeras.presets import citation, get, leaves

    preset = get(name)
    table = Table("field", "value", "source", box=None, pad_edge=False)
    for field, value in leaves(preset).items():
        table.add_row(field, str(value), citation(preset, field))
    return table
