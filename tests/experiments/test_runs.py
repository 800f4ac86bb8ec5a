import collections
import dataclasses
import functools
import json
import os
import re

import pytest

from qrkeras import presets
from qrkeras.experiments import runs
from qrkeras.families.preset import Data
from qrkeras.machine import processes

RING8 = presets.get("qrgan-ring8")


@pytest.fixture
def run(tmp_path):
    return runs.create(tmp_path / "run", "qrgan-ring8", RING8, seed=3)


def test_create_then_load(run):
    assert runs.load(run.path) == run
    assert run.samples.is_dir() and run.checkpoints.is_dir()
    config = json.loads((run.path / "config.json").read_text())
    assert config["seed"] == 3 and config["name"] == "qrgan-ring8"
    assert config["preset"]["loss"]["penalty_weight"] == RING8.loss.penalty_weight
    assert {"qrkeras", "python", "keras", "tensorflow", "numpy"} <= set(config["versions"])


def test_create_makes_parents_and_leaves_nothing_else(tmp_path):
    made = runs.create(str(tmp_path / "a" / "b"), "qrgan-ring8", RING8, 0)
    assert sorted(p.name for p in made.path.iterdir()) == ["checkpoints", "config.json", "samples"]


def test_another_length_and_rhythm_is_the_same_experiment(run):
    longer = dataclasses.replace(RING8, steps=7, log_every=1, sample_every=1, checkpoint_every=1, steps_per_execution=1)
    assert runs.create(run.path, "qrgan-ring8", longer, 3).preset == longer
    assert runs.load(run.path).preset == longer
    evaluated = dataclasses.replace(longer, evaluate_every=3, evaluate_samples=20, evaluate_features="digits-cnn")
    assert runs.create(run.path, "qrgan-ring8", evaluated, 3).preset == evaluated


def test_a_run_from_before_there_were_evaluations(run):
    config = json.loads((run.path / "config.json").read_text())
    for field in ("evaluate_every", "evaluate_samples", "evaluate_features"):
        del config["preset"][field]
    (run.path / "config.json").write_text(json.dumps(config))
    assert runs.load(run.path).preset.evaluate_every is None
    assert runs.create(run.path, "qrgan-ring8", RING8, 3).preset == RING8


@pytest.mark.parametrize(
    "preset, seed, message",
    [
        (presets.get("qrgan-grid25"), 3, "data.name: ring8 there, grid25 now"),
        (presets.get("nsgan-ring8"), 3, "loss: QuantileRegression there, NonSaturating now"),
        (presets.get("nsgan-ring8"), 3, "loss.penalty_weight: 0.1 there, None now"),
        (dataclasses.replace(RING8, batch_size=501), 3, "batch_size: 500 there, 501 now"),
        (RING8, 4, "seed: 3 there, 4 now"),
    ],
)
def test_another_experiment_is_refused(run, preset, seed, message):
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(ValueError, match=f"run_dir must be new or hold the same experiment.*{message}.*--run-dir"):
        runs.create(run.path, "other", preset, seed)
    assert (run.path / "config.json").read_bytes() == before


def test_directory_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="run_dir must be a directory that can be written.*Not a directory"):
        runs.create(tmp_path / "file" / "run", "qrgan-ring8", RING8, 0)
    with pytest.raises(ValueError, match="run_dir must be a directory that can be written"):
        runs.create(tmp_path / "file", "qrgan-ring8", RING8, 0)


def test_directory_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(runs.tempfile, "TemporaryFile", refuse)
    with pytest.raises(ValueError, match="can be written. Received: .*run .Permission denied"):
        runs.create(tmp_path / "run", "qrgan-ring8", RING8, 0)


def test_full_disk(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(runs.shutil, "disk_usage", lambda path: usage(2**40, 2**40 - 2**20, 2**20))
    with pytest.raises(ValueError, match="run_dir needs 256 MiB of free disk.*with 1 MiB"):
        runs.create(tmp_path / "run", "qrgan-ring8", RING8, 0)
    assert not (tmp_path / "run" / "config.json").exists()


def test_load_what_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="RUN must be a run directory.*`qrkeras train` makes one"):
        runs.load(tmp_path)
    with pytest.raises(ValueError, match="RUN must be a run directory"):
        runs.load(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="RUN must hold a readable config.json"):
        runs.load(tmp_path / "file")


