"""The run directory: what a training run leaves on disk, and how it is found again.

config.json         preset, seed, versions
metrics.jsonl       one line for each log interval and each evaluation
samples/            pictures from fixed noise, step-*.png (and step-*.npy for points)
checkpoints/        the last two models, step-*.keras
best.keras          the model of the smallest evaluated distance to the data, where there were evaluations
evaluation.png      that distance over training
tensorboard/        the same scalars for TensorBoard
"""

import dataclasses
import json
import pathlib
import platform
import shutil
import subprocess
import tempfile

from qrkeras import __version__, durable
from qrkeras.presets import Preset, differences, from_dict, leaves, rhythm, to_dict

ROOM = 256 * 2**20
"""Bytes of free disk that a run needs."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory and what it was made from."""

    path: pathlib.Path
    name: str
    preset: Preset
    seed: int

    @property
    def metrics(self):
        return self.path / "metrics.jsonl"

    @property
    def samples(self):
        return self.path / "samples"

    @property
    def checkpoints(self):
        return self.path / "checkpoints"

    @property
    def best(self):
        return self.path / "best.keras"

    @property
    def evaluation(self):
        return self.path / "evaluation.png"

    @property
    def tensorboard(self):
        return self.path / "tensorboard"

    def records(self):
        """Lines of metrics.jsonl, in order of steps; a torn last line is left out."""
        if not self.metrics.exists():
            return []
        records = []
        for line in self.metrics.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return records

    def latest(self, step):
        """What was reported last, up to `step`: name -> `{"value", "step"}`."""
        found = {}
        for record in self.records():
            at = record.pop("step")
            if at <= step:
                found |= {name: {"value": x, "step": at} for name, x in record.items()}
        return found

    def rewind(self, step):
        """Drops what was reported after `step`, before training goes on from there."""
        kept = [record for record in self.records() if record["step"] <= step]
        durable.write(self.metrics, "".join(json.dumps(record) + "\n" for record in kept))


def create(path, name, preset, seed):
    """Opens the run directory `path` for training, and makes it where it is not there.

    Raises:
      ValueError: where it belongs to another experiment (naming the fields that differ), cannot be written,
        or has no room.
    """
    path = pathlib.Path(path)
    try:
        for folder in (path, path / "samples", path / "checkpoints"):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"run_dir must be a directory that can be written. Received: {path} ({error.strerror or error}). "
            "Name another with --run-dir."
        ) from error
    free = shutil.disk_usage(path).free
    if free < ROOM:
        raise ValueError(
            f"run_dir needs {ROOM >> 20} MiB of free disk for checkpoints. Received: {path} with {free >> 20} MiB. "
            "Free some or name another with --run-dir."
        )
    if (path / "config.json").exists():
        _check_same(load(path), name, preset, seed)
    config = {
        "name": name,
        "seed": seed,
        "preset": to_dict(preset),
        "versions": versions(),
    }
    durable.write(path / "config.json", json.dumps(config, indent=2) + "\n")
    return Run(path, name, preset, seed)


def load(path):
    """The run that `path` holds.

    Raises:
      ValueError: where it holds none.
    """
    path = pathlib.Path(path)
    try:
        config = json.loads((path / "config.json").read_text())
        return Run(path, config["name"], from_dict(config["preset"]), config["seed"])
    except FileNotFoundError as error:
        raise ValueError(
            f"RUN must be a run directory, which holds config.json. Received: {path}. `qrkeras train` makes one."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"RUN must hold a readable config.json. Received: {path} ({error})") from error


def load_all(paths):
    """The runs that `paths` hold; raises ValueError where there are none, or as `load`."""
    if not paths:
        raise ValueError("RUN must name at least one run directory: RUN [RUN ...]. Received: none")
    return [load(path) for path in paths]


def _check_same(run, name, preset, seed):
    there, now = {**leaves(run.preset), "seed": run.seed}, {**leaves(preset), "seed": seed}
    if changed := differences(there, now, rhythm(preset)):
        raise ValueError(
            f"run_dir must be new or hold the same experiment. Received: {run.path}, a run of {run.name} "
            f"({changed}). Name another with --run-dir."
        )


def versions():
    """Versions of what computes."""
    from importlib.metadata import version

    libraries = {name: version(name) for name in ("keras", "tensorflow", "numpy")}
    return {"qrkeras": __version__, "python": platform.python_version(), **libraries}


def git_revision():
    """Commit of the checkout that the package runs from, with `-dirty` where files differ from it; None elsewhere."""
    checkout = pathlib.Path(__file__).parents[1]
    if not (checkout / ".git").exists():  # an installed package may lie within somebody else's checkout
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
