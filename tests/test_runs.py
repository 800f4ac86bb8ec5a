import collections
import dataclasses
import json

import pytest

from qrkeras import presets, runs

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
