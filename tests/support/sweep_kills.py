"""Kills a sweep at random moments and compares its trials with those of one that was left alone.

    python tests/support/sweep_kills.py --space pixeliqn --trials 500 --kills 5 --workers 2 --directory D --against D0

The sweep is the miniature's, by `qrkeras tune`. In turn a worker, the chief and the launcher are killed (SIGKILL), the
launcher with all that it has started, each after a random number of trials has ended; after the launcher the same
command is given again. D0 is gone on with where it is not complete, without kills. What must be equal: the numbers of
the trials and their values, none twice, none missing.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

TARGETS = ("worker-0", "chief", "launcher", "worker-1")


def children(path):
    """Name -> number of each living process of the sweep in `path`, but the launcher (Linux)."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if os.fsencode(path) in words and b"--launched" in words:
                variables = dict(v.split(b"=", 1) for v in (folder / "environ").read_bytes().split(b"\0") if b"=" in v)
                found[variables[b"KERASTUNER_TUNER_ID"].decode()] = int(folder.name)
        except (OSError, KeyError):  # it has just ended
            continue
    return found


def ended(path):
    """How many trials are over."""
    from qrkeras.search.files import Ledger

    ledger = Ledger(path)
    ledger.read()
    return len(ledger.ended)


def tried(path):
    """Number -> values of each trial in `path`."""
    states = [json.loads(file.read_text()) for file in pathlib.Path(path).glob("trial_*/trial.json")]
    found = {state["trial_id"]: state["hyperparameters"]["values"] for state in states}
    assert len(found) == len(states), "a trial is there twice"
    return found


def differences(one, other):
    """What two sweeps have tried in different ways: a list of numbers, with what is missing or other than there."""
    one, other = tried(one), tried(other)
    return [trial_id for trial_id in sorted(one.keys() | other.keys()) if one.get(trial_id) != other.get(trial_id)]


def until(condition, launcher=None, seconds=600):
    """Waits until `condition()` holds; returns False where `launcher` ended before. `seconds`: for what never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        if launcher is not None and launcher.poll() is not None:
            return False
        if time.monotonic() > deadline:
            sys.exit("it never came")
        time.sleep(0.1)
    return True


def kill(target, launcher, path):
    """Kills `target`; False where the sweep ended before. With the launcher the others must end by themselves."""
    if target != "launcher":
        if not until(lambda: target in children(path), launcher):
            return False
        os.kill(children(path)[target], signal.SIGKILL)
        return True
    launcher.kill()
    launcher.wait()
    until(lambda: not children(path))
    return True


def run(command, path, trials, kills, rng):
    """Runs a sweep to its end through so many kills; returns what was killed, and after how many trials."""
    launcher, killed = subprocess.Popen(command), []
    moments = sorted(rng.sample(range(1, trials), kills))
    for moment, target in zip(moments, TARGETS * kills):
        if not until(lambda: ended(path) >= moment, launcher, 3600):  # noqa: B023
            break
        time.sleep(rng.uniform(0, 2))
        if kill(target, launcher, path):
            killed.append((target, ended(path)))
        if launcher.poll() is not None:
            launcher = subprocess.Popen(command)
    if launcher.wait():
        sys.exit(f"{' '.join(command)} ended with status {launcher.returncode}")
    return killed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="pixeliqn")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="of the sweep that is killed, a new one")
    parser.add_argument("--against", type=pathlib.Path, required=True, help="of the sweep that is left alone")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("options", nargs="*", help="more options of `qrkeras tune`, after --")
    given = parser.parse_args()
    began = time.monotonic()

    def command(path):
        options = {"--trials": given.trials, "--workers": given.workers, "--directory": path}
        words = [str(word) for option in options.items() for word in option]
        return [sys.executable, "-m", "qrkeras", "tune", given.space, "--miniature", *words, *given.options]

    killed = run(command(given.directory), given.directory, given.trials, given.kills, random.Random(given.seed))
    run(command(given.against), given.against, given.trials, 0, random.Random(given.seed))
    differing = differences(given.directory, given.against)
    result = {"trials": len(tried(given.directory)), "killed": killed, "differing": differing}
    print(json.dumps({**result, "seconds": round(time.monotonic() - began)}))
    if differing or len(killed) < given.kills or result["trials"] != given.trials:
        sys.exit("the sweeps differ, or a kill did not come")


if __name__ == "__main__":
    main()
