"""Search spaces as frozen data: which fields of a preset are tried, and in which ranges
(AIQN, Supplement: "Hyperparameter Tuning and Evaluation").

The paper searches 500 configurations for PixelCNN and for PixelIQN, each trained for 100K steps on CIFAR-10 and scored
by FID on 2,500 samples, over optimizers, learning rates and kappa. It gives no ranges: those here are wide enough that
what it settled on lies well inside.
"""

import dataclasses
import difflib
from collections.abc import Mapping

from qrkeras import presets
from qrkeras.presets.schema import Adam, GatedPixelCnn, RmsProp, Sgd

_OPTIMIZERS = {kind.__name__: kind for kind in (RmsProp, Adam, Sgd)}
# Pairs of a share of the steps and a factor of the first rate. AIQN, Supplement: 1e-4 in the first 120K of 300K steps,
# 3e-5 in the next 60K, then 1e-5.
SCHEDULES = {"constant": (), "three-stage": ((0.4, 0.3), (0.6, 0.1))}


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
        return dataclasses.replace(with_steps(presets.get(base), budget["steps"]), **budget)

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
        data = preset.data.name
        base = presets.get(self.miniature_base if data == presets.get(self.miniature_base).data.name else self.base)
        rhythm = {field: getattr(base, field) for field in _RHYTHM}
        return dataclasses.replace(with_steps(preset, base.steps), **rhythm)


def get(name):
    """The space called `name`.

    Raises:
      ValueError: naming the nearest right one.
    """
    if name in SPACES:
        return SPACES[name]
    near = difflib.get_close_matches(str(name), SPACES, n=1, cutoff=0.4)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f"SPACE must be one of {', '.join(SPACES)}. Received: {name!r}.{hint}")


def with_steps(preset, steps):
    """`preset` of another length, its schedules of learning rates scaled with it."""
    changes = {}
    for field in dataclasses.fields(preset):
        part = getattr(preset, field.name)
        if isinstance(part, tuple(_OPTIMIZERS.values())):
            decays = tuple((max(1, round(step * steps / preset.steps)), rate) for step, rate in part.decays)
            changes[field.name] = dataclasses.replace(part, decays=decays)
    return dataclasses.replace(preset, steps=steps, **changes)


def _with(preset, field, value):
    *path, last = field.split(".")
    parts = [preset]
    for name in path:
        parts.append(getattr(parts[-1], name))
    if last == "decays":
        rate = parts[-1].learning_rate
        value = tuple((max(1, round(share * preset.steps)), factor * rate) for share, factor in SCHEDULES[value])
    elif value in _OPTIMIZERS:
        old = getattr(parts[-1], last)
        kind = _OPTIMIZERS[value]
        value = old if isinstance(old, kind) else kind(old.learning_rate)
    for part, name in zip(reversed(parts), reversed([*path, last])):
        value = dataclasses.replace(part, **{name: value})
    return value


def _value(preset, field):
    value = presets.leaves(preset)[field]
    if field.endswith(".decays"):
        return "three-stage" if value else "constant"
    return value


def _rates(field, low, high, source, when=None):
    return Parameter(f"{field}.learning_rate", LogUniform(low, high), source, when)


_RHYTHM = (
    "log_every", "sample_every", "checkpoint_every", "steps_per_execution", "evaluate_every", "evaluate_samples",
    "evaluate_references", "evaluate_measures",
)  # fmt: skip

_OPTIMIZER = (
    Parameter("optimizer", Choice(tuple(_OPTIMIZERS)), "AIQN, Supplement: RMSProp, Adam and SGD"),
    _rates(
        "optimizer",
        1e-5,
        1e-2,
        "Choice: log-uniform; the paper settled on 1e-4 and 3e-5, the offline preset has 1e-3",
        ("optimizer", ("RmsProp", "Adam")),
    ),
    _rates(
        "optimizer",
        1e-3,
        1.0,
        "Choice: log-uniform, a hundred times the others', since SGD does not divide by the gradient's size",
        ("optimizer", ("Sgd",)),
    ),
)
_DECAYS = Parameter(
    "optimizer.decays",
    Choice(tuple(SCHEDULES)),
    "AIQN, Supplement: constant, or its three stages; Choice: scaled to the trial's steps",
)
_KAPPA = Parameter(
    "kappa",
    Choice((0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)),
    "AIQN, Supplement: a range, of which 0 (the plain quantile loss) and 0.002 are named; Choice: the others",
)
_GAN = (
    Parameter(
        "loss.penalty_weight",
        LogUniform(1e-3, 10.0),
        "Choice: log-uniform around QRGAN's lambda (Table 4), 0.1 and 1",
    ),
    Parameter("loss.norm_target", Choice((0.0, 0.5, 1.0, 2.0)), "Choice: around QRGAN's k (Table 4), 0 and 1"),
    Parameter("loss.num_quantiles", Choice((8, 16, 32, 64, 128)), "Choice: around QRGAN's N (Table 4), 64"),
    _rates("generator_optimizer", 1e-5, 2e-3, "Choice: log-uniform around QRGAN's 2e-4 and 5e-5 (Table 4)"),
    _rates("discriminator_optimizer", 1e-5, 2e-3, "Choice: log-uniform around QRGAN's 2e-4 and 5e-5 (Table 4)"),
)
_PAPER = {"steps": 100_000, "evaluate_samples": 2_500}  # AIQN, Supplement
_TINY = {"network": GatedPixelCnn(blocks=1, kernel_size=3, planes=16, output_planes=32)}
_MINIATURE = {"steps": 200, "evaluate_samples": 256, "steps_per_execution": 20, "log_every": 20}  # Choice

SPACES = {
    space.name: space
    for space in (
        Space(
            "pixeliqn", "pixeliqn-cifar10", _PAPER, "pixeliqn-digits", {**_MINIATURE, **_TINY}, (*_OPTIMIZER, _KAPPA)
        ),
        Space(
            "pixelcnn", "pixelcnn-cifar10", _PAPER, "pixelcnn-digits", {**_MINIATURE, **_TINY}, (*_OPTIMIZER, _DECAYS)
        ),
        # Choice: the paper does not search, and its presets have 100,000 steps.
        Space("qrgan", "qrgan-cifar10", {"steps": 20_000, "evaluate_samples": 2_500}, "qrgan-digits", _MINIATURE, _GAN),
    )
}
