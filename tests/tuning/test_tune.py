"""The search with real trainings: `tuning/sweep.py` as chief and worker, then `qrkeras tune` on what they have left."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import tyro

from qrkeras import cli
from qrkeras.search import launch
from qrkeras.verbs.tune import Search

TUNING = pathlib.Path(__file__).parents[2] / "tuning"
COMPOSE = (TUNING / "compose.yaml").read_text()
TINY = ["pixeliqn", "--miniature", "--trials", "2", "--steps", "4", "--samples", "128"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two trials by a chief and one worker, and what the chief printed."""
    path = tmp_path_factory.mktemp("swept") / "sweep"
    command = [sys.executable, TUNING / "sweep.py", *TINY, "--directory", path]
    held = launch.held_port()
    place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(held.getsockname()[1])}
    chief, worker = (
        subprocess.Popen(
            command, env={**os.environ, **place, "KERASTUNER_TUNER_ID": name}, stdout=-1, stderr=-1, text=True
        )
        for name in ("chief", "worker-0")
    )
    try:
        _, told = worker.communicate(timeout=6000)
        assert worker.returncode == 0, told
        printed, told = chief.communicate(timeout=600)
        assert chief.returncode == 0, told
    finally:
        chief.kill(), worker.kill(), held.close()
    return path, printed


def test_several_machines_end_with_a_table_and_a_winner(swept):
    path, printed = swept
    scores = re.findall(r"^(000\d) +([\d.e+]+) +(RmsProp|Adam|Sgd) ", printed, re.MULTILINE)
    assert sorted(trial for trial, *_ in scores) == ["0000", "0001"]
    assert float(scores[0][1]) <= float(scores[1][1])
    assert printed.splitlines()[0].startswith("trial  FID[digits-cnn] train  optimizer")
    assert "2 trials of pixeliqn: 2 completed." in printed
    assert re.search("It (beats|does not beat) the preset's own values, ", printed)
    assert len((path / "results.csv").read_text().splitlines()) == 1 + 1 + 2
    best = json.loads((path / "best.json").read_text())
    assert best["found"]["trial"] == scores[0][0]


def test_the_same_by_the_command_is_done_already(swept, capsys):
    path, printed = swept
    cli.main(["tune", *TINY, "--directory", str(path)])
    assert capsys.readouterr().out == printed


def test_a_sweep_is_drawn_whenever_one_likes(swept, tmp_path, capsys):
    path, printed = swept
    begun = tmp_path / "begun"
    shutil.copytree(path, begun, ignore=shutil.ignore_patterns("*.png", "*.csv", "best.json", "trial_0001", "lock"))
    cli.main(["plot", str(begun)])
    told = capsys.readouterr().out
    assert "2 trials of pixeliqn: 1 completed." in told
    assert {"results.csv", "best.json", "best-so-far.png", "parameters.png"} <= {file.name for file in begun.iterdir()}
    with pytest.raises(SystemExit):
        cli.main(["plot", str(begun), str(path)])
    assert (
        f"RUN must be a sweep alone, without --output and --steps. Received: {begun}, {path}" in capsys.readouterr().err
    )


def test_the_winner_trains(swept, tmp_path):
    path, _ = swept
    cli.main(["train", str(path / "best.json"), "--steps", "2", "--evaluate-every", "None", "--run-dir", str(tmp_path)])
    assert (tmp_path / "checkpoints" / "step-00000002.keras").exists()


