import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys

import pytest

from qrkeras.machine import processes

HOLDER = """
import sys, time
from qrkeras.machine import processes
with processes.alone(sys.argv[1], "run_dir"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_naming_the_first(tmp_path):
    told = f"run_dir must be .*Received: {tmp_path}, where process {os.getpid()} on {socket.gethostname()} is"
    held, refused = processes.alone(tmp_path, "run_dir"), pytest.raises(processes.Taken, match=told)
    with held, refused, processes.alone(tmp_path, "run_dir"):
        pass
    with processes.alone(tmp_path, "run_dir"):
        pass
    assert (tmp_path / "lock").read_text() == ""


def test_a_killed_process_leaves_no_lock(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(processes.Taken, match=f"process {holder.pid} on "), processes.alone(tmp_path, "x"):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with processes.alone(tmp_path, "x"):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_process_that_is_started_does_not_keep_the_lock(tmp_path):
    with processes.alone(tmp_path, "x"):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with processes.alone(tmp_path, "x"):
        child.communicate()


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="cannot be locked .No locks available"), processes.alone(tmp_path, "x"):
        pass
