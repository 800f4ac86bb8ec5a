import csv
import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from qrkeras import families, presets
from qrkeras.families import optimizers
from qrkeras.search import results, sweep
from qrkeras.search.trial import Outcome

LABEL = "FID[digits-cnn] train"
STANDARD = {"optimizer": "Adam", "optimizer.learning_rate": 1e-3, "kappa": 0.002}


def values(optimizer="Adam", rate=1e-2, kappa=0.0):
    return {"optimizer": optimizer, "optimizer.learning_rate": rate, "kappa": kappa}


def laid(found, trial_id, state="COMPLETED", score=None, message=None, tried=None, known=None):
    """A trial as keras-tuner records it, and the outcome that its run recorded."""
    folder = found.path / f"trial_{trial_id}"
    folder.mkdir()
    config = {"space": [], "values": {**(tried or values()), "tuner/epochs": 3}}
    record = {"trial_id": trial_id, "hyperparameters": config, "metrics": {"metrics": {}}, "score": score}
    record |= {"best_step": 0, "status": state, "message": message}
    (folder / "trial.json").write_text(json.dumps(record))
    if known:
        (found.runs / trial_id).mkdir()
        (found.runs / trial_id / "outcome.json").write_text(json.dumps(dataclasses.asdict(known)))


@pytest.fixture
def found(tmp_path):
    space = families.space("pixeliqn")
    return sweep.create(tmp_path / "s", space, space.preset(miniature=True), trials=5, seed=4)


@pytest.fixture
def ended(found):
    """A sweep of five: two completed, two failed, one that runs."""
    laid(found, "0000", score=80.5, tried=values("Sgd", 0.5), known=Outcome(values("Sgd", 0.5), 60, 80.5, 2.125))
    laid(found, "0001", "FAILED", message="loss became nan")
    laid(found, "0002", "FAILED", known=Outcome(values(), 60, None, 1.0, "the disk"))
    laid(found, "0003", score=70.25, tried=values("RmsProp", 3e-4, 0.005))
    laid(found, "0004", "RUNNING")
    (found.runs / "default").mkdir()
    known = Outcome({}, 60, 75.0, 2.0)
    (found.runs / "default" / "outcome.json").write_text(json.dumps(dataclasses.asdict(known)))
    return found


def test_rows(ended):
    rows = results.rows(ended)
    assert [(row.trial, row.status, row.value) for row in rows] == [
        ("0000", "completed", 80.5),
        ("0001", "failed", None),
        ("0002", "failed", None),
        ("0003", "completed", 70.25),
        ("0004", "running", None),
    ]
    assert [row.reason for row in rows] == [None, "loss became nan", "the disk", None, None]
    assert (rows[0].seconds, rows[0].steps, rows[3].seconds) == (2.125, 60, None)
    assert rows[0].values == values("Sgd", 0.5), "without keras-tuner's own"


def test_rows_of_torn_files(ended):
    for trial_id in ("0000", "0003"):
        path = ended.path / f"trial_{trial_id}" / "trial.json"
        path.write_text(path.read_text()[:100])
    rows = {row.trial: row for row in results.rows(ended)}
    # The run of 0000 knows; 0003 has none.
    assert sorted(rows) == ["0000", "0001", "0002", "0004"]
    assert (rows["0000"].status, rows["0000"].value, rows["0000"].values) == ("completed", 80.5, values("Sgd", 0.5))


def test_what_keras_tuner_writes_is_read(found):
    from keras_tuner import HyperParameters
    from keras_tuner.engine.trial import Trial

    hp = HyperParameters()
    hp.values = values("Adam", 1e-3)
    trial = Trial(hp, "0007", "COMPLETED")
    trial.score = 9.5
    (found.path / "trial_0007").mkdir()
    trial.save(found.path / "trial_0007" / "trial.json")
    (row,) = results.rows(found)
    assert (row.trial, row.status, row.value, row.values) == ("0007", "completed", 9.5, values("Adam", 1e-3))


def test_table(ended):
    results.write(ended)
    lines = list(csv.reader(io.StringIO((ended.path / "results.csv").read_text())))
    assert lines == [
        ["trial", "status", LABEL, "optimizer", "optimizer.learning_rate", "kappa", "steps", "seconds", "reason"],
        ["default", "completed", "75.0", "Adam", "0.001", "0.002", "60", "2.0", ""],
        ["0000", "completed", "80.5", "Sgd", "0.5", "0.0", "60", "2.12", ""],
        ["0001", "failed", "", "Adam", "0.01", "0.0", "", "", "loss became nan"],
        ["0002", "failed", "", "Adam", "0.01", "0.0", "60", "1.0", "the disk"],
        ["0003", "completed", "70.25", "RmsProp", "0.0003", "0.005", "", "", ""],
        ["0004", "running", "", "Adam", "0.01", "0.0", "", "", ""],
    ]


