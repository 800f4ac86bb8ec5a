"""A sweep on one machine: a chief, its workers, and this process, which keeps them alive until the last trial is done.

keras-tuner's chief waits forever for a worker that has died, and its workers for a chief. So the dead are started
again, under their names: a worker is given the trial that it had, and the trial goes on from its last checkpoint. With
the chief all of them are started again, on what the trials' files say. A trial that kills its worker three times, or
takes too long, has failed. All children end with this process, however it ends.
"""

import glob
import os
import signal
import socket
import sys
import time

from qrkeras.machine import processes
from qrkeras.search import files
from qrkeras.search.report import Report

POLL = 0.25
DEATHS = 3
GRACE = 20.0  # for a checkpoint, in seconds
WORKER = (sys.executable, "-m", "qrkeras.search.worker")


def run(sweep, workers, command=WORKER, verbose=1):
    """Runs `sweep` to its end, or until SIGTERM or SIGINT; the same call again goes on where it stopped.

    The first worker fetches the data and scores the preset itself before its first trial; the others start once the
    data is there.

    Args:
      sweep: `Sweep`.   workers: trials at a time, each in a process with its part of the cores, and one GPU if there
        are any.
      command: what a process is started with; the sweep's directory is added.   verbose: 0 shows nothing.
    Returns: the name of the signal that stopped it, or None where the last trial is done.
    Raises:
      ValueError: where there is no worker, or the sweep runs already.
      RuntimeError: where it cannot go on: no disk, processes that die at once, no trial that did not fail.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1. Received: {workers}")
    with processes.alone(sweep.path, "directory"), processes.signals() as signals, Report(sweep, verbose) as report:
        crew = Crew(sweep, workers, command)
        try:
            while not signals and not crew.tend():
                report(crew.ledger)
                time.sleep(POLL)
        finally:
            crew.end(signals)
        crew.ledger.read()
        report(crew.ledger, last=True)
    if signals:
        return signals[0]
    failed = crew.ledger.failed
    if not crew.ledger.completed:
        first = min(failed, default=None)
        raise RuntimeError(f"all of {len(failed)} trials failed; {first}: {failed.get(first)}. Logs: {sweep.path}/logs")
    return None


class Crew:
    """The processes of a sweep; `tend`, called again and again, keeps them alive.

    Args: as `run`'s.
    """

    def __init__(self, sweep, workers, command):
        self.sweep = sweep
        self.ledger = files.Ledger(sweep.path)
        self._chief = Process("chief", sweep.path, command)
        self._workers = [Process(f"worker-{i}", sweep.path, command) for i in range(workers)]
        self._port = socket.socket()  # the chief's, held until the crew ends
        self._deaths = {}  # of the worker that had a trial, by trial
        self._in_a_row = 0  # deaths since a trial ended, those without a trial counted for all workers
        self._seconds = {}  # that workers have spent on a trial, by trial
        self._ended = 0
        self._condemned = set()
        self._looked = None

    def tend(self):
        """Starts again what has died, and fails trials that take too long; returns whether the sweep is over."""
        self.ledger.read()
        if self._chief.process is None:
            if self.ledger.is_over(self.sweep.trials):
                return True
            self._start()
            return False
        if len(self.ledger.ended) > self._ended:
            self._ended, self._in_a_row = len(self.ledger.ended), 0
        if self._chief.is_done() or all(worker.is_done() for worker in self._workers if worker.process):
            return True
        if self._chief.died():
            self._count_death(self._chief, None)
            self._start()
            return False
        for worker in self._workers:
            if worker.died():
                self._after_death(worker, self._trial_of(worker))
            if worker.process is None and files.noted(self.sweep.path, self._workers[0].name):
                worker.start()  # the first has fetched the data for all
        self._watch_the_clock()
        return False

    def end(self, signals=()):
        """Ends all processes: the workers may save, and the chief goes last. A second signal does not wait."""
        processes.end([worker.process for worker in self._workers if worker.process], signals, GRACE)
        for process in (*self._workers, self._chief):
            process.kill()
        self._port.close()

    def _start(self):
        for process in (*self._workers, self._chief):
            process.kill()
        self._port.close()
        self._port = held_port()
        place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(self._port.getsockname()[1])}
        # gRPC would ask even for this machine through a proxy of the environment, and wait.
        place["no_grpc_proxy"] = "127.0.0.1"
        self._chief.environment = {**place, "CUDA_VISIBLE_DEVICES": "-1"}
        self._chief.start()
        gpus, share = _gpus(), processes.share(max(1, processes.cores() // len(self._workers)))
        for i, worker in enumerate(self._workers):
            gpu = {"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {}
            worker.environment = {**share, **place, **gpu}
        self._workers[0].start()

    def _after_death(self, worker, trial_id):
        if worker.process.returncode != files.CHIEF_LOST:
            self._count_death(worker, trial_id)
            if trial_id:
                self._deaths[trial_id] = self._deaths.get(trial_id, 0) + 1
                if self._deaths[trial_id] == DEATHS:
                    self._condemn(trial_id, f"its worker died {DEATHS} times: {worker.obituary()}")
        worker.start()

    def _count_death(self, process, trial_id):
        if process.process.returncode == files.DISK_FULL:
            raise RuntimeError(f"{process.last_words()}. Free some disk; the same command goes on")
        self._in_a_row += 1 if trial_id else len(self._workers) + 1
        if self._in_a_row >= DEATHS * (len(self._workers) + 1):
            raise RuntimeError(
                f"processes die and no trial ends. The last, {process.name}, {process.obituary()}. Its log: "
                f"{process.log}. Mend that; the same command goes on"
            )

    def _watch_the_clock(self):
        limit = self.sweep.trial_timeout
        if limit is None:
            return
        now = time.monotonic()
        passed, self._looked = now - (self._looked or now), now
        for worker in self._workers:
            trial_id = self._trial_of(worker)
            if trial_id is None or not worker.is_running():
                continue
            self._seconds[trial_id] = self._seconds.get(trial_id, 0) + passed
            if self._seconds[trial_id] > limit and trial_id not in self._condemned:
                self._condemn(trial_id, f"it took longer than trial_timeout = {limit:g} s")
                worker.kill()
                worker.start()

    def _condemn(self, trial_id, reason):
        self._condemned.add(trial_id)
        files.condemn(self.sweep.path, trial_id, reason)

    def _trial_of(self, worker):
        """The trial that a worker has begun since it was last started, or None."""
        trial_id = files.noted(self.sweep.path, worker.name)
        settled = trial_id == files.DEFAULT and files.is_settled(self.sweep.path, trial_id)
        return None if settled or trial_id in self.ledger.ended else trial_id


class Process:
    """A child that can be started again; what it writes is added to its log.

    Args:
      name: keras-tuner's for it.   path: of the sweep.   command: tuple of words.
    """

    def __init__(self, name, path, command):
        self.name = name
        self.log = files.log(path, name)
        self.environment = {}  # what it has besides ours
        self.process = None
        self._command = [*command, str(path), "--launched"]
        self._begins = 0

    def start(self):
        fixed = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **self.environment, "KERASTUNER_TUNER_ID": self.name}
        self.log.parent.mkdir(exist_ok=True)
        self.log.with_suffix(".trial").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self._begins = log.tell()
            self.process = processes.child(self._command, log, fixed)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_done(self):
        return self.process is not None and self.process.poll() == 0

    def died(self):
        return self.process is not None and self.process.poll() not in (None, 0)

    def send(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process.stdin.close()
            self.process = None

    def obituary(self):
        """How it ended, and its last words."""
        status = self.process.returncode
        how = f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
        words = self.last_words()
        return f"{how}; {words}" if words else how

    def last_words(self):
        """The last line that it wrote since it was last started."""
        with open(self.log, "rb") as log:
            log.seek(self._begins)
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _gpus():
    """What CUDA_VISIBLE_DEVICES may hold: one of the user's own, or of all there are."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return chosen.split(",")
    return [str(i) for i in range(len(glob.glob("/dev/nvidia[0-9]*")))]


def held_port():
    """A socket whose port of this machine nobody else is given while it is open; a chief may listen there all the same.

    gRPC, too, binds with SO_REUSEPORT: without the socket two sweeps that start at once could share a port, and the
    workers of one ask the chief of the other.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held
