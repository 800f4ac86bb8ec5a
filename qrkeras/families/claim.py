"""What a paper claims, as frozen data: methods side by side, what is measured of them, which order is expected."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Literal

from qrkeras.families.parts import leaves, replaced


@dataclasses.dataclass(frozen=True)
class Measure:
    """What is read of a run's metrics.jsonl, or measured of it at its end.

    `field` is the name there; `{features}` stands for the feature network. `over` says whether the figure at the last
    step counts or the best one over training; `digits` how many of its places after the point are shown; `arms` which
    arms have it, all if it names none; `worst` what a run that diverged counts as, NaN where there is no worst.
    """

    field: str
    name: str
    better: Literal["less", "more"]
    over: Literal["last", "best"] = "last"
    digits: int = 3
    arms: tuple[str, ...] = ()
    worst: float = math.nan


FID = Measure("FID[{features}] train", "FID, last", "less", digits=2)
KID = Measure("KID[{features}] train", "KID, last", "less")
DISTANCES = (FID, KID)


@dataclasses.dataclass(frozen=True)
class Order:
    """That one arm is better than another, or than a number, by a measure called `measure`.

    `by` is how much better at least; below 0, how much worse at most. `sense` says what is better where it is not what
    the measure says.
    """

    measure: str
    better: str
    than: str | float
    by: float = 0.0
    sense: Literal["less", "more"] | None = None


@dataclasses.dataclass(frozen=True)
class Search:
    """Settings that are tried for every arm alike, on seeds that the claim does not judge by; an arm's best counts.

    Args:
      values: dotted fields -> values that these fields have together; each is tried with each of the others.
      by: names of measures; the first decides by its mean over seeds, the next where the first is the same.
      seeds: number of seeds of each setting.
    """

    values: Mapping[tuple[str, ...], tuple]
    by: tuple[str, ...]
    seeds: int = 1

    @property
    def settings(self):
        """A setting in words -> its changes, dotted field -> value."""
        found = {}
        for values in itertools.product(*self.values.values()):
            chosen = list(zip(self.values, values, strict=True))
            said = ", ".join(f"{fields[0].split('.')[-1]} {value}" for fields, value in chosen)
            found[said] = {field: value for fields, value in chosen for field in fields}
        return found


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large a claim is run.

    Args:
      preset: name of the presets, in which `{arm}` stands for the arm.
      seeds: number of seeds, 0 to seeds - 1.
      changes: dotted field -> value, of every preset.   of: arm -> further changes, of its alone.
      says: what is smaller than in the paper, in words, and what else a reader must know.
      presets: arm -> its preset, where `preset` does not name it.
      search: what is searched for every arm before its seeds are trained; None: nothing.
    """

    preset: str
    seeds: int
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict)
    says: str = ""
    of: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)
    presets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    search: Search | None = None

    def preset_of(self, arm):
        return self.presets.get(arm, self.preset.format(arm=arm))

    def changes_of(self, arm):
        return {**self.changes, **self.of.get(arm, {})}

    def settled(self, settings):
        """This scale with further changes of each arm, arm -> changes, and nothing left to search."""
        of = {arm: {**self.of.get(arm, {}), **changes} for arm, changes in settings.items()}
        return dataclasses.replace(self, of={**self.of, **of}, search=None)

    def num_runs(self, arms):
        """How many runs so many arms have, those of the search among them."""
        searched = len(self.search.settings) * self.search.seeds if self.search else 0
        return arms * (self.seeds + searched)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A paper's statement, and how it is tried.

    Args:
      name: what `qrkeras reproduce NAME` calls it.   says: the statement.   source: where the paper makes it.
      arms: the methods, in the order of the table.
      measures: the first is drawn over training; all of them against `against`, or by arm where they are of the end.
      orders: what must hold beyond the intervals of the seeds for the claim to hold.
      scales: "small" and "paper" -> `Scale`.
      published: arm -> the paper's value of the first measure.   protocol: how the paper takes it.
      measured: arm -> function of a run's last model and its held-out images, which gives figures by their fields
        beside those that training logs.
      against: what the picture has on its axis, if it is not steps; `at`: arm -> its value there. Arms without one are
        drawn as levels.
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
    measured: Mapping[str, Callable] = dataclasses.field(default_factory=dict)
    against: str = ""
    at: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def arms_with(self, measure):
        return measure.arms or self.arms

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
