"""Many trainings, each in a process of its own; those that are done are not trained again."""

import concurrent.futures
import dataclasses
import os
import pathlib
import subprocess
import sys

from qrkeras.experiments import directories, runs
from qrkeras.machine import processes
from qrkeras.presets import differences, leaves, rhythm


@dataclasses.dataclass(frozen=True)
class Job:
    """`qrkeras train PRESET --seed SEED --run-dir PATH OPTIONS`, to so many steps.

    `done` says that it is; `may_diverge`, that a loss which stops being finite ends this training alone.
    """

    preset: str
    seed: int
    path: pathlib.Path
    steps: int
    options: tuple[str, ...] = ()
    done: bool = False
    may_diverge: bool = False


def check_places(paths, runs_dir):
    """Raises ValueError where `runs_dir` is no folder for runs, or somebody else's files lie where one would."""
    directories.check_parent(runs_dir, "runs_dir")
    for path in paths:
        directories.check_place(path, "runs_dir/PRESET-SEED", "config.json")


def run_of(path, preset):
    """The run at `path`, if there is one of `preset`, whatever it may change when it goes on; else None."""
    try:
        run = runs.load(path)
    except ValueError:
        return None
    return None if differences(leaves(run.preset), leaves(preset), rhythm(preset)) else run


def diverged(path):
    """What stopped being finite in the run at `path`; None where it is none, or goes on."""
    try:
        return runs.load(path).diverged
    except ValueError:
        return None


def train_all(jobs, workers, verbose=1):
    """Trains what is not done, `workers` at a time, each in a process of one thread; interrupted ones go on.

    Raises:
      ValueError: where there is no worker.
      RuntimeError: where a training process fails, with its last words; not where a job that may diverge does.
    """
    from rich import progress

    if workers < 1:
        raise ValueError(f"workers must be at least 1. Received: {workers}")
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn(),
               progress.TimeElapsedColumn(), progress.TimeRemainingColumn())  # fmt: skip
    with progress.Progress(*columns, disable=not verbose) as bar:
        task = bar.add_task("", total=sum(job.steps for job in jobs))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            running = [pool.submit(_train, job) for job in jobs]
            try:
                while running:
                    done, left = concurrent.futures.wait(running, timeout=1, return_when="FIRST_EXCEPTION")
                    for future in done:
                        future.result()
                    running = list(left)
                    steps = sum(min(_step(job.path), job.steps) for job in jobs)
                    description = f"{len(jobs) - len(running)} of {len(jobs)} runs, {workers} at a time"
                    bar.update(task, completed=steps, description=description)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _train(job):
    if job.done:
        return
    job.path.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "qrkeras", "train", job.preset, "--seed", str(job.seed)]
    command += ["--run-dir", str(job.path), *job.options]
    with open(job.path / "log.txt", "a") as log:  # whoever trains there already writes it, too
        begin = log.tell()
        environment = {**os.environ, **processes.share(threads=1)}
        ended = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    if ended.returncode and not (job.may_diverge and diverged(job.path)):
        said = (job.path / "log.txt").read_bytes()[begin:].decode(errors="replace").splitlines()[-3:]
        raise RuntimeError(
            f"training {job.preset} with seed {job.seed} ended with {ended.returncode}: {' '.join(said)}"
        )


def _step(path):
    """Steps that a run has reported, which may be in the middle of writing."""
    try:
        return runs.load(path).records()[-1]["step"]
    except (ValueError, IndexError):
        return 0
