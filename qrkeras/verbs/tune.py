"""`qrkeras tune`: a sweep over hyperparameters."""

import dataclasses
import pathlib
from typing import Annotated, Literal

import tyro

from qrkeras.machine.quiet import load_tensorflow
from qrkeras.verbs import tables


@dataclasses.dataclass(frozen=True)
class Search:
    """What a sweep searches, and where it lies."""

    space: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SPACE")]
    """Space that is searched, such as pixeliqn, mbgan or ade: optimizers, rates and what is the model's own."""
    trials: int = 500
    """Number of configurations; a larger one goes on with a sweep that is done."""
    directory: pathlib.Path | None = None
    """Directory of the sweep; None: sweeps/SPACE, and sweeps/SPACE-miniature for the miniature."""
    algorithm: Literal["random", "hyperband", "bayesian"] = "random"
    """Search algorithm. random: the paper's. hyperband: short trials, of which the best go on. bayesian: near what was
    good."""
    objective: Literal["fid", "kid", "nats"] | None = None
    """What is minimised: a distance between generated and training images, or of captions the nats that a word of
    held-out ones costs; None: fid, of captions nats."""
    miniature: bool = False
    """Search with small networks and few steps on digits, of captions on scenes: nothing to download, seconds a
    trial."""
    steps: int | None = None
    """Training steps of each trial; None: the space's own, 100,000 of the paper's two, or the miniature's 200."""
    samples: int | None = None
    """Generated images that a trial is scored by; None: the paper's 2,500, the miniature's 256."""
    references: int | None = None
    """Training images that a trial's generated images are compared with, at most; None: as many as the preset has."""
    features: str | None = None
    """Feature network of the score: inception (a program from TF-Hub or TFHUB_CACHE_DIR: trust who filled it),
    cifar10-cnn, digits-cnn or FILE.keras (read in Keras' safe mode); None: the preset's."""
    data_dir: pathlib.Path | None = None
    """Folder of TFDS data; None: TFDS's default."""
    seed: int = 0
    """Seed of the configurations, and of weights, noise and data order in all of them."""
    trial_timeout: float | None = None
    """Seconds after which a trial has failed, counted anew when the command is started again; None: never."""

    def open(self):
        """The `Sweep`, new or gone on with."""
        from qrkeras import presets
        from qrkeras.families import space as space_named
        from qrkeras.families.space import with_steps
        from qrkeras.search import sweep as sweeps

        space = space_named(self.space)
        preset = space.preset(self.miniature)
        if self.steps is not None:
            if self.steps < 1:
                raise ValueError(f"steps must be at least 1. Received: {self.steps}")
            preset = with_steps(preset, self.steps)
        changes = {"samples": self.samples, "references": self.references, "features": self.features}
        for name, value in changes.items():
            if value is not None:
                if f"evaluate_{name}" not in presets.leaves(preset):
                    raise ValueError(f"{name} must be left out of {self.space}, which draws none. Received: {value}")
                preset = dataclasses.replace(preset, **{f"evaluate_{name}": value})
        _check_scoring(self.samples, self.features)
        if self.data_dir is not None:
            preset = dataclasses.replace(preset, data=dataclasses.replace(preset.data, directory=str(self.data_dir)))
        directory = self.directory or pathlib.Path("sweeps") / f"{self.space}{'-miniature' if self.miniature else ''}"
        options = {
            field: getattr(self, field) for field in ("trials", "algorithm", "objective", "seed", "trial_timeout")
        }
        return sweeps.create(directory, space, preset, **options)


def _check_scoring(samples, features):
    """Raises ValueError where what is given, not None, could score no trial."""
    if samples is None and features is None:
        return
    load_tensorflow()
    from qrkeras import evaluation
    from qrkeras import features as networks

    if samples is not None:
        evaluation.check_samples(samples)
    if features is not None:
        networks.check(features)


def tune(search: Annotated[Search, tyro.conf.arg(name="")], workers: int = 2):
    """Search for hyperparameters, many trials at a time; the same command again goes on where it stopped.

    Each trial trains a preset with other values and is scored by FID, of captions by nats a word. At the end stand the
    ten best, and in the directory of the sweep results.csv, best.json for `qrkeras train`, pictures, and TensorBoard's
    HParams.

      qrkeras tune pixeliqn --miniature --trials 20      a first look: minutes on two cores
      qrkeras tune pixeliqn                              the paper's 500 configurations; wants GPUs
      qrkeras tune pixeliqn --trials 600                 a hundred more
      qrkeras train sweeps/pixeliqn/best.json            the winner, at full length

    Processes that die are started again, and their trials go on; trials that fail are recorded with their reason. Stop
    it when you like. tuning/README.md spreads it over machines.

    Args:
      workers: Trials at a time, each in a process with its share of the cores and one of the GPUs.
    """
    from qrkeras.search import launch

    if workers < 1:
        raise ValueError(f"workers must be at least 1. Received: {workers}")
    sweep = search.open()
    stopped = launch.run(sweep, workers)
    if stopped:
        return [
            f"{stopped}: what was done is saved in {sweep.path}; the same command goes on from there",
            f"`qrkeras plot {sweep.path}` shows what there is so far",
        ]
    return finish(sweep)


def finish(sweep):
    """Deletes the models that only a trial to come could have used; the lines of `report`."""
    load_tensorflow()
    from qrkeras.search import trial

    trial.tidy(sweep, finished=True)
    return report(sweep)


def report(sweep):
    """Writes a sweep's results so far; the ten best and what there is, as lines."""
    from rich.table import Table

    from qrkeras.search import results

    lines = results.write(sweep)
    ranked = sorted((row for row in results.rows(sweep) if row.value is not None), key=lambda row: row.value)
    table = Table("trial", sweep.label, *sweep.space.fields, box=None, pad_edge=False)
    for row in ranked[:10]:
        table.add_row(row.trial, f"{row.value:.5g}", *(_short(row.values.get(field)) for field in sweep.space.fields))
    there = "results.csv"
    if ranked:
        there += f", best.json, pictures; tensorboard --logdir {sweep.path}/tensorboard"
    return [*tables.lines(table), *lines, f"{sweep.path}: {there}"]


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value if value is not None else "")
