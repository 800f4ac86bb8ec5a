"""Sweeps in real processes, whose trials take no time and go wrong as they are told (tests/support/stand_in.py)."""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types

import pytest

from qrkeras import families
from qrkeras.search import files, launch
from qrkeras.search import sweep as sweeps
from tests.support.sweep_kills import children, differences, ended, kill, until

STAND_IN = (sys.executable, str(pathlib.Path(__file__).parents[1] / "support" / "stand_in.py"))
LAUNCHER = """
import pathlib, sys
from qrkeras.search import launch, sweep
launch.GRACE = 3600
print(launch.run(sweep.load(pathlib.Path(sys.argv[1])), 2, tuple(sys.argv[2:])))
"""


def made(path, trials, faults=(), **options):
    sweep = sweeps.create(path, "pixeliqn", families.space("pixeliqn").preset(miniature=True), trials=trials, **options)
    (path / "faults.json").write_text(json.dumps(dict(faults)))
    return sweep


def launched(sweep):
    """A launcher of two workers, in a process that can be killed."""
    command = [sys.executable, "-c", LAUNCHER, str(sweep.path), *STAND_IN]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def begun(sweep):
    """Trials in the order in which they were begun."""
    file = sweep.path / "begun.txt"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def ledger(sweep):
    found = files.Ledger(sweep.path)
    found.read()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Sixteen trials that nothing happened to."""
    sweep = made(tmp_path_factory.mktemp("whole"), 16)
    assert launch.run(sweep, 2, STAND_IN, verbose=0) is None
    return sweep


def test_a_sweep_runs_every_trial_once_and_the_preset_itself(whole):
    assert sorted(begun(whole)) == [*(f"{n:04d}" for n in range(16)), files.DEFAULT]
    found = ledger(whole)
    assert len(found.completed) == 16 and not found.failed
    for trial_id, score in found.completed.items():
        state = json.loads((whole.path / f"trial_{trial_id}" / "trial.json").read_text())
        assert state["hyperparameters"]["values"]["optimizer.learning_rate"] == pytest.approx(score, rel=1e-6)
    assert not children(whole.path)
    # 16 trials and the preset itself by two workers: one at least has begun anew, and the first prepares each time.
    prepared = (whole.path / "prepared.txt").read_text().splitlines()
    by_first = [line for line in (whole.path / "begun.txt").read_text().splitlines() if line.endswith("worker-0")]
    numbered = [line for line in by_first if not line.startswith(files.DEFAULT)]
    assert prepared == ["worker-0"] * (1 + len(numbered) // 5)


def test_a_finished_sweep_starts_no_process_and_more_trials_go_on(whole, tmp_path):
    assert launch.run(whole, 2, ("no such command",), verbose=0) is None
    shutil.copytree(whole.path, tmp_path, dirs_exist_ok=True)
    longer = made(tmp_path, 18)
    assert launch.run(longer, 1, STAND_IN, verbose=0) is None
    assert sorted(begun(longer)) == [*(f"{n:04d}" for n in range(18)), files.DEFAULT]


def test_whatever_happens_to_trials_the_sweep_ends_with_all_of_them(whole, tmp_path, capsys):
    faults = {"0001": "diverge", "0002": "die 1", "0005": "nan", "0008": "raise"}
    sweep = made(tmp_path, 16, faults)
    (tmp_path / "trial_0009").mkdir()
    files.condemn(tmp_path, "0009", "by hand")
    assert launch.run(sweep, 2, STAND_IN) is None
    finished = time.time()
    found = ledger(sweep)
    assert found.failed.keys() == {"0001", "0005", "0008", "0009"}
    assert found.failed["0001"] == "quantile_loss became nan at step 7"
    assert found.failed["0009"] == "by hand"
    assert found.failed["0005"] == "fid is nan"
    expected = "its worker died 3 times: ended with status 1; KeyError: 'nobody has thought of this'"
    assert found.failed["0008"] == expected
    often = {trial_id: begun(sweep).count(trial_id) for trial_id in ("0002", "0003", "0008", "0009")}
    assert often == {"0002": 2, "0003": 1, "0008": 3, "0009": 0}
    assert differences(tmp_path, whole.path) == []
    # keras-tuner's chief would wait 20 s for a second look.
    assert finished - max(path.stat().st_mtime for path in tmp_path.glob("trial_*/trial.json")) < 18
    last = capsys.readouterr().err.replace("\n", " ")
    assert re.search(r"16 of 16 trials, 4 failed, best FID [\d.e-]+ \(trial 00\d\d\)", last)


def test_trials_that_kill_their_workers_or_never_end_fail_one_after_the_other(tmp_path, monkeypatch):
    # The proxy answers nobody; processes of one machine must not ask it for each other.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    sweep = made(tmp_path, 5, {"0001": "die 9", "0002": "die 9", "0003": "sleep"}, trial_timeout=1e6)

    def monotonic():
        """More than trial_timeout passes once the worker is in the trial that never ends, and at no other time."""
        return time.monotonic() + (2e6 if "0003" in begun(sweep) else 0)

    monkeypatch.setattr(launch, "time", types.SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    assert launch.run(sweep, 1, STAND_IN, verbose=0) is None
    found = ledger(sweep)
    assert found.completed.keys() == {"0000", "0004"}
    assert found.failed.keys() == {"0001", "0002", "0003"}
    assert found.failed["0003"] == "it took longer than trial_timeout = 1e+06 s" and begun(sweep).count("0003") == 1
    for trial_id in ("0001", "0002"):
        assert found.failed[trial_id].startswith("its worker died 3 times: was ended by SIGKILL")


def test_killed_chiefs_workers_and_launchers(whole, tmp_path):
    sweep = made(tmp_path, 16, {"others": "slow"})
    launcher = launched(sweep)
    until(lambda: ended(tmp_path) >= 2, launcher)
    with pytest.raises(ValueError, match=f"nobody else is at work. Received: .*, where process {launcher.pid} on"):
        launch.run(sweep, 1, STAND_IN, verbose=0)
    assert kill("worker-1", launcher, tmp_path)
    until(lambda: ended(tmp_path) >= 4, launcher)
    assert kill("chief", launcher, tmp_path)
    until(lambda: ended(tmp_path) >= 6, launcher)
    assert kill("launcher", launcher, tmp_path)  # and waits until no child is left
    (tmp_path / "oracle.json").write_text('{"ongoing_trials": {')
    torn = tmp_path / "trial_0001" / "trial.json"
    torn.write_text(torn.read_text()[:100])
    assert launch.run(sweep, 2, STAND_IN, verbose=0) is None
    assert differences(tmp_path, whole.path) == []
    assert len(ledger(sweep).completed) == 16
    # Begun again: what a kill has cut short, two trials at most and the preset itself, and the torn one.
    assert len(begun(sweep)) <= 17 + 3 * 3 + 1


def test_a_full_disk_then_a_signal_then_a_sweep_of_failures(tmp_path):
    sweep = made(tmp_path, 3, {"0000": "full", "0001": "deaf"})
    (tmp_path / "full").touch()
    with pytest.raises(RuntimeError, match="^No space left on device: run_dir needs 256 MiB. Free some disk; the same"):
        launch.run(sweep, 1, STAND_IN, verbose=0)
    assert not ledger(sweep).ended and not children(tmp_path)
    (tmp_path / "full").unlink()
    launcher = launched(sweep)
    until(lambda: "0001" in begun(sweep), launcher)
    assert "0000" in ledger(sweep).completed
    launcher.send_signal(signal.SIGTERM)
    out, err = launcher.communicate(timeout=600)  # it does not wait for its grace to end
    assert (launcher.returncode, out) == (0, "SIGTERM\n"), err
    assert not children(tmp_path)
    for folder in tmp_path.glob("trial_*"):
        (folder / "trial.json").unlink()
        (folder / "trial.old.json").unlink(missing_ok=True)
    made(tmp_path, 3, {"others": "diverge"})
    with pytest.raises(RuntimeError, match="^all of 3 trials failed; 0000: quantile_loss became nan at step 7. Logs: "):
        launch.run(sweep, 1, STAND_IN, verbose=0)


@pytest.mark.parametrize(
    "code, told",
    [("raise SystemExit('no module of this name')", "ended with status 1; no module of this name"),
     ("import os; os.abort()", "was ended by SIGABRT")],
)  # fmt: skip
def test_processes_that_cannot_start_end_the_sweep(tmp_path, code, told):
    sweep = made(tmp_path, 3)
    with pytest.raises(
        RuntimeError, match=f"processes die and no trial ends. The last, .*, {told}. Its log: .*.log. Mend"
    ):
        launch.run(sweep, 2, (sys.executable, "-c", code), verbose=0)
    assert not ledger(sweep).ended


def test_there_must_be_a_worker(tmp_path):
    with pytest.raises(ValueError, match="workers must be at least 1. Received: 0"):
        launch.run(made(tmp_path, 1), 0)


@pytest.mark.parametrize(
    "chosen, there, expected",
    [(None, 0, [None, None, None]), (None, 2, ["0", "1", "0"]), ("3,5", 8, ["3", "5", "3"]), ("", 2, ["", "", ""])],
)
def test_workers_share_cores_and_gpus(tmp_path, monkeypatch, chosen, there, expected):
    monkeypatch.setattr(launch.processes, "cores", lambda: 8)
    monkeypatch.setattr(
        launch.glob, "glob", lambda pattern: [None] * there if pattern.startswith("/dev/nvidia") else []
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    started = []

    class Popen:
        returncode = 0

        def __init__(self, command, env, **_):
            started.append(env)

        def poll(self):
            return 0

    monkeypatch.setattr(launch.processes.subprocess, "Popen", Popen)
    crew = launch.Crew(made(tmp_path, 1), 3, STAND_IN)
    assert not crew.tend() and len(started) == 2
    monkeypatch.setattr(Popen, "poll", lambda self: None)
    assert not crew.tend() and len(started) == 2
    files.note(tmp_path, "worker-0", "default")
    assert not crew.tend()
    chief, *workers = started
    assert [env["KERASTUNER_TUNER_ID"] for env in started] == ["chief", "worker-0", "worker-1", "worker-2"]
    (port,) = {env["KERASTUNER_ORACLE_PORT"] for env in started}
    with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
        other.bind(("127.0.0.1", int(port)))  # held for the chief
    assert chief["CUDA_VISIBLE_DEVICES"] == "-1"
    assert [env.get("CUDA_VISIBLE_DEVICES") for env in workers] == expected
    assert {env["TF_NUM_INTRAOP_THREADS"] for env in workers} == {"2"}  # 8 cores of 3 workers


def test_time_left():
    from qrkeras.search.report import status

    sweep = type("Sweep", (), {"trials": 500, "objective": "fid"})
    found = files.Ledger("nowhere")
    assert status(sweep, found, 0.0, 0) == "0 of 500 trials"
    found.ended = {f"{n:04d}": files.Ended(30.0 + n, None) for n in range(99)} | {"0099": files.Ended(None, "nan")}
    # 100 of 500 are over, 40 of them since this process began, 200 s ago: 5 s for each of the 400 left.
    assert status(sweep, found, 200.0, 40) == "100 of 500 trials, 1 failed, best FID 30 (trial 0000), 0:33:20 left"
