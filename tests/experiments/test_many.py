"""Trainings end with the process that started them; a stand-in for `qrkeras train` that takes no time to start."""

import dataclasses
import signal
import subprocess
import sys
import time

import pytest

from qrkeras import presets
from qrkeras.experiments import many, runs
from qrkeras.machine import processes

LAUNCHER = """
import pathlib, sys
from qrkeras.experiments import many
from qrkeras.machine import processes

TRAINING = '''
import pathlib, signal, sys, time
from qrkeras.machine import processes
processes.live_with_parent()
path = pathlib.Path(sys.argv[sys.argv.index("--run-dir") + 1])

def save(*_):
    (path / "saved").touch()
    sys.exit()

signal.signal(signal.SIGTERM, save)
with processes.alone(path, "run_dir"):
    (path / "begun").touch()
    time.sleep(600)
'''
start = processes.child
processes.child = lambda command, *rest: start([sys.executable, "-c", TRAINING, *command], *rest)
folder = pathlib.Path(sys.argv[1])
try:
    many.train_all([many.Job("qrgan-ring8", seed, folder / str(seed), 4) for seed in range(3)], 2, verbose=0)
except KeyboardInterrupt as stopped:
    print(stopped)
"""


@pytest.fixture
def launched(tmp_path):
    """Three trainings, two at a time, and the process that started them."""
    command = [sys.executable, "-c", LAUNCHER, tmp_path]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: all((tmp_path / name / "begun").exists() for name in "01"))
        yield launcher
    finally:
        launcher.kill()
        launcher.communicate()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_free(path):
    try:
        with processes.alone(path, "run_dir"):
            return True
    except processes.Taken:
        return False


def told(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.name in ("begun", "saved"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_trainings_save_and_starts_no_other(launched, tmp_path, number):
    assert not is_free(tmp_path / "0")
    launched.send_signal(number)
    out, err = launched.communicate(timeout=60)
    assert (out, err) == (f"stopped by {number.name}; the same command goes on from what is saved\n", "")
    assert told(tmp_path) == ["0/begun", "0/saved", "1/begun", "1/saved"]
    assert is_free(tmp_path / "0") and is_free(tmp_path / "1")


def test_trainings_end_with_a_killed_process(launched, tmp_path):
    launched.kill()
    until(lambda: is_free(tmp_path / "0") and is_free(tmp_path / "1"))
    assert told(tmp_path) == ["0/begun", "1/begun"]


def test_a_training_that_fails_ends_the_others(tmp_path, stands_in):
    stands_in('case "$*" in *"--seed 1"*) exit 3; esac; exec sleep 600')
    jobs = [many.Job("qrgan-ring8", seed, tmp_path / str(seed), 4) for seed in range(3)]
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="training qrgan-ring8 with seed 1 ended with 3"):
        many.train_all(jobs, 2, verbose=0)
    assert time.monotonic() - started < 60 and not (tmp_path / "2").exists()


def test_the_command_that_is_started_ends_with_its_standard_input(tmp_path, monkeypatch):
    """At once, where that has ended already: nothing is trained."""
    child = processes.child

    def without_input(*given):
        started = child(*given)
        started.stdin.close()
        return started

    monkeypatch.setattr(processes, "child", without_input)
    with pytest.raises(RuntimeError, match="ended with 1: $"):
        many.train_all([many.Job("qrgan-ring8", 0, tmp_path, 1, ("--steps", "1"))], 1, verbose=0)
    assert [file.name for file in tmp_path.iterdir()] == ["log.txt"]


@pytest.mark.parametrize("of", ["this preset", "another"])
def test_only_a_divergence_of_the_preset_is_excused(tmp_path, stands_in, of):
    """A changed preset is refused by the directory of an older one, which had diverged: no divergence of its own."""
    preset = presets.get("nsgan-ring8")
    older = preset if of == "this preset" else dataclasses.replace(preset, batch_size=7)
    run = runs.create(tmp_path, "nsgan-ring8", older, 0)
    run.metrics.write_text('{"step": 2, "diverged": "g_loss became nan at step 2"}\n')
    stands_in("exit 2")
    job = many.Job("nsgan-ring8", 0, tmp_path, 4, may_diverge=preset)
    if of == "this preset":
        many.train_all([job], 1, verbose=0)
    else:
        with pytest.raises(RuntimeError, match="training nsgan-ring8 with seed 0 ended with 2"):
            many.train_all([job], 1, verbose=0)


def test_what_a_training_left_that_was_stopped_at_its_start_is_no_strangers(tmp_path):
    run = tmp_path / "qrgan-ring8-0"
    run.mkdir()
    (run / "log.txt").touch()
    many.check_places([run], tmp_path)
    (run / "thesis.tex").touch()
    with pytest.raises(ValueError, match="runs_dir/PRESET-SEED must be a new or empty directory.*holds thesis.tex and"):
        many.check_places([run], tmp_path)
