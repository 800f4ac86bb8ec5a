"""One process of a sweep, chief or worker: `python -m qrkeras.search.worker SWEEP`.

Which one it is, and where the chief listens, is told as keras-tuner wants it told, by environment variables:
KERASTUNER_TUNER_ID ("chief", or a worker's own name, under which it is started again), KERASTUNER_ORACLE_IP and
KERASTUNER_ORACLE_PORT. A worker does not outlive its chief: whoever starts processes again may start both.
"""

import argparse
import contextlib
import errno
import math
import os
import pathlib
import shutil
import sys
import threading
import time

import grpc
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.src import protos

from qrkeras.experiments import runs
from qrkeras.machine import processes
from qrkeras.search import files, oracles
from qrkeras.search import sweep as sweeps
from qrkeras.search.hypermodel import PresetHyperModel

FIRST = "worker-0"
"""The worker that first scores the preset itself."""
TRIALS_A_PROCESS = 50
"""Trials after which a worker begins anew in its place: TensorFlow keeps the graph of every training step that it has
traced, since reducing gradients registers a gradient of its own for each, and nothing takes that back."""


class SweepTuner(BaseTuner):
    """Chief or worker of a sweep.

    Args:
      sweep: `Sweep`.   objective: `trial.run_trial`, or what stands in for it.
      prepare: what the first worker calls with the sweep before its first trial.
    """

    def __init__(self, sweep, objective=None, prepare=None):
        self.sweep = sweep
        self.objective = objective
        self.prepare = prepare
        path = pathlib.Path(sweep.path).resolve()
        hypermodel = PresetHyperModel(sweep.space, sweep.preset)
        super().__init__(oracles.build(sweep), hypermodel, directory=path.parent, project_name=path.name)
        if not self._is_worker():
            self.oracle.reload()

    def save(self):
        """A tuner has no state beside its oracle's."""
        if not self._is_worker():
            self.oracle.save()

    def search(self):
        """As chief, answers the workers until they are done; as worker, runs trials until there are none."""
        if not self._is_worker():
            ledger = files.Ledger(self.sweep.path)
            ledger.read()
            if ledger.is_over(self.sweep.trials):
                return None
            if not files.is_settled(self.sweep.path, files.DEFAULT):
                self.oracle.tuner_ids.add(FIRST)  # waited for, whatever the others do
            return super().search()
        self.oracle.get_space()  # waits for the chief
        over = threading.Event()
        threading.Thread(target=_live_with_chief, args=(self.oracle.stub, over), daemon=True).start()
        if self.tuner_id == FIRST:
            if self.prepare:
                self.prepare(self.sweep)
            if not files.is_settled(self.sweep.path, files.DEFAULT):
                self._value(files.DEFAULT, None)
        ended = 0
        while (trial := self.oracle.create_trial(self.tuner_id)).status != "STOPPED":
            if trial.status == "IDLE":  # others must end first
                time.sleep(1)
                continue
            trial.status = "FAILED"
            if (metrics := self.run_trial(trial)) is not None:
                self.oracle.update_trial(trial.trial_id, metrics)
                trial.status = "COMPLETED"
            self.oracle.end_trial(trial)
            ended += 1
            if ended == TRIALS_A_PROCESS:
                sys.stderr.flush()
                os.execv(sys.executable, sys.orig_argv)
        over.set()

    def run_trial(self, trial):
        """`{name of the objective: value}`, or None where the trial has failed."""
        value = self._value(trial.trial_id, trial.hyperparameters.values)
        return None if value is None else {self.sweep.objective: value}

    def _value(self, trial_id, values):
        if files.failure(self.sweep.path, trial_id) is not None:
            return None
        print(f"trial {trial_id}: {values or 'the preset itself'}", file=sys.stderr, flush=True)
        files.note(self.sweep.path, self.tuner_id, trial_id)
        try:
            value = self.objective(self.sweep, trial_id, values)
            if not math.isfinite(value):
                raise files.TrialFailed(f"{self.sweep.objective} is {value}")
        except files.TrialFailed as error:
            if shutil.disk_usage(self.sweep.path).free < runs.ROOM:  # no fault of the trial's
                raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {error}") from error
            files.condemn(self.sweep.path, trial_id, str(error))
            return None
        return value


def _live_with_chief(stub, over):
    """Asks for the chief every second until the search is over, and ends the process where there is none any more."""
    while not over.wait(1):
        try:
            stub.GetSpace(protos.get_service().GetSpaceRequest(), timeout=60)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE and not over.is_set():
                print("the chief is gone", file=sys.stderr, flush=True)
                os._exit(files.CHIEF_LOST)


def serve(sweep, objective=None, prepare=None):
    """Is chief or worker of `sweep` until it is over.

    Args: as `SweepTuner`'s; without an objective, trains and scores.
    """
    if objective is None:
        from qrkeras.search.trial import prepare
        from qrkeras.search.trial import run_trial as objective
    try:
        # keras-tuner prints what it sends, and it sends a lot.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            SweepTuner(sweep, objective, prepare).search()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(error.strerror, file=sys.stderr, flush=True)
        raise SystemExit(files.DISK_FULL) from error


def main(objective=None, prepare=None):
    """Args: as `serve`'s."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=pathlib.Path, metavar="SWEEP", help="directory that `qrkeras tune` made")
    parser.add_argument("--launched", action="store_true", help="end where standard input ends")
    given = parser.parse_args()
    if given.launched:
        processes.live_with_parent()
    serve(sweeps.load(given.sweep), objective, prepare)


if __name__ == "__main__":
    main()
