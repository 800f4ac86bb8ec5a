"""A process of a sweep whose trials take no time, and go wrong as they are told: `stand_in.py SWEEP`.

The objective is the learning rate. What shall happen lies in SWEEP/faults.json, `{trial: fault}`:

diverge    the trial fails
nan        its objective is no number
die N      its process is killed, the first N times
raise      its process ends by an error that nobody has thought of
sleep      it never ends
deaf       it never ends, and takes the first SIGTERM for its own, as a training at its last step does
slow       it takes half a second, for others to happen in
full       it fails as on a full disk, while the file SWEEP/full is there

SWEEP/begun.txt gets a line for each time that a trial is begun, SWEEP/prepared.txt the name of who prepares. A worker
begins anew after five trials.
"""

import json
import math
import os
import pathlib
import signal
import sys
import time
import types


class Hollow(types.ModuleType):
    """A module that has every name, with nothing behind it.

    keras-tuner imports Keras, which takes seconds, and a search whose trials do not train uses none of it.
    """

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {}) if name[0].isupper() else Hollow(name)


def hollow_keras():
    for name in ("keras", "keras.src", "keras.src.ops", "keras.random"):
        sys.modules[name] = Hollow(name)
        sys.modules[name].__path__ = []
    keras = sys.modules["keras"]
    keras.version = lambda: "3."
    keras.config = types.SimpleNamespace(backend=lambda: "numpy")
    keras.saving = types.SimpleNamespace(
        register_keras_serializable=lambda **_: lambda kind: kind, get_custom_objects=dict
    )
    legacy = types.SimpleNamespace(
        serialize_keras_object=lambda thing: {"class_name": type(thing).__name__, "config": thing.get_config()},
        deserialize_keras_object=lambda known, _, kinds: kinds[known["class_name"]].from_config(known["config"]),
    )
    keras.utils = types.SimpleNamespace(legacy=legacy)
    keras.__all__ = ["Model", "applications", "callbacks", "layers", "models", "optimizers", "saving", "utils"]
    for name in keras.__all__:
        setattr(keras, name, getattr(keras, name))


def objective(sweep, trial_id, values):
    from qrkeras.search.files import TrialFailed

    faults = json.loads((sweep.path / "faults.json").read_text())
    fault, *count = faults.get(trial_id, faults.get("others", "none")).split()
    with open(sweep.path / "begun.txt", "a") as file:
        file.write(f"{trial_id} {os.environ['KERASTUNER_TUNER_ID']}\n")
    times = sum(line.startswith(f"{trial_id} ") for line in (sweep.path / "begun.txt").read_text().splitlines())
    if fault == "diverge":
        raise TrialFailed("quantile_loss became nan at step 7")
    if fault == "full" and (sweep.path / "full").exists():
        raise TrialFailed("run_dir needs 256 MiB")
    if fault == "raise":
        raise KeyError("nobody has thought of this")
    if fault == "die" and times <= int(count[0]):
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "deaf":
        signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    if fault in ("sleep", "deaf", "slow"):
        time.sleep(0.5 if fault == "slow" else 3600)
    if values is None:
        folder = sweep.path / "runs" / trial_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "outcome.json").write_text('{"value": 1.0}')
        return 1.0
    return math.nan if fault == "nan" else values["optimizer.learning_rate"]


def prepare(sweep):
    with open(sweep.path / "prepared.txt", "a") as file:
        file.write(f"{os.environ['KERASTUNER_TUNER_ID']}\n")


def disk_usage(path):
    return types.SimpleNamespace(free=0 if (pathlib.Path(path) / "full").exists() else 2**40)


if __name__ == "__main__":
    hollow_keras()
    from qrkeras.search import worker

    worker.TRIALS_A_PROCESS = 5
    worker.shutil = types.SimpleNamespace(disk_usage=disk_usage)
    worker.main(objective, prepare)
