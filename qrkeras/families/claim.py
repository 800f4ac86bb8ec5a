"""What a paper claims, as frozen data: methods side by side, what is measured of them, which order is expected."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from qrkeras.families.parts import leaves, replaced


@dataclasses.dataclass(frozen=True)
class Measure:
    """What is read of a run's metrics.jsonl.

    `field` is the name there; `{features}` stands for the feature network. `over` says whether the figure at the last
    step counts or the best one over training; `digits` how many of its places after the point are shown.
    """

    field: str
    name: str
    better: Literal["less", "more"]
    over: Literal["last", "best"] = "last"
    digits: int = 3


@dataclasses.dataclass(frozen=True)
class Order:
    """That one arm is better than another, or than a number, by a measure called `measure`."""

    measure: str
    better: str
    than: str | float


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large a claim is run.

    Args:
      preset: name of the presets, in which `{arm}` stands for the arm.
      seeds: number of seeds, 0 to seeds - 1.
      changes: dotted field -> value, of every preset.   of: arm -> further changes, of its alone.
      says: what is smaller than in the paper, in words, and what else a reader must know.
    """

    preset: str
    seeds: int
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict)
    says: str = ""
    of: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)

    def changes_of(self, arm):
        return {**self.changes, **self.of.get(arm, {})}


@dataclasses.dataclass(frozen=True)
class Claim:
    """A paper's statement, and how it is tried.

    Args:
      name: what `qrkeras reproduce NAME` calls it.   says: the statement.   source: where the paper makes it.
      arms: the methods, in the order of the table.   measures: the first is drawn over training.
      orders: what must hold beyond the intervals of the seeds for the claim to hold.
      scales: "small" and "paper" -> `Scale`.
      published: arm -> the paper's value of the first measure.   protocol: how the paper takes it.
    """

    name: str
    says: str
    source: str
    arms: tuple[str, ...]
    measures: tuple[Measure, ...]
    orders: tuple[Order, ...]
    scales: Mapping[str, Scale]
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)
    protocol: str = ""

    def measure(self, name):
        return next(measure for measure in self.measures if measure.name == name)


def changed(preset, changes):
    """`preset` with other values in its dotted fields.

    Raises:
      ValueError: where it has no such field.
    """
    for field, value in changes.items():
        if field not in leaves(preset):
            raise ValueError(f"changes must name fields of the preset. Received: {field}")
        preset = replaced(preset, field, value)
    return preset


def words(changes):
    """The options of `qrkeras train` that make the same changes."""
    found = []
    for field, value in changes.items():
        option = field.replace("_", "-")
        if isinstance(value, bool):
            parent, _, last = option.rpartition(".")
            found.append(f"--{option}" if value else f"--{parent}{'.' if parent else ''}no-{last}")
        else:
            found += [f"--{option}", *(str(each) for each in (value if isinstance(value, tuple) else (value,)))]
    return found
