"""A worker whose trials take no time, and fail as they are told: `python tests/support/stand_in.py SWEEP`.

The objective is the learning rate. What shall happen lies in SWEEP/faults.json, `{trial: fault}`:

diverge        the trial fails
die N          its process kills itself, the first N times
raise          its process ends by an error nobody has thought of
sleep          it never ends
full           it fails as where the disk is full, which it is from then on while the file SWEEP/full is there
slow           it takes half a second, for others to happen in
"""

import json
import math
import os
import pathlib
import signal
import time
import types

from qrkeras.search import worker
from qrkeras.search.trial import TrialFailed


def objective(sweep, trial_id, values):
    fault, *count = json.loads((sweep.path / "faults.json").read_text()).get(trial_id, "none").split()
    with open(sweep.path / "begun.txt", "a") as begun:  # one line for each time that a trial is begun
        begun.write(f"{trial_id} {os.environ['KERASTUNER_TUNER_ID']}\n")
    times = sum(line.startswith(f"{trial_id} ") for line in (sweep.path / "begun.txt").read_text().splitlines())
    if fault == "diverge":
        raise TrialFailed("quantile_loss became nan at step 7")
    if fault == "die" and times <= int(count[0]):
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "raise":
        raise KeyError("nobody has thought of this")
    if fault == "sleep":
        time.sleep(3600)
    if fault == "slow":
        time.sleep(0.5)
    if fault == "full" and (sweep.path / "full").exists():
        raise TrialFailed("No space left on device")
    if values is None:
        folder = sweep.path / "runs" / trial_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "outcome.json").write_text('{"value": 1.0}')
        return 1.0
    return math.nan if fault == "nan" else values["optimizer.learning_rate"]


def disk_usage(path):
    return types.SimpleNamespace(free=0 if (pathlib.Path(path) / "full").exists() else 2**40)


if __name__ == "__main__":
    worker.shutil = types.SimpleNamespace(disk_usage=disk_usage)
    worker.main(objective)