@pytest.mark.parametrize(
    "text",
    # Torn, of another kind, of other fields.
    ["", "{", "[]", "null", "{}", "\xff", *(f'{{"name": "x", "seed": 0, "preset": {part}}}' for part in ("3", "{}"))],
)
def test_load_a_damaged_configuration(run, text):
    (run.path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="RUN must hold a readable config.json"):
        runs.load(run.path)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("seed",), "0", "seed is '0'"),
        (("name",), 3, "name is 3"),
        (("data",), "ring8", "data is 'ring8'"),
        (("preset",), {"type": "Data", "name": "ring8"}, "preset is Data"),
        (("preset", "batch_size"), "64", "batch_size must be a whole number. Received: '64'"),
        (("preset", "data"), "ring8", "data must be Data. Received: 'ring8'"),
        (("preset", "network", "width"), "4", "network.width must be a whole number. Received: '4'"),
        (("preset", "steps"), 0, "steps must be at least 1. Received: 0"),
    ],
)
def test_load_a_configuration_of_other_types(run, place, value, says):
    config = json.loads((run.path / "config.json").read_text())
    *parents, last = place
    functools.reduce(lambda part, key: part[key], parents, config)[last] = value
    (run.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"RUN must hold a readable config.json. Received: .*{re.escape(says)}"):
        runs.load(run.path)


def test_records_leave_out_a_torn_line(run):
    assert run.records() == []
    run.metrics.write_text('{"step": 1, "d_loss": 2.0}\n{"step": 2, "reverse_kl": Infinity}\n{"step": 3, "d_lo')
    assert run.records() == [{"step": 1, "d_loss": 2.0}, {"step": 2, "reverse_kl": float("inf")}]


def test_latest_reports_up_to_a_step(run):
    lines = '{"step": 1, "loss": 2.0, "kl": 3.0}', '{"step": 2, "kl": Infinity}', '{"step": 3, "loss": 1.0}'
    run.metrics.write_text("\n".join(lines))
    kl = {"value": float("inf"), "step": 2}
    assert run.latest(2) == {"loss": {"value": 2.0, "step": 1}, "kl": kl}
    assert run.latest(3) == {"loss": {"value": 1.0, "step": 3}, "kl": kl}


def test_rewind_drops_what_came_later_and_the_torn_line(run):
    run.metrics.write_text('{"step": 0}\n{"step": 5}\n{"step": 6}\n{"ste')
    run.rewind(5)
    assert run.metrics.read_text() == '{"step": 0}\n{"step": 5}\n'
    run.rewind(-1)
    assert run.metrics.read_text() == ""


def test_one_training_at_a_time(tmp_path):
    with runs.opened(tmp_path / "run", "qrgan-ring8", RING8, 3) as run:
        before = (run.path / "config.json").read_bytes()
        longer = dataclasses.replace(RING8, steps=7)
        second = runs.opened(run.path, "qrgan-ring8", longer, 3)
        with pytest.raises(processes.Taken, match=f"run_dir must be .* where process {os.getpid()} on "), second:
            pass
        assert (run.path / "config.json").read_bytes() == before
    with runs.opened(run.path, "qrgan-ring8", longer, 3) as again:
        assert again.preset == longer


