"""Many trainings, each in a process of its own; those that are done are not trained again."""

import dataclasses
import pathlib
import sys
import time

from qrkeras.experiments import directories, runs
from qrkeras.machine import processes
from qrkeras.presets import Preset, differences, leaves, rhythm

POLL = 0.1
LOOK = 1.0  # between two looks at what runs have reported, in seconds


@dataclasses.dataclass(frozen=True)
class Job:
    """`qrkeras train PRESET --seed SEED --run-dir PATH OPTIONS`, to so many steps.

    `done` says that it is; `may_diverge`, of which preset a run whose loss stops being finite ends alone.
    """

    preset: str
    seed: int
    path: pathlib.Path
    steps: int
    options: tuple[str, ...] = ()
    done: bool = False
    may_diverge: Preset | None = None


def check_places(paths, runs_dir):
    """Raises ValueError where `runs_dir` is no folder for runs, or somebody else's files lie where one would."""
    directories.check_parent(runs_dir, "runs_dir")
    for path in paths:
        directories.check_place(path, "runs_dir/PRESET-SEED", "config.json", runs.LEFT_BY_A_KILL)


def run_of(path, preset):
    """The run at `path`, if there is one of `preset`, whatever it may change when it goes on; else None."""
    try:
        run = runs.load(path)
    except ValueError:
        return None
    return None if differences(leaves(run.preset), leaves(preset), rhythm(preset)) else run


def train_all(jobs, workers, verbose=1):
    """Trains what is not done, `workers` at a time, each in a process of one thread; interrupted ones go on.

    All processes end with this one: where it is told to stop, or one of them fails, the others save first.

    Raises:
      ValueError: where there is no worker.
      RuntimeError: where a training process fails, with its last words; not where a job that may diverge does.
      KeyboardInterrupt: where SIGTERM or SIGINT told it to stop; the same call goes on.
    """
    from rich import progress

    if workers < 1:
        raise ValueError(f"workers must be at least 1. Received: {workers}")
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn(),
               progress.TimeElapsedColumn(), progress.TimeRemainingColumn())  # fmt: skip
    waiting, running, looked = [job for job in jobs if not job.done], [], 0.0
    with processes.signals() as signals, progress.Progress(*columns, disable=not verbose) as bar:
        task = bar.add_task("", total=sum(job.steps for job in jobs))
        try:
            while (waiting or running) and not signals:
                while waiting and len(running) < workers:
                    running.append(_Training(waiting.pop(0)))
                running = [training for training in running if not training.is_done()]
                if time.monotonic() >= looked + LOOK or not running:
                    looked = time.monotonic()
                    steps = sum(min(_step(job.path), job.steps) for job in jobs)
                    done = len(jobs) - len(waiting) - len(running)
                    bar.update(task, completed=steps, description=f"{done} of {len(jobs)} runs, {workers} at a time")
                if running:
                    time.sleep(POLL)
        finally:
            processes.end([training.process for training in running], signals)
    if signals:
        raise KeyboardInterrupt(f"stopped by {signals[0]}; the same command goes on from what is saved")


class _Training:
    """The process of a job, whose words are added to its log."""

    def __init__(self, job):
        self.job, self._log = job, job.path / "log.txt"
        job.path.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "qrkeras", "--launched", "train", job.preset, "--seed", str(job.seed)]
        command += ["--run-dir", str(job.path), *job.options]
        with open(self._log, "a") as log:  # whoever trains there already writes it, too
            self._begin = log.tell()
            self.process = processes.child(command, log, processes.share(threads=1))

    def is_done(self):
        """Whether it has ended; raises RuntimeError where it failed."""
        status = self.process.poll()
        if status is None:
            return False
        if status and not self._diverged():
            said = self._log.read_bytes()[self._begin :].decode(errors="replace").splitlines()[-3:]
            raise RuntimeError(
                f"training {self.job.preset} with seed {self.job.seed} ended with {status}: {' '.join(said)}"
            )
        self.process.stdin.close()
        return True

    def _diverged(self):
        """Whether it failed as the job may. What another preset left in its place is no excuse."""
        preset = self.job.may_diverge
        run = None if preset is None else run_of(self.job.path, preset)
        return run is not None and run.diverged is not None


def _step(path):
    """Steps that a run has reported, which may be in the middle of writing."""
    try:
        return runs.load(path).records()[-1]["step"]
    except (ValueError, IndexError):
        return 0
