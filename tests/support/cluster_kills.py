"""Kills workers of a cluster at random moments and compares where they end with as many workers that were left alone.

    python -m tests.support.cluster_kills --kills 20
    python -m tests.support.cluster_kills --kills 3 --workers 3 --presets vae-digits

Every worker is a process of `qrkeras train --devices all`. A random one is killed (SIGKILL): two of three times up to
--span seconds after they have saved, every third before they could. The others must end by themselves, with a status
on which schedulers restart; each that has ended is started again at once by the same command, whether the others have
noticed or not. What must be equal to the last bit is what `tests.support.kills` compares.
"""

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time

import numpy as np

from tests.support.kills import SMALL, arguments, differences, newest
from tests.support.workers import Workers


def begun(preset, steps, run_dir, logs, count):
    logs.mkdir(exist_ok=True)
    return Workers(["qrkeras", *arguments(preset, steps, run_dir), "--devices", "all"], logs, count)


def finished(workers):
    """Waits for all, who must end well."""
    statuses = workers.ended(600)
    if any(statuses):
        sys.exit(f"workers ended with {statuses}:\n" + "\n".join(workers.told(i)[-2000:] for i in range(len(statuses))))


def killed(preset, steps, run_dir, logs, count, kills, span, rng):
    """Trains with kills, and longer where it ends before them.

    Returns: its steps, and of each kill which worker and at which step's checkpoint.
    """
    found, start = [], 30.0
    while True:
        workers = begun(preset, steps, run_dir, logs, count)
        before, begin, moment = newest(run_dir), time.monotonic(), None
        while not ended_well(workers):
            now = time.monotonic()
            if len(found) < kills and moment is None:
                if len(found) % 3 == 2:
                    moment = now + rng.uniform(0, start)
                elif newest(run_dir) > before:
                    start = now - begin
                    moment = now + rng.uniform(0, span)
            if moment is not None and now >= moment:
                victim = int(rng.integers(count))
                workers.processes[victim].kill()
                found.append({"worker": victim, "saved": newest(run_dir)})
                before, begin, moment = newest(run_dir), now, None
            time.sleep(0.02)
        if len(found) == kills:
            return steps, found
        steps += 100


def ended_well(workers):
    """Does what a scheduler does: starts each worker again that has failed; True once all have ended well."""
    statuses = [process.poll() for process in workers.processes]
    if wrong := [
        i for i, status in enumerate(statuses) if status not in (None, 0, 138, -signal.SIGKILL, -signal.SIGALRM)
    ]:
        sys.exit(f"workers ended with {statuses}:\n{workers.told(wrong[0])[-3000:]}")
    if not any(statuses):
        return None not in statuses
    workers.again()  # also one that had ended well before another was killed
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=SMALL, default=["qrgan-ring8"], help="what to train")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20, help="kills in each run")
    parser.add_argument("--steps", type=int, default=100, help="steps of each run at least, a multiple of 20")
    parser.add_argument("--span", type=float, default=2.0, help="seconds that workers train, at most, after a save")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for preset in given.presets:
            whole, torn = (pathlib.Path(folder, f"{preset}-{name}") for name in ("whole", "killed"))
            logs = pathlib.Path(folder, "logs")
            rng = np.random.default_rng(given.seed)
            steps, found = killed(preset, given.steps, torn, logs, given.workers, given.kills, given.span, rng)
            finished(begun(preset, steps, whole, logs, given.workers))
            differing = differences(whole, torn)
            result = {"preset": preset, "workers": given.workers, "steps": steps, "kills": found}
            print(json.dumps(result | {"differing": differing}), flush=True)
            if differing:
                sys.exit(f"{preset} differs in {differing}")


if __name__ == "__main__":
    main()
