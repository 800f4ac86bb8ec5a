"""One trial: train the preset that the values stand for, score it, say what came out."""

import contextlib
import dataclasses
import gc
import json
import math
import shutil
import time

import keras
import tensorflow as tf

from qrkeras import callbacks
from qrkeras.experiments import build, runs
from qrkeras.experiments.train import TrainingFailed, train
from qrkeras.machine import durable, processes
from qrkeras.search import files
from qrkeras.search.files import DEFAULT, TrialFailed
from qrkeras.search.sweep import HYPERBAND_EPOCHS

_PARENT, _EPOCHS = "tuner/trial_id", "tuner/epochs"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a trial, as `runs/ID/outcome.json` holds it.

    `value` of the objective after `steps`, or None and the `reason`; `seconds` that building, training and scoring
    took, without those before it was last interrupted.
    """

    values: dict
    steps: int
    value: float | None
    seconds: float
    reason: str | None = None


def run_trial(sweep, trial_id, values):
    """Trains and scores one trial in `runs/ID`; the same call again goes on where it stopped, or knows the score.

    A directory of other values is wiped. A Hyperband trial that goes on from another begins with a copy of its run;
    where that has no checkpoint any more it begins at step 0, with the same result, as all noise follows from the seed.

    Args:
      sweep: `Sweep`.   trial_id: str.
      values: dotted field -> value, with those that keras-tuner adds for itself; None: the preset's own, for
        comparison, in the trial "default".
    Returns: the objective, to be minimised.
    Raises:
      processes.Taken: where another process trains it.
      TrialFailed: where training diverges or cannot go on, or the objective is not finite.
      KeyboardInterrupt: where training was told to stop; its last step is saved.
    """
    values = values or {}
    directory = sweep.runs / trial_id
    try:
        preset = _preset(sweep, values)
        known = outcome(directory)
        same = _holds(directory, preset, sweep.seed)
        if same and known and known.value is not None and known.steps == preset.steps:
            return known.value
        if not same:
            if directory.exists():
                with processes.alone(directory, "run_dir"):
                    shutil.rmtree(directory, ignore_errors=True)
            _go_on_from_parent(sweep, directory, preset, values)
    except processes.Taken:
        raise  # whoever trains it is not done: no fault of the trial's
    except (ValueError, OSError) as error:
        raise TrialFailed(_line(error)) from error
    _forget_models()
    start = time.perf_counter()
    try:
        run = train(f"{sweep.space.name}-{trial_id}", preset, sweep.seed, directory, verbose=0)
        value = _objective(sweep, run)
    except processes.Taken:
        raise
    except (TrainingFailed, FloatingPointError, ValueError, RuntimeError, OSError, MemoryError) as error:
        reason = _line(error)
        if isinstance(error, FloatingPointError) or isinstance(error.__cause__, FloatingPointError | tf.errors.OpError):
            _record(directory, Outcome(values, preset.steps, None, time.perf_counter() - start, reason))
            tidy(sweep)
        raise TrialFailed(reason) from error  # what else fails, such as the disk, may mend: its checkpoints stay
    _record(directory, Outcome(values, preset.steps, value, time.perf_counter() - start))
    tidy(sweep)
    return value


def prepare(sweep):
    """Fetches the data and measures the real images, once for all workers.

    Raises:
      ValueError: where they are not to be had, or have changed since the sweep began, which would fail every trial.
    """
    source = build.dataset(sweep.preset)
    if (sweep.runs / DEFAULT / "config.json").exists():
        runs.check_data(runs.load(sweep.runs / DEFAULT), source.fingerprint(), "directory")
    if sweep.preset.scored_once().evaluate_every:
        build.evaluator(sweep.preset, source, verbose=0)


def outcome(directory):
    """The `Outcome` in a run directory, or None where there is none that can be read."""
    try:
        return Outcome(**json.loads((directory / "outcome.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def tidy(sweep, finished=False):
    """Deletes the models of trials that are done, but for those of the best one so far.

    A Hyperband trial that is shorter than the budget keeps its models until one that goes on from it is done, or the
    sweep is `finished`. Several workers may tidy at once: what is not the best now will not be the best later.
    """
    found = {directory: outcome(directory) for directory in sweep.runs.glob("*")}
    done = {directory: each for directory, each in found.items() if each is not None}
    scored = [directory for directory, each in done.items() if each.value is not None and directory.name != DEFAULT]
    best = min(scored, key=lambda directory: (done[directory].value, directory.name), default=None)
    gone_on_from = {each.values.get(_PARENT) for each in done.values()}
    for directory in found:
        if directory not in done and files.failure(sweep.path, directory.name) is not None:
            _delete_models(directory)  # the launcher has failed it
    for directory, each in done.items():
        waiting = _EPOCHS in each.values and each.steps < sweep.preset.steps and each.value is not None
        if directory == best or (waiting and not finished and directory.name not in gone_on_from):
            continue
        _delete_models(directory)


def _delete_models(directory):
    for model in (*callbacks.checkpoints(directory / "checkpoints"), directory / "best.keras"):
        with contextlib.suppress(OSError):
            model.unlink(missing_ok=True)


def _preset(sweep, values):
    """The preset of a trial, scored once, at its end."""
    chosen = {field: value for field, value in values.items() if not field.startswith("tuner/")}
    steps = sweep.preset.steps
    if _EPOCHS in values:
        steps = max(1, round(steps * values[_EPOCHS] / HYPERBAND_EPOCHS))
    preset = dataclasses.replace(
        sweep.space.apply(sweep.preset, chosen),  # schedules are of the whole budget
        steps=steps,
        checkpoint_every=min(sweep.preset.checkpoint_every, steps),  # before it is scored
    )
    return runs.anchored(preset.scored_once())


def _holds(directory, preset, seed):
    """Whether `directory` holds a run of `preset`, of whatever length."""
    try:
        run = runs.load(directory)
    except ValueError:
        return False
    length = {
        field: getattr(preset, field) for field in ("steps", "checkpoint_every", "evaluate_every", "sample_every")
    }
    if run.data and runs.may_move(run.preset, preset):  # training asks whether they are the same images
        length["data"] = preset.data
    return run.seed == seed and runs.anchored(dataclasses.replace(run.preset, **length)) == preset


def _go_on_from_parent(sweep, directory, preset, values):
    parent = sweep.runs / str(values.get(_PARENT))
    if _PARENT not in values or not _holds(parent, preset, sweep.seed):
        return
    copied = directory.with_name(directory.name + ".tmp")
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(parent, copied, ignore=shutil.ignore_patterns("outcome.json", "best.keras", "lock"))
    copied.rename(directory)


def _objective(sweep, run):
    last = [record for record in run.records() if record["step"] == run.preset.steps and sweep.label in record]
    if not last:
        raise KeyboardInterrupt(f"{run.path}: training was told to stop; the same call goes on from its last step")
    value = last[-1][sweep.label]
    if value is None or not math.isfinite(value):
        raise FloatingPointError(f"{sweep.label} is not finite")
    return value


def _record(directory, result):
    with contextlib.suppress(OSError):  # a full disk: who asked for the trial is told all the same
        durable.write(directory / "outcome.json", json.dumps(dataclasses.asdict(result), indent=2) + "\n")


def _forget_models():
    """Models and graphs of the trial before: one worker runs hundreds."""
    keras.backend.clear_session(free_memory=False)
    gc.collect()


def _line(error):
    return " ".join(str(error).split()) or type(error).__name__