def test_verdict(ended):
    assert results.write(ended) == [
        "5 trials of pixeliqn: 2 completed, 2 failed, 1 running.",
        f"Best: trial 0003, {LABEL} 70.25, with optimizer RmsProp, optimizer.learning_rate 0.0003, kappa 0.005.",
        "It beats the preset's own values, 75 with optimizer Adam, optimizer.learning_rate 0.001, kappa 0.002.",
    ]
    (ended.runs / "default" / "outcome.json").write_text(json.dumps(dataclasses.asdict(Outcome({}, 60, 70.25, 1.0))))
    assert results.write(ended)[-1].startswith("It does not beat the preset's own values, 70.25 with optimizer Adam")
    (ended.runs / "default" / "outcome.json").unlink()
    assert results.write(ended)[-1] == "The preset's own values have no score to compare with."


def test_before_anything_is_scored(found):
    assert results.write(found) == ["5 trials of pixeliqn: none begun.", "No trial has a score."]
    laid(found, "0000", "FAILED", message="why")
    assert results.write(found)[0] == "5 trials of pixeliqn: 1 failed."
    assert not (found.path / "best.json").exists()
    assert (found.path / "results.csv").read_text().splitlines()[1].endswith(",why")


def test_best_as_a_preset(ended):
    results.write(ended)
    path = ended.path / "best.json"
    best = presets.get(str(path))
    # The winner's values, the miniature's network, the length of pixeliqn-digits.
    assert (best.optimizer, best.kappa) == (optimizers.RmsProp(3e-4), 0.005)
    assert best.network == ended.preset.network and best.data == ended.preset.data
    assert (best.steps, best.evaluate_every, best.evaluate_samples) == (3_000, 1_000, 2_000)
    assert json.loads(path.read_text())["found"] == {
        "space": "pixeliqn", "trial": "0003", "objective": LABEL, "value": 70.25, "steps": None, "samples": 256,
            "references": 50_000,
        "seed": 4,
    }  # fmt: skip
    assert presets.citation(best, "kappa") == f"sweep of pixeliqn, trial 0003: {LABEL} 70.25, seed 4"
    assert presets.citation(best, "optimizer.learning_rate") == presets.citation(best, "kappa")
    assert presets.citation(best, "head").startswith("AIQN")
    assert not set(best.sources) - set(presets.leaves(best)), "a source must name a field"


def test_best_with_a_schedule_is_scaled_to_the_full_length(tmp_path):
    found = sweep.create(tmp_path, "pixelcnn")
    tried = {"optimizer": "Sgd", "optimizer.learning_rate": 0.1, "optimizer.decays": "three-stage"}
    laid(found, "0000", score=1.0, tried=tried)
    results.write(found)
    best = presets.get(str(found.path / "best.json"))
    assert best.steps == 300_000
    assert best.optimizer == optimizers.Sgd(0.1, ((120_000, pytest.approx(0.03)), (180_000, pytest.approx(0.01))))


def test_best_is_shown_and_trained(ended, tmp_path):
    results.write(ended)
    best = str(ended.path / "best.json")

    def done(*arguments):
        command = [sys.executable, "-m", "qrkeras", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout

    shown = done("presets", best)
    assert "optimizer.learning_rate  0.0003" in shown and "sweep of pixeliqn, trial 0003" in shown
    short = ["--steps", "1", "--sample-every", "None", "--evaluate-every", "None", "--steps-per-execution", "1"]
    assert "1 steps done" in done("train", best, *short)
    assert (tmp_path / "runs" / "best-0" / "config.json").exists(), "the run's name is the file's"


def test_pictures(ended):
    results.write(ended)
    # (3 panels of 3.6, 3.2 + 0.5) and (7, 4) inches at 110 dots.
    assert Image.open(ended.path / "parameters.png").size == (1188, 407)
    assert Image.open(ended.path / "best-so-far.png").size == (770, 440)
    red = np.asarray(Image.open(ended.path / "parameters.png").convert("RGB")).astype(int)
    marks = np.argwhere((red[..., 0] > 180) & (red[..., 1] < 60) & (red[..., 2] < 90))
    # Two crosses in each of three panels, in the uppermost sixth of them (the legend aside).
    assert (marks[:, 0] < 60).sum() > 6 * 10


def test_pictures_of_values_below_zero(ended):
    path = ended.path / "trial_0003" / "trial.json"
    path.write_text(path.read_text().replace("70.25", "-0.001"))  # a kernel distance, which is unbiased
    results.write(ended)
    assert (ended.path / "parameters.png").exists()


def test_hparams(ended):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    results.write(ended)
    results.write(ended)
    folder = ended.path / "tensorboard"
    assert sorted(path.name for path in folder.iterdir()) == ["0000", "0003", "default"]
    assert all(len(list(path.iterdir())) == 1 for path in folder.iterdir()), "written once"
    events = EventAccumulator(str(folder / "0003")).Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    session = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert session.group_name == "0003"
    assert session.hparams["optimizer"].string_value == "RmsProp"
    assert session.hparams["optimizer.learning_rate"].number_value == 3e-4
    (event,) = events.Tensors(LABEL)
    assert tf.make_ndarray(event.tensor_proto) == 70.25


def test_default_is_what_the_preset_has(ended):
    assert results.default(ended).values == STANDARD
    assert results.best(results.rows(ended)).trial == "0003"
    assert results.best([]) is None
