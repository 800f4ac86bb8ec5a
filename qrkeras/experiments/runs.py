"""The run directory: what a training run leaves on disk, and how it is found again.

config.json         preset, seed, versions, what tells its data from others
lock                held by the training that writes here, and names it
metrics.jsonl       one line for each log interval and each evaluation
samples/            pictures from fixed noise, step-*.png (and step-*.npy for points)
checkpoints/        the last two models, step-*.keras
best.keras          the model of the smallest evaluated distance to the data, where there were evaluations
evaluation.png      that distance over training
tensorboard/        the same scalars for TensorBoard
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

from qrkeras import __version__
from qrkeras.experiments import directories
from qrkeras.machine import durable, processes
from qrkeras.presets import Preset, differences, from_dict, leaves, rhythm, to_dict

# What lies in a run directory before its config.json does.
LEFT_BY_A_KILL = ("lock", "log.txt", "config.json.*.tmp")
ROOM = 256 * 2**20
"""Bytes of free disk that a run needs."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory and what it was made from; `data` tells that from other data, None where it cannot change or was
    not noted."""

    path: pathlib.Path
    name: str
    preset: Preset
    seed: int
    data: dict | None = dataclasses.field(default=None, repr=False, compare=False)

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

    @property
    def diverged(self):
        """What stopped being finite, where that ended the training; else None."""
        return next((record["diverged"] for record in reversed(self.records()) if "diverged" in record), None)

    def rewind(self, step):
        """Drops what was reported after `step`, before training goes on from there."""
        kept = [record for record in self.records() if record["step"] <= step]
        durable.write(self.metrics, "".join(json.dumps(record) + "\n" for record in kept))


def step_of(path):
    """The step that the name of a checkpoint, or of samples, says."""
    return int(path.stem.removeprefix("step-"))


@contextlib.contextmanager
def opened(path, name, preset, seed, data=None):
    """`create`, for one training alone.

    Raises:
      processes.Taken: where another one writes into the directory.   ValueError: as `create`.
    """
    path = pathlib.Path(path)
    check(path, preset, seed, data)
    _make(path)
    with processes.alone(path, "run_dir"):
        yield create(path, name, preset, seed, data)


def create(path, name, preset, seed, data=None):
    """Opens the run directory `path` for training, and makes it where it is not there.

    Args:
      data: what tells the data from others, as sources of `qrkeras.data` know it.
    Raises:
      ValueError: before anything is written, if it belongs to another experiment (naming the fields that differ), to
        other data (naming the files) or to something else (naming its files); or if it cannot be written or has no
        room.
    """
    path, preset = pathlib.Path(path), anchored(preset)
    check(path, preset, seed, data)
    _make(path)
    free = shutil.disk_usage(path).free
    if free < ROOM:
        raise ValueError(
            f"run_dir needs {ROOM >> 20} MiB of free disk for checkpoints. Received: {path} with {free >> 20} MiB. "
            "Free some or name another with --run-dir."
        )
    config = {
        "name": name,
        "seed": seed,
        "preset": to_dict(preset),
        "data": data,
        "versions": versions(),
    }
    durable.write(path / "config.json", json.dumps(config, indent=2) + "\n")
    return Run(path, name, preset, seed, data)


def _make(path):
    with directories.written(path, "run_dir"):
        for folder in (path, path / "samples", path / "checkpoints"):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass


def load(path):
    """The run that `path` holds.

    Raises:
      ValueError: where it holds none.
    """
    path = pathlib.Path(path)
    with directories.read(path, "RUN", "config.json", "train") as config:
        run = Run(path, config["name"], from_dict(config["preset"]), config["seed"], config.get("data"))
        for field, kind in {"name": str, "preset": Preset, "seed": int, "data": dict | None}.items():
            if not isinstance(getattr(run, field), kind):
                raise ValueError(f"{field} is {getattr(run, field)!r}")
        return run


def load_all(paths):
    """The runs that `paths` hold; raises ValueError where there are none, or as `load`."""
    if not paths:
        raise ValueError("RUN must name at least one run directory: RUN [RUN ...]. Received: none")
    return [load(path) for path in paths]


def anchored(preset):
    """`preset` with absolute places of what it reads, so that its run is understood from any directory."""
    data, start = preset.data, preset.start_from
    if _is_folder(data.name):
        kind, _, path = data.name.partition(":")
        data = dataclasses.replace(data, name=f"{kind}:{_absolute(path)}")
    if data.directory and "://" not in data.directory:
        data = dataclasses.replace(data, directory=_absolute(data.directory))
    files = {name: getattr(preset, name) for name in preset.files}
    files = {name: _absolute(path) for name, path in files.items() if path.endswith(".keras")}
    start = None if start is None else _absolute(start)
    return dataclasses.replace(preset, data=data, start_from=start, **files)


def may_move(one, other):
    """Fields in which two presets may differ although their data are the same: where that lies."""
    return {"data.directory"} | ({"data.name"} if _is_folder(one.data.name) and _is_folder(other.data.name) else set())


def check(path, preset, seed, data=None):
    """Raises ValueError unless `path` is a new or empty directory, or holds a run of the same experiment and data."""
    path = pathlib.Path(path)
    directories.check_place(path, "run_dir", "config.json", LEFT_BY_A_KILL)
    if not (path / "config.json").exists():
        return
    try:
        run = load(path)
    except ValueError as error:
        raise ValueError(
            f"run_dir must be new, empty or a run's. Received: {path}, which holds {directories.listed(path)} "
            f"({error}). Put back its config.json, or name another with --run-dir."
        ) from error
    preset, may_change = anchored(preset), rhythm(preset)
    if run.data and data:
        may_change |= may_move(run.preset, preset)
    there, now = {**leaves(anchored(run.preset)), "seed": run.seed}, {**leaves(preset), "seed": seed}
    received = f"{run.path}, a run of {run.name}"
    directories.check_same(there, now, may_change, "run_dir", "experiment", received)
    check_data(run, data, "run_dir")


def check_data(run, data, argument):
    """Raises ValueError where the data of a run are known, and others than `data`."""
    if run.data is None or data is None or run.data == data:
        return
    there, now = ({key: value for key, value in each.items() if key != "each"} for each in (run.data, data))
    old, new = run.data.get("each", {}), data.get("each", {})
    files = [
        f"{name} {'changed' if name in old and name in new else 'gone' if name in old else 'new'}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and old and new
    ]
    raise ValueError(
        f"{argument} must hold a run of the same data. Received: {run.path}, whose data have changed: "
        f"{'; '.join([directories.few(files)] * bool(files) + [differences(there, now)])}. Put the data back as "
        "they were, or name another directory."
    )


def same_data(one, other):
    """Whether two runs learned from the same data, wherever it lies."""
    data = [dataclasses.replace(run.preset.data, directory=None) for run in (one, other)]
    if one.data and other.data:
        data = [dataclasses.replace(each, name="") if _is_folder(each.name) else each for each in data]
        return data[0] == data[1] and one.data == other.data
    return data[0] == data[1]


def _is_folder(name):
    kind, _, path = name.partition(":")
    return kind in ("folder", "captions") and bool(path)


def _absolute(path):
    return str(pathlib.Path(os.path.expanduser(path)).absolute())


def versions():
    """Versions of what computes."""
    from importlib.metadata import version

    libraries = {name: version(name) for name in ("keras", "tensorflow", "numpy")}
    return {"qrkeras": __version__, "python": platform.python_version(), **libraries}


def agreed_versions():
    """Those that must be the same on machines that compute together."""
    return {library: version for library, version in versions().items() if library != "python"}


def git_revision():
    """Commit of the checkout that the package runs from, with `-dirty` where files differ from it; None elsewhere."""
    checkout = pathlib.Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # an installed package may lie within somebody else's checkout
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
