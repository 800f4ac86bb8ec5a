"""Chief and worker as several machines start them: processes of their own, without a launcher."""

import os
import signal
import subprocess

import pytest

from qrkeras.search import files, launch
from tests.search.test_launch import STAND_IN, begun, ledger, made
from tests.support.sweep_kills import until


def started(sweep, name, port):
    place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "KERASTUNER_TUNER_ID": name}
    return subprocess.Popen(
        [*STAND_IN, str(sweep.path)], env={**os.environ, **place}, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def port():
    with launch.held_port() as held:
        yield held.getsockname()[1]


def test_a_worker_ends_with_its_chief_and_both_go_on_when_started_again(tmp_path, port):
    sweep = made(tmp_path, 4, {"0001": "slow", "0002": "slow"})
    chief, worker = started(sweep, "chief", port), started(sweep, "worker-0", port)
    until(lambda: "0001" in begun(sweep))
    chief.send_signal(signal.SIGKILL)
    _, told = worker.communicate(timeout=600)
    assert worker.returncode == files.CHIEF_LOST or "failed to connect" in told or "UNAVAILABLE" in told
    assert "0003" not in begun(sweep)
    chief.communicate()
    chief, worker = started(sweep, "chief", port), started(sweep, "worker-0", port)
    assert worker.wait(600) == 0, worker.communicate()
    assert chief.wait(600) == 0, chief.communicate()
    assert sorted(ledger(sweep).completed) == ["0000", "0001", "0002", "0003"]
    chief.communicate(), worker.communicate()
    late = started(sweep, "chief", port)  # after a worker that ended well and is not started again
    assert late.wait(600) == 0, late.communicate()
    late.communicate()
