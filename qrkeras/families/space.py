"""Search spaces as frozen data: which fields of a preset are tried, and in which ranges."""

import dataclasses
from collections.abc import Mapping

from qrkeras.families.parts import leaves, named, replaced, rhythm

# Pairs of a share of the steps and a factor of the first rate. AIQN, Supplement: 1e-4 in the first 120K of 300K steps,
# 3e-5 in the next 60K, then 1e-5.
SCHEDULES = {"constant": (), "three-stage": ((0.4, 0.3), (0.6, 0.1))}
# Choice: the budget of a trial that takes seconds.
MINIATURE = {"steps": 200, "evaluate_samples": 256, "steps_per_execution": 20, "log_every": 20}


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of `values`, each as likely."""

    values: tuple

    def __contains__(self, value):
        return value in self.values


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Numbers from `low` to `high`."""

    low: float
    high: float
    log = False
    values = ()  # no choice of some

    def __contains__(self, value):
        return isinstance(value, float | int) and self.low <= value <= self.high


@dataclasses.dataclass(frozen=True)
class LogUniform(Uniform):
    """Numbers from `low` to `high` whose logarithm is uniform."""

    log = True


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What is tried for one field of a preset.

    `field` is its dotted name; for an optimizer, the value is its class's name, and for `decays` one of SCHEDULES.
    `when` is a field and those of its values for which this range holds; None: for all.
    """

    field: str
    range: Choice | Uniform
    source: str
    when: tuple[str, tuple] | None = None

    def holds(self, values):
        """Whether this range is the one that the other `values` call for."""
        return self.when is None or values.get(self.when[0]) in self.when[1]


@dataclasses.dataclass(frozen=True)
class Space:
    """Presets that a sweep chooses from.

    Args:
      base: name of the preset that trials begin from.   budget: fields in which a trial is shorter.
      miniature_base, miniature_budget: the same for the miniature, which needs no download and takes seconds a trial.
      parameters: of each field, ranges that never hold together; an optimizer before its rate, that before its decays.
    """

    name: str
    base: str
    budget: Mapping[str, object]
    miniature_base: str
    miniature_budget: Mapping[str, object]
    parameters: tuple[Parameter, ...]

    def preset(self, miniature=False):
        """The base preset at the budget of a trial."""
        base, budget = (self.base, self.budget) if not miniature else (self.miniature_base, self.miniature_budget)
        return dataclasses.replace(with_steps(_preset(base), budget["steps"]), **budget)

    @property
    def fields(self):
        """Dotted names of what is tried, each once."""
        return tuple(dict.fromkeys(parameter.field for parameter in self.parameters))

    def apply(self, preset, values):
        """`preset` with `values`: dotted field -> value, such as `{"optimizer": "Sgd", "kappa": 0.002}`.

        Raises:
          ValueError: where a field is not of this space, or a value is out of its range.
        """
        for field in values:
            if field not in self.fields:
                raise ValueError(f"values must be of {', '.join(self.fields)} in {self.name}. Received: {field!r}")
        for parameter in self.parameters:
            if parameter.field in values and parameter.holds(values):
                value = values[parameter.field]
                if value not in parameter.range:
                    raise ValueError(
                        f"{parameter.field} must be of {parameter.range} in {self.name}. Received: {value!r}"
                    )
                preset = _with(preset, parameter.field, value)
        return preset

    def values_of(self, preset):
        """The values of this space's fields in `preset`, in the form that `apply` takes."""
        return {field: _value(preset, field) for field in self.fields}

    def full_length(self, preset):
        """A trial's preset at the length that it was shortened from: that of the base which has its data."""
        miniature = _preset(self.miniature_base)
        base = miniature if preset.data.name == miniature.data.name else _preset(self.base)
        of_the_sweep = {"data.directory", "evaluate_features"}
        changes = {field: getattr(base, field) for field in rhythm(base) - of_the_sweep}
        return dataclasses.replace(with_steps(preset, base.steps), **changes)


def _preset(name):
    from qrkeras.families import get  # which imports the spaces

    return get(name)


def with_steps(preset, steps):
    """`preset` of another length, its schedules of learning rates scaled with it."""
    for field, decays in leaves(preset).items():
        if field.endswith(".decays"):
            scaled = tuple((max(1, round(step * steps / preset.steps)), rate) for step, rate in decays)
            preset = replaced(preset, field, scaled)
    return dataclasses.replace(preset, steps=steps)


def rates(field, low, high, source, when=None):
    """The step size of the optimizer `field`, log-uniform."""
    return Parameter(f"{field}.learning_rate", LogUniform(low, high), source, when)


def _with(preset, field, value):
    known, (part, _, last) = leaves(preset), field.rpartition(".")
    if last == "decays":
        rate = known[f"{part}.learning_rate"]
        value = tuple((max(1, round(share * preset.steps)), factor * rate) for share, factor in SCHEDULES[value])
    elif f"{field}.learning_rate" in known and known[field] == value:
        return preset  # the same optimizer
    elif f"{field}.learning_rate" in known:
        value = named(value)(known[f"{field}.learning_rate"])
    return replaced(preset, field, value)


def _value(preset, field):
    value = leaves(preset)[field]
    if field.endswith(".decays"):
        return "three-stage" if value else "constant"
    return value
