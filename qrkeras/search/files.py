"""What a sweep's processes tell each other by files, read without keras-tuner.

trial_ID/trial.json   keras-tuner's record of a trial
trial_ID/failed.txt   why a trial has failed, from whoever found out: it ends the trial, and survives every process
logs/NAME.log         standard output and error of the chief and of each worker
logs/NAME.trial       the trial that a worker began last
"""

import dataclasses
import json
import pathlib

from qrkeras.machine import durable

DEFAULT = "default"
"""The name, in place of a trial's number, of the preset itself, which is scored for comparison."""
DISK_FULL, CHIEF_LOST = 75, 76
"""Exit statuses of a sweep's processes; 75 is EX_TEMPFAIL of sysexits.h."""
ENDED = ("COMPLETED", "FAILED")


class TrialFailed(RuntimeError):
    """A trial has no score; the message says why, in one line."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """A trial that is over; `score` is None where it failed, `reason` where it did not."""

    score: float | None
    reason: str | None


class Ledger:
    """The trials of a sweep as their files tell, each read again until it is over.

    Args:
      path: directory of the sweep.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.ended = {}

    def read(self):
        """Reads what is new."""
        for folder in self.path.glob("trial_*"):
            trial_id = folder.name.removeprefix("trial_")
            if trial_id in self.ended:
                continue
            state = _json(folder / "trial.json")
            if state.get("status") in ENDED:
                self.ended[trial_id] = Ended(state.get("score"), state.get("message"))

    def is_over(self, trials):
        """Whether as many trials have ended, and the default is settled."""
        return len(self.ended) >= trials and is_settled(self.path, DEFAULT)

    @property
    def failed(self):
        return {trial_id: trial.reason for trial_id, trial in self.ended.items() if trial.score is None}

    @property
    def completed(self):
        """Number -> score, of the trials that have one."""
        return {trial_id: trial.score for trial_id, trial in self.ended.items() if trial.score is not None}


def failure(path, trial_id):
    """Why trial `trial_id` has failed, or None where nobody has said so."""
    try:
        return (pathlib.Path(path) / f"trial_{trial_id}" / "failed.txt").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def condemn(path, trial_id, reason):
    """Fails trial `trial_id`: the worker that has it, or is given it, reports this reason in place of running it."""
    folder = pathlib.Path(path) / f"trial_{trial_id}"
    folder.mkdir(exist_ok=True)
    durable.write(folder / "failed.txt", reason)


def is_settled(path, trial_id):
    """Whether a trial has an objective, or a verdict; also of the default, which keras-tuner does not know."""
    outcome = _json(pathlib.Path(path) / "runs" / trial_id / "outcome.json")
    return outcome.get("value") is not None or failure(path, trial_id) is not None


def log(path, name):
    """Where process `name` writes its standard output and error."""
    return pathlib.Path(path) / "logs" / f"{name}.log"


def note(path, name, trial_id):
    """Says that worker `name` has begun a trial."""
    file = log(path, name).with_suffix(".trial")
    file.parent.mkdir(exist_ok=True)
    file.write_text(trial_id)


def noted(path, name):
    """The trial that worker `name` began last, or None."""
    try:
        return log(path, name).with_suffix(".trial").read_text() or None
    except FileNotFoundError:
        return None


def _json(path):
    """The object that a file holds; empty where it holds none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