def test_sweep_py_wants_the_environment():
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("KERASTUNER")}
    command = [sys.executable, TUNING / "sweep.py", "pixeliqn"]
    done = subprocess.run(
        command, env={**quiet, "KERASTUNER_TUNER_ID": "chief"}, capture_output=True, text=True, cwd=TUNING.parent
    )
    assert done.returncode == 1
    expected = "the environment must have KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT. It lacks "
    assert done.stderr == f"sweep.py: {expected}KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["pixelqn"],
            "SPACE must be one of qrgan, mbgan, pixeliqn, pixelcnn, ade, captions. Received: 'pixelqn'. "
            'Did you mean "pixeliqn"?',
        ),
        (["pixeliqn", "--workers", "0"], "workers must be at least 1. Received: 0"),
        (["pixeliqn", "--trials", "0"], "trials must be at least 1. Received: 0"),
        (["pixeliqn", "--steps", "0"], "steps must be at least 1. Received: 0"),
        (["pixeliqn", "--trial-timeout", "0"], "trial_timeout must be seconds above 0, or None. Received: 0.0"),
        (["pixeliqn", "--miniature", "--algorithm", "hyperband", "--steps", "9"], "steps must be at least 27"),
        (["qrgan", "--miniature", "--samples", "1"], "samples must be at least 10, one for each split of the"),
        (["qrgan", "--miniature", "--features", "foo"], "features must be one of inception, "),
        (["qrgan", "--features", "none.keras"], "features must name an existing .keras file. Received: 'none.keras'"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing_behind(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["tune", *arguments])
    told = capsys.readouterr().err
    assert stopped.value.code == 2
    assert told.startswith(f"qrkeras tune: {message}") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_another_sweeps_directory_is_refused(swept, capsys):
    path, _ = swept
    with pytest.raises(SystemExit) as stopped:
        cli.main(["tune", *TINY, "--directory", str(path), "--seed", "1"])
    assert stopped.value.code == 2
    assert "must be new or hold the same sweep" in capsys.readouterr().err


def test_options_reach_the_sweep(tmp_path):
    options = ["--data-dir", "/tfds", "--features", "cifar10-cnn", "--objective", "kid", "--directory", str(tmp_path)]
    sweep = tyro.cli(Search, args=["pixelcnn", *options]).open()
    assert (sweep.trials, sweep.objective, sweep.algorithm, sweep.seed) == (500, "kid", "random", 0)
    assert (sweep.preset.steps, sweep.preset.evaluate_samples) == (100_000, 2_500)  # AIQN, Supplement
    assert (sweep.preset.data.directory, sweep.preset.evaluate_features) == ("/tfds", "cifar10-cnn")


def test_a_signal_stops_with_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "run", lambda sweep, workers: "SIGTERM")
    cli.main(["tune", "pixeliqn", "--miniature", "--directory", str(tmp_path)])
    assert capsys.readouterr().out.splitlines() == [
        f"SIGTERM: what was done is saved in {tmp_path}; the same command goes on from there",
        f"`qrkeras plot {tmp_path}` shows what there is so far",
    ]


def test_compose_file_starts_what_sweep_py_takes():
    (command,) = re.findall(r"command: python tuning/sweep.py (.*)", COMPOSE)
    words = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", command).split()
    search = tyro.cli(Search, args=words)
    assert (search.space, search.trials, search.directory) == ("pixeliqn", 500, pathlib.Path("/sweep"))
    names = re.findall(r"KERASTUNER_TUNER_ID: (.*)", COMPOSE)
    assert names == re.findall(r"^  (\S+):$", COMPOSE.split("services:")[1].split("\nvolumes:")[0], re.MULTILINE)
    assert names == ["chief", "worker-0", "worker-1"]
    assert COMPOSE.count("KERASTUNER_ORACLE_IP: ${ORACLE_IP:-chief}") == 2 and COMPOSE.count("_PORT: 8000") == 3


def test_readme_names_what_is_there():
    told = (TUNING / "README.md").read_text()
    for command in re.findall(
        r"^(?:KERASTUNER_TUNER_ID=\S+ +)?(?:qrkeras tune|python tuning/sweep.py) (.*)", told, re.MULTILINE
    ):
        words = command.split("#")[0].split()
        workers = words.index("--workers") if "--workers" in words else len(words)
        assert tyro.cli(Search, args=[*words[:workers], *words[workers + 2 :]]).space in ("pixeliqn", "pixelcnn")
