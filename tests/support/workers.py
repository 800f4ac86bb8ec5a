"""Workers of one cluster on this machine: processes of the same command, told apart by `TF_CONFIG` on free ports."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]


def addresses(count):
    """`localhost:port` of ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("", 0))
    found = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return found


def tf_config(workers, index):
    return json.dumps({"cluster": {"worker": list(workers)}, "task": {"type": "worker", "index": index}})


class Workers:
    """Processes of `command` (words after `python -m`), one for each address; each writes into LOGS/worker-I.txt.

    Args:
      command: words, or a function of the worker's index that returns them.
      environment: variables beside those of this process, or a function of the worker's index that returns them.
    """

    def __init__(self, command, logs, count=2, environment=(), workers=None):
        self.command, self.logs, self.environment = command, pathlib.Path(logs), environment
        self.workers = workers or addresses(count)
        self.processes = [self._begun(i) for i in range(len(self.workers))]

    def _begun(self, index):
        words = self.command(index) if callable(self.command) else self.command
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "2",
            "PYTHONPATH": str(ROOT),
            "TF_CONFIG": tf_config(self.workers, index),
            **dict(self.environment(index) if callable(self.environment) else self.environment),
        }
        with open(self.log(index), "a") as log:
            words = [sys.executable, "-m", *map(str, words)]
            return subprocess.Popen(words, env=environment, stdout=log, stderr=log, cwd=ROOT)

    def log(self, index):
        return self.logs / f"worker-{index}.txt"

    def told(self, index):
        """What a worker printed."""
        return self.log(index).read_text()

    def again(self):
        """Starts every worker that has ended once more, by the same command."""
        for i, process in enumerate(self.processes):
            if process.poll() is not None:
                self.processes[i] = self._begun(i)

    def ended(self, seconds=300):
        """Exit statuses, once all have ended; those that have not after `seconds` are killed, and count as None."""
        until, found = time.monotonic() + seconds, []
        for process in self.processes:
            try:
                found.append(process.wait(max(0.1, until - time.monotonic())))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                found.append(None)
        return found
