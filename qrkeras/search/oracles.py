"""keras-tuner's oracles, made to outlive what happens to them.

keras-tuner keeps part of an oracle's state in oracle.json, part in the trials' files, and writes neither whole. Here
the trials' files are the whole state, and every file is there whole or not at all. oracle.json is written and never
read: what is over, what was cut short and is handed out first, and how far the search is, the trials' files say.

Trial n of a random search is a function of (seed, n) and of the trials before it. So trials have their number as ID, a
trial whose file is lost is drawn anew with the same values, and a longer sweep begins with the trials of a shorter one.

The wire between chief and workers has no room for the reason of a failure: it comes in a file (`files.condemn`).
"""

import errno
import hashlib
import json
import os
import pathlib
import shutil
import sys

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from qrkeras.machine import durable
from qrkeras.search import files
from qrkeras.search.sweep import HYPERBAND_EPOCHS


def build(sweep):
    """The oracle of `sweep`, before it has read what its directory holds."""
    kind = {"random": Random, "hyperband": Hyperband, "bayesian": Bayesian}[sweep.algorithm]
    budget = {"max_epochs": HYPERBAND_EPOCHS, "factor": 3, "hyperband_iterations": None} if kind is Hyperband else {}
    oracle = kind(
        objective=keras_tuner.Objective(sweep.objective, "min"),
        seed=sweep.seed + 1,  # keras-tuner takes 0 for none, and draws one
        max_consecutive_failed_trials=sys.maxsize,
        **budget,
    )
    oracle.max_trials = sweep.trials
    oracle.verbose = 0
    return oracle


class Durable(keras_tuner.Oracle):
    """What the three oracles have in common."""

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        """The trial that `tuner_id` has, else one that was cut short, else a new one; STOPPED where there is none."""
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        self.tuner_ids.add(tuner_id)
        trial = self.trials[self._retry_queue.pop()] if self._retry_queue else self._new_trial()
        if trial.status == "RUNNING":
            self.ongoing_trials[tuner_id] = trial
            self.save()
        elif trial.status == "STOPPED":
            self.tuner_ids.remove(tuner_id)
        return trial

    def _new_trial(self):
        number = self._next_number()
        hyperparameters = self.hyperparameters.copy()
        if len(self.trials) >= self.max_trials:
            return Trial(hyperparameters, status="STOPPED")
        trial_id = f"{number:04d}"
        self._seed_state = int.from_bytes(hashlib.sha256(f"{self.seed}/{number}".encode()).digest()[:8])
        response = self.populate_space(trial_id)
        hyperparameters.values = response.get("values") or {}
        trial = Trial(hyperparameters, trial_id, response["status"])
        if trial.status == "RUNNING":
            self._record_values(trial)
            self.trials[trial_id] = trial
            self.start_order.append(trial_id)
            self._save_trial(trial)
        return trial

    def _next_number(self):
        """The first number that is free: where a trial is lost, a random search draws it anew with the same values."""
        return next(n for n in range(len(self.trials) + 1) if f"{n:04d}" not in self.trials)

    @keras_tuner.synchronized
    def end_trial(self, trial):
        # The wire sorts hyperparameters by type, and what they depend on comes after them.
        trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
        if trial.status != "COMPLETED":
            trial.message = files.failure(self._project_dir, trial.trial_id)
        super().end_trial(trial)

    def reload(self):
        """Reads the trials' files; of one that is damaged the copy before it."""
        folders = sorted(pathlib.Path(self._project_dir).glob("trial_[0-9]*"))
        for trial in filter(None, map(_read, folders)):
            trial_id = trial.trial_id
            if trial.status in files.ENDED:
                self.end_order.append(trial_id)
            else:
                trial = Trial(trial.hyperparameters, trial_id)  # without what was measured before it was cut short
                self._retry_queue.insert(0, trial_id)  # taken from its end
            self.trials[trial_id] = trial
            self.start_order.append(trial_id)
            self._record_values(trial)

    def _record_values(self, trial):
        """Notes that these values were tried.

        keras-tuner's own first drops the value of a name that has two ranges, one for each value of another
        parameter, where the second range is the one that does not hold; then it draws a new one, without the seed.
        """
        values = self._compute_values_hash(trial.hyperparameters.values)
        self._tried_so_far.add(values)
        self._id_to_hash[trial.trial_id] = values

    def save(self):
        self._write(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        path = pathlib.Path(self._get_trial_dir(trial.trial_id), "trial.json")
        if path.exists():
            shutil.copyfile(path, path.with_name("trial.old.json"))
        self._write(path, trial.get_state())

    def _write(self, path, state):
        try:
            durable.write(path, json.dumps(state))
        except OSError as error:
            # Going on would hand out what the disk does not know of. Nothing is lost: what it knows is whole.
            print(f"{path} cannot be written ({error.strerror or error})", file=sys.stderr, flush=True)
            os._exit(files.DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else 1)


class Random(Durable, RandomSearchOracle):
    """Random search, which the paper used."""


class Bayesian(Durable, BayesianOptimizationOracle):
    """Bayesian optimisation with a Gaussian process: trial n follows from (seed, n) and the trials before it."""

    def populate_space(self, trial_id):
        self._random_state = np.random.RandomState(self._seed_state % 2**32)  # where its own descents begin
        return super().populate_space(trial_id)


class Hyperband(Durable, HyperbandOracle):
    """Hyperband: many short trials, of which the best go on; begun again until there are `max_trials`."""

    def _next_number(self):
        return 1 + max(map(int, self.trials), default=-1)  # by order of numbers the brackets are read anew

    def reload(self):
        super().reload()
        for trial_id in self.start_order:
            values = self.trials[trial_id].hyperparameters.values
            halving, past = values["tuner/round"], values.get("tuner/trial_id")
            if halving == 0:
                self._bracket_of(values["tuner/bracket"])["rounds"][0].append({"past_id": None, "id": trial_id})
                continue
            for bracket in self._brackets:
                rounds = bracket["rounds"]
                if halving < len(rounds) and past in [entry["id"] for entry in rounds[halving - 1]]:
                    rounds[halving].append({"past_id": past, "id": trial_id})

    def _bracket_of(self, number):
        """The newest bracket of this number that has room, or the next one."""
        for bracket in reversed(self._brackets):
            if bracket["bracket_num"] == number and len(bracket["rounds"][0]) < self._get_size(number, 0):
                return bracket
        while True:
            self._increment_bracket_num()
            self._start_new_bracket()
            if self._current_bracket == number:
                return self._brackets[-1]


def _read(folder):
    """The trial that a folder holds, or None where neither of its two copies can be read."""
    for path in (folder / "trial.json", folder / "trial.old.json"):
        try:
            trial = Trial.from_state(json.loads(path.read_text()))
            if trial.trial_id == folder.name.removeprefix("trial_"):
                return trial
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            print(f"{path} cannot be read and is left out: {error!r}", file=sys.stderr, flush=True)
    return None
