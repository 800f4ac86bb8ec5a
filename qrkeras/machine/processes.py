"""Processes that share a machine, or a directory, and those that end with the process that started them."""

import contextlib
import fcntl
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings


class Taken(ValueError):
    """Another process holds a directory; the message names it."""


@contextlib.contextmanager
def alone(path, argument):
    """Holds the directory `path` for one writer, by a lock that the system gives back however this process ends.

    Args:
      path: existing directory.   argument: what an error calls it.
    Raises:
      Taken: naming the process that holds it, and its host.
    """
    with open(pathlib.Path(path) / "lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Taken(
                f"{argument} must be a directory in which nobody else is at work. Received: {path}, where "
                f"{file.read() or 'another process'} is. Wait until that is done, or stop it."
            ) from error
        except OSError as error:
            warnings.warn(f"{path} cannot be locked ({error.strerror}): see that one process writes it.", stacklevel=3)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


def cores():
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def share(threads):
    """Environment variables of a process that computes with `threads` threads and leaves GPU memory to others."""
    return {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }


def child(command, log, environment):
    """Starts a process that ends with this one, however this one ends, if it calls `live_with_parent`.

    Ctrl-C is for this process alone, which hands it on by `end`.

    Args:
      command: words.   log: open file that it writes to.   environment: what it has besides ours.
    Returns: `subprocess.Popen`, whose standard input ends when this process does.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def live_with_parent():
    """Ends this process once the one that holds the other end of its standard input has died, however it died."""

    def wait():
        os.read(sys.stdin.fileno(), 1)  # nothing is ever written to it
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def end(children, caught=(), grace=math.inf):
    """Ends processes by SIGTERM, at which they may save, and after `grace` seconds by SIGKILL.

    Args:
      children: what `child` returned.   caught: list of `signals`; a second signal does not wait.
    """
    deadline, again = time.monotonic() + grace, 0.0
    while len(caught) < 2 and time.monotonic() < deadline and any(each.poll() is None for each in children):
        if time.monotonic() >= again:  # one that comes at a training's last step ends that training alone
            again = time.monotonic() + 1
            for each in children:
                each.terminate()
        time.sleep(0.05)
    for each in children:
        each.kill()
        each.wait()
        each.stdin.close()


@contextlib.contextmanager
def signals():
    """Yields a list that SIGTERM and SIGINT add their names to."""
    caught = []

    def catch(number, frame):
        caught.append(signal.Signals(number).name)

    before = {number: signal.signal(number, catch) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
