"""Runs that are killed and go on end as if they had never been killed (20 kills: docs/results/training.md)."""

import json
import pathlib
import subprocess
import sys

KILLS = pathlib.Path(__file__).parents[1] / "support" / "kills.py"


def test_two_kills_and_going_on_is_bit_for_bit_the_run_left_alone():
    command = [sys.executable, KILLS, "--presets", "qrgan-ring8", "--kills", "2", "--steps", "60"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["kills"], result["differing"]) == (2, [])
