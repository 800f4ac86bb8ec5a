import dataclasses
import json

import pytest

from qrkeras import families, presets
from qrkeras.families.preset import Data
from qrkeras.machine import processes
from qrkeras.search import sweep


def made(path, **options):
    space = families.space("pixeliqn")
    return sweep.create(path, space, space.preset(miniature=True), **options)


def test_round_trip(tmp_path):
    first = made(tmp_path / "s", trials=7, algorithm="hyperband", objective="kid", seed=3, trial_timeout=60.0)
    again = sweep.load(tmp_path / "s")
    assert again == first and again.preset.sources == first.preset.sources
    assert again.runs.is_dir()
    assert again.label == "KID[digits-cnn] train"


def test_trials_of_a_second_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = families.space("qrgan")
    preset = dataclasses.replace(space.preset(miniature=True), start_from="runs/x", frozen=("generator",))
    sweep.create("s", space, preset)
    again = sweep.load("s").preset
    assert (again.start_from, again.frozen) == (f"{tmp_path}/runs/x", ("generator",))
    longer = space.full_length(space.apply(again, {"loss.penalty_weight": 0.5}))
    assert (longer.start_from, longer.frozen) == (again.start_from, again.frozen), "as the winner is written"


def test_the_papers_sweep_is_the_default(tmp_path):
    found = sweep.create(tmp_path / "s", "pixelcnn")
    assert (found.trials, found.algorithm, found.objective) == (500, "random", "fid")
    assert found.preset == families.space("pixelcnn").preset()
    assert found.label == "FID[inception] train"


def test_gone_on_with(tmp_path):
    made(tmp_path, trials=5)
    assert sweep.load(tmp_path) == made(tmp_path, trials=5)
    made(tmp_path, trials=9, trial_timeout=5.0)
    assert (sweep.load(tmp_path).trials, sweep.load(tmp_path).trial_timeout) == (9, 5.0)


def test_until_it_has_begun_a_sweep_may_become_another(tmp_path):
    made(tmp_path, seed=1)
    made(tmp_path, objective="kid")
    assert (sweep.load(tmp_path).seed, sweep.load(tmp_path).objective) == (0, "kid")


def test_a_sweep_that_runs_is_left_as_it_is(tmp_path):
    made(tmp_path, trials=5)
    with processes.alone(tmp_path, "directory"):
        assert made(tmp_path, trials=5).trials == 5
        with pytest.raises(ValueError, match="directory must be .* nobody else is at work. Received: "):
            made(tmp_path, trials=9)
    assert sweep.load(tmp_path).trials == 5


@pytest.mark.parametrize("lies", ["oracle.json", "trial_0/trial.json", "config.json", "runs/0000/config.json"])
def test_somebody_elses_directory_is_left_alone(tmp_path, lies):
    """A project of keras-tuner, a run, and a sweep whose sweep.json is lost."""
    (tmp_path / "mine" / lies).parent.mkdir(parents=True)
    (tmp_path / "mine" / lies).write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=f"directory must be .*mine, which holds {lies.split('/')[0]}"):
        made(tmp_path / "mine")
    assert sorted(tmp_path.rglob("*")) == before


def test_data_may_move_with_a_sweep(tmp_path, monkeypatch):
    def over(name):
        preset = families.space("pixeliqn").preset(miniature=True)
        return sweep.create(tmp_path / "s", "pixeliqn", dataclasses.replace(preset, data=Data(name)))

    monkeypatch.chdir(tmp_path)
    assert over("folder:images").preset.data.name == f"folder:{tmp_path}/images"
    (tmp_path / "s" / "trial_0000").mkdir()
    assert over("folder:moved").preset == sweep.load(tmp_path / "s").preset
    with pytest.raises(ValueError, match="data.name: .*moved there, digits now"):
        over("digits")


@pytest.mark.parametrize("begun", ["runs/default", "trial_0000"])
def test_another_sweep_is_refused(tmp_path, begun):
    made(tmp_path)
    (tmp_path / begun).mkdir()
    with pytest.raises(ValueError, match=r"hold the same sweep.*a sweep of pixeliqn \(seed: 0 there, 1 now\)"):
        made(tmp_path, seed=1)
    with pytest.raises(ValueError, match="objective: fid there, kid now"):
        made(tmp_path, objective="kid")
    with pytest.raises(ValueError, match="batch_size: 32 there, 8 now"):
        sweep.create(tmp_path, "pixeliqn", dataclasses.replace(sweep.load(tmp_path).preset, batch_size=8))
    assert sweep.load(tmp_path).seed == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"seed": -1}, "seed must be at least 0. Received: -1"),
        ({"trials": 0}, "trials must be at least 1. Received: 0"),
        ({"algorithm": "grid"}, "algorithm must be one of random, hyperband, bayesian. Received: 'grid'"),
        ({"objective": "is"}, "objective must be one of fid, kid. Received: 'is'"),
        ({"trial_timeout": 0.0}, "trial_timeout must be seconds above 0, or None. Received: 0.0"),
    ],
)
def test_bad_values_leave_no_sweep(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        made(tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()


def test_bad_presets(tmp_path):
    tiny = dataclasses.replace(families.space("pixeliqn").preset(miniature=True), steps=26)
    with pytest.raises(ValueError, match="steps must be at least 27 for Hyperband.*Received: 26"):
        sweep.create(tmp_path, "pixeliqn", tiny, algorithm="hyperband")
    with pytest.raises(
        ValueError, match="what pixeliqn searches. Received: GanPreset without optimizer, .*kappa. Begin"
    ):
        sweep.create(tmp_path, "pixeliqn", presets.get("qrgan-digits"))


def test_no_sweep(tmp_path):
    with pytest.raises(ValueError, match="SWEEP must be a sweep directory.*`qrkeras tune` makes one"):
        sweep.load(tmp_path)
    (tmp_path / "sweep.json").write_text(json.dumps({"space": "pixeliqn"}))
    with pytest.raises(ValueError, match="SWEEP must hold a readable sweep.json"):
        sweep.load(tmp_path)


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="directory must be a directory that can be written"):
        made(tmp_path / "file")
