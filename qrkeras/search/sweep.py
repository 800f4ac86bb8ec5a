"""A sweep: many trials over one space, in one directory that can be gone on with.

sweep.json      what it is
oracle.json     what was asked for and answered, trial_ID/trial.json of each trial: keras-tuner's
runs/ID/        the training run of each trial, and outcome.json; runs/default, that of the preset's own values
results.csv     one row for each trial; best.json, the winner as a preset; pictures; tensorboard/
"""

import dataclasses
import json
import pathlib
from typing import Literal

from qrkeras import families, presets
from qrkeras.experiments import directories, runs
from qrkeras.families.parts import name_of
from qrkeras.families.space import Space
from qrkeras.machine import durable, processes

# A Hyperband sweep counts its budget in so many parts, the least that a trial gets: three cuts to a third.
HYPERBAND_EPOCHS = 27
ALGORITHMS = ("random", "hyperband", "bayesian")
_MAY_CHANGE = {"trials", "trial_timeout"}
# What lies in a sweep's directory before its sweep.json does, of this process or of another one that opens it.
_ON_ITS_WAY = ("lock", "sweep.json.*.tmp")


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What a sweep tries, and how.

    All trials share `seed`: for weights, order of the data and noise, so that they differ by their values alone
    (Choice). It is also the search algorithm's.

    Args:
      path: its directory.   space: `Space`.   preset: what trials begin from, at the budget of one.
      trials: how many.   algorithm: of the search.
      objective: what is minimised, of `preset.scores`: "fid", the Frechet distance to the training data (the paper's),
        or "kid"; of captions "nats", what held-out ones cost.
      trial_timeout: seconds after which a trial has failed, or None.
    """

    path: pathlib.Path
    space: Space
    preset: presets.Preset
    trials: int = 500
    algorithm: Literal["random", "hyperband", "bayesian"] = "random"
    objective: Literal["fid", "kid", "nats"] = "fid"
    seed: int = 0
    trial_timeout: float | None = None

    @property
    def runs(self):
        """Folder of the training runs."""
        return self.path / "runs"

    @property
    def label(self):
        """Name of the objective as records and figures carry it, with its feature network."""
        return self.preset.scores[self.objective]


def create(path, space, preset=None, **options):
    """Opens the directory `path` for a sweep, and makes it where it is not there.

    Args:
      space: `Space` of `SPACES`, or its name.   preset: None: the space's own, at the paper's budget.
      **options: `trials`, `algorithm`, `objective`, `seed`, `trial_timeout` of `Sweep`; without an objective the first
        of the preset's `scores`.
    Returns: `Sweep`.
    Raises:
      ValueError: where a value is out of its range, or the directory cannot be written, or belongs to something else,
        to another sweep that has begun (naming the fields that differ; `trials`, `trial_timeout` and the place of the
        data may change) or to one that runs.
    """
    space = families.space(getattr(space, "name", space))
    preset = runs.anchored(preset or space.preset())
    options = {**options, "objective": options.get("objective") or next(iter(preset.scores))}
    sweep = Sweep(pathlib.Path(path), space, preset, **options)
    _check(sweep)
    directories.check_place(sweep.path, "directory", "sweep.json", _ON_ITS_WAY)
    file, content = sweep.path / "sweep.json", json.dumps(_to_dict(sweep), indent=2) + "\n"
    begun = [*sweep.path.glob("trial_*"), *sweep.runs.glob("*")]
    if file.exists() and begun:
        _check_same(load(path), sweep)
    with directories.written(path, "directory"):
        sweep.runs.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            durable.write(file, content)
        elif file.read_text() != content:
            with processes.alone(sweep.path, "directory"):
                durable.write(file, content)
    return sweep


def load(path):
    """The sweep that `path` holds.

    Raises:
      ValueError: where it holds none that can be read.
    """
    path = pathlib.Path(path)
    with directories.read(path, "SWEEP", "sweep.json", "tune") as known:
        space, preset = families.space(known.pop("space")), presets.from_file(known)
        return Sweep(path, space, preset, **{k: v for k, v in known.items() if k not in ("preset", "sources")})


def _to_dict(sweep):
    fields = {field.name: getattr(sweep, field.name) for field in dataclasses.fields(sweep) if field.name != "path"}
    preset = sweep.preset
    return {**fields, "space": sweep.space.name, "preset": presets.to_dict(preset), "sources": dict(preset.sources)}


def _check(sweep):
    presets.check(sweep.preset)
    if sweep.seed < 0:
        raise ValueError(f"seed must be at least 0. Received: {sweep.seed}")
    if sweep.trials < 1:
        raise ValueError(f"trials must be at least 1. Received: {sweep.trials}")
    for field, known in (("algorithm", ALGORITHMS), ("objective", sweep.preset.scores)):
        if getattr(sweep, field) not in known:
            raise ValueError(f"{field} must be one of {', '.join(known)}. Received: {getattr(sweep, field)!r}")
    if sweep.trial_timeout is not None and not sweep.trial_timeout > 0:
        raise ValueError(f"trial_timeout must be seconds above 0, or None. Received: {sweep.trial_timeout}")
    if sweep.algorithm == "hyperband" and sweep.preset.steps < HYPERBAND_EPOCHS:
        raise ValueError(
            f"steps must be at least {HYPERBAND_EPOCHS} for Hyperband, which begins with that part of them. Received: "
            f"{sweep.preset.steps}"
        )
    known = presets.leaves(sweep.preset)
    missing = [field for field in sweep.space.fields if field not in known]
    if missing:
        raise ValueError(
            f"preset must have what {sweep.space.name} searches. Received: {name_of(sweep.preset)} without "
            f"{', '.join(missing)}. Begin from {sweep.space.base}."
        )


def _check_same(old, new):
    def fields(sweep):
        known = _to_dict(sweep)
        preset = runs.anchored(sweep.preset)
        return {**{k: v for k, v in known.items() if k not in ("preset", "sources")}, **presets.leaves(preset)}

    may_change = _MAY_CHANGE | runs.may_move(old.preset, new.preset)
    received = f"{old.path}, a sweep of {old.space.name}"
    directories.check_same(fields(old), fields(new), may_change, "directory", "sweep", received)