@pytest.mark.parametrize("lies", ["config.json", "oracle.json", "deep/thesis.tex", "step-00000005.keras"])
def test_somebody_elses_directory_is_left_alone(tmp_path, lies):
    (tmp_path / "mine" / lies).parent.mkdir(parents=True)
    (tmp_path / "mine" / lies).write_text('{"model_type": "llama"}')
    before = sorted(tmp_path.rglob("*"))
    for use in (runs.create, lambda *arguments: runs.opened(*arguments).__enter__()):
        with pytest.raises(ValueError, match=f"run_dir must be .*mine, which holds {lies.split('/')[0]}"):
            use(tmp_path / "mine", "qrgan-ring8", RING8, 0)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", [None, "", "{", '{"name": "x", "seed": 0, "preset": {"type": "Flow"}}'])
def test_a_run_whose_configuration_is_lost_is_not_taken_over(run, text):
    (run.checkpoints / "step-00000005.keras").write_text("weights")
    (run.path / "config.json").unlink() if text is None else (run.path / "config.json").write_text(text)
    before = sorted(run.path.rglob("*"))
    with pytest.raises(ValueError, match="run_dir must be .*, which holds checkpoints/"):
        runs.create(run.path, "qrgan-grid25", presets.get("qrgan-grid25"), 0)
    assert sorted(run.path.rglob("*")) == before


def test_what_a_kill_leaves_before_the_configuration_is_no_strangers(run):
    (run.path / "config.json").unlink()
    for name in ("lock", "log.txt", "config.json.host.17.tmp", ".nfs1"):
        (run.path / name).write_text("")
    assert runs.create(run.path, "qrgan-grid25", presets.get("qrgan-grid25"), 0).name == "qrgan-grid25"


CATS = dataclasses.replace(RING8, data=Data("folder:/cats"))
DATA = {"files": 3, "bytes": 6, "digest": "abc", "each": {"a.png": "1 x", "b.png": "2 y", "c.png": "3 z"}}
OTHER = {"files": 3, "bytes": 7, "digest": "def", "each": {"a.png": "1 x", "b.png": "2 w", "d.png": "4 z"}}


def test_data_that_changed_are_named(tmp_path):
    run = runs.create(tmp_path, "cats", CATS, 0, DATA)
    assert run.data == DATA == runs.load(tmp_path).data
    told = "whose data have changed: b.png changed, c.png gone, d.png new; bytes: 6 there, 7 now; digest: abc there"
    with pytest.raises(ValueError, match=told):
        runs.create(tmp_path, "cats", CATS, 0, OTHER)
    few = {key: value for key, value in OTHER.items() if key != "each"}  # of many files, each is not known
    with pytest.raises(ValueError, match="changed: bytes: 6 there, 7 now; digest"):
        runs.create(tmp_path, "cats", CATS, 0, few)
    assert runs.load(tmp_path).data == DATA


def test_data_that_moved_go_on(tmp_path):
    runs.create(tmp_path, "cats", CATS, 0, DATA)
    moved = dataclasses.replace(CATS, data=Data("folder:/elsewhere/cats", directory="/x"))
    assert runs.create(tmp_path, "cats", moved, 0, DATA).preset == moved == runs.load(tmp_path).preset
    with pytest.raises(ValueError, match="whose data have changed"):
        runs.create(tmp_path, "cats", CATS, 0, OTHER)
    with pytest.raises(ValueError, match="data.name: folder:/elsewhere/cats there, cats now"):
        runs.create(tmp_path, "cats", dataclasses.replace(CATS, data=Data("cats")), 0, DATA)


def test_a_run_from_before_data_were_noted_takes_them_on(tmp_path):
    runs.create(tmp_path, "cats", CATS, 0)
    elsewhere = dataclasses.replace(CATS, data=Data("folder:/elsewhere"))
    with pytest.raises(ValueError, match="data.name: folder:/cats there, folder:/elsewhere now"):
        runs.create(tmp_path, "cats", elsewhere, 0, DATA)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["data"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert runs.create(tmp_path, "cats", CATS, 0, DATA).data == DATA
    assert runs.create(tmp_path, "cats", elsewhere, 0, DATA).preset == elsewhere


def test_places_do_not_depend_on_the_directory_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = dataclasses.replace(CATS, data=Data("folder:cats", directory="tfds"), evaluate_features="mine.keras")
    run = runs.create("run", "cats", preset, 0)
    assert run.preset == runs.load("run").preset == runs.anchored(run.preset)
    assert (run.preset.data.name, run.preset.data.directory) == (f"folder:{tmp_path}/cats", f"{tmp_path}/tfds")
    assert run.preset.evaluate_features == f"{tmp_path}/mine.keras"
    # As a run of before has them.
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["preset"]["data"]["name"] = "folder:cats"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    runs.create("run", "cats", preset, 0)
    for name in ("ring8", "folder:", "tfds:folder:x"):
        assert runs.anchored(dataclasses.replace(CATS, data=Data(name))).data.name == name
    assert runs.anchored(CATS).start_from is None
    assert runs.anchored(dataclasses.replace(CATS, start_from="runs/x")).start_from == f"{tmp_path}/runs/x"
    remote = Data("cifar10", directory="gs://bucket/data")
    assert runs.anchored(dataclasses.replace(CATS, data=remote)).data == remote


def test_runs_of_the_same_data(tmp_path):
    def made(name, data, **changes):
        return runs.Run(tmp_path, "x", dataclasses.replace(CATS, data=Data(name, **changes)), 0, data)

    run = made("folder:/cats", DATA)
    assert runs.same_data(run, made("folder:/moved", DATA))
    assert not runs.same_data(run, made("folder:/cats", OTHER))
    assert not runs.same_data(run, made("folder:/moved", DATA, image_size=8))
    assert runs.same_data(run, made("folder:/cats", None, directory="x"))
    assert not runs.same_data(run, made("folder:/moved", None))
