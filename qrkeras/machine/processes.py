"""Processes that share a machine, or a directory."""

import contextlib
import fcntl
import os
import pathlib
import socket
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
