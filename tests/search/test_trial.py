import contextlib
import dataclasses
import json
import math
import os
import shutil
import signal

import pytest

from qrkeras import callbacks, families
from qrkeras.experiments import runs
from qrkeras.experiments.train import TrainingFailed, load_model
from qrkeras.families import optimizers
from qrkeras.families.preset import Data
from qrkeras.machine import processes
from qrkeras.models import GAN
from qrkeras.search import files, sweep
from qrkeras.search import trial as module
from qrkeras.search.trial import Outcome, TrialFailed, outcome, run_trial, tidy

VALUES = {
    "loss.penalty_weight": 0.5,
    "loss.norm_target": 0.0,
    "loss.num_quantiles": 8,
    "generator_optimizer.learning_rate": 1e-3,
    "discriminator_optimizer.learning_rate": 1e-3,
}
LABEL = "FID[digits-cnn] train"


def begun(path, steps=6, **options):
    space = families.space("qrgan")
    preset = space.preset(miniature=True)
    preset = dataclasses.replace(
        preset,
        network=dataclasses.replace(preset.network, width=2),
        batch_size=8,
        steps=steps,
        evaluate_samples=70,
        steps_per_execution=1,
        checkpoint_every=2,
        log_every=1,
    )
    return sweep.create(path, space, preset, **options)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A sweep with one trial, scored; a test that changes it makes its own."""
    found = begun(tmp_path_factory.mktemp("sweep") / "s")
    return found, run_trial(found, "0000", VALUES)


def models(found, trial_id):
    directory = found.runs / trial_id
    return [path.name for path in (*callbacks.checkpoints(directory / "checkpoints"), *directory.glob("best.keras"))]


def test_the_objective_is_the_record_of_the_last_step(scored):
    found, value = scored
    run = runs.load(found.runs / "0000")
    (record,) = [record for record in run.records() if LABEL in record]
    assert (record["step"], record["samples"], record[LABEL]) == (6, 70, value)
    assert record["precision[digits-cnn] train"] is None, "only distances are measured"
    assert list(run.samples.iterdir()) == [], "no pictures"
    assert run.seed == 0 and run.preset.loss.penalty_weight == 0.5
    known = outcome(run.path)
    assert (known.values, known.steps, known.value, known.reason) == (VALUES, 6, value, None)
    assert known.seconds > 0
    # The network that was scored is there, since the trial is the best so far.
    assert load_model(run).step == 6


def test_a_trial_that_is_done_costs_nothing(scored, monkeypatch):
    found, value = scored
    monkeypatch.setattr(module, "train", None)
    assert run_trial(found, "0000", VALUES) == value


def test_kid_is_another_record_of_the_same_run(scored, tmp_path):
    found = begun(tmp_path, objective="kid")
    value = run_trial(found, "0000", VALUES)
    (record,) = [record for record in runs.load(scored[0].runs / "0000").records() if LABEL in record]
    assert value == pytest.approx(record["KID[digits-cnn] train"], rel=1e-4)


class Killed(Exception):
    """Stands for a kill."""


def kill(*_, **__):
    raise Killed


@pytest.mark.parametrize("where", ["in training", "before the score"])
def test_killed_and_gone_on_with(scored, tmp_path, monkeypatch, where):
    found = begun(tmp_path)
    with monkeypatch.context() as patch:
        if where == "in training":
            patch.setattr(callbacks.Checkpoint, "at_step", at_step_and_kill(callbacks.Checkpoint.at_step))
        else:
            patch.setattr("qrkeras.evaluation.Evaluator.measure", kill)
        with pytest.raises(Killed):
            run_trial(found, "0000", VALUES)
    (step,) = {load_model(runs.load(found.runs / "0000")).step}
    assert step == {"in training": 4, "before the score": 6}[where]
    assert outcome(found.runs / "0000") is None
    value = run_trial(found, "0000", VALUES)
    assert value == pytest.approx(scored[1], rel=1e-4), "as if it had not been killed"


def at_step_and_kill(at_step):
    def killing(self, step, logs):
        at_step(self, step, logs)
        if step == 4:
            raise Killed

    return killing


def test_told_to_stop(tmp_path, monkeypatch):
    found = begun(tmp_path)
    train_step = GAN.fit

    def stopped(self, *args, **kwargs):
        class Stop(callbacks.EveryNSteps):
            def at_step(self, step, logs):
                if step == 3:
                    os.kill(os.getpid(), signal.SIGTERM)

            def on_train_end(self, logs=None):
                os.kill(os.getpid(), signal.SIGTERM)  # a second one while training ends

        kwargs["callbacks"] = [*kwargs["callbacks"], Stop(3)]
        return train_step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "fit", stopped)
        with pytest.raises(KeyboardInterrupt, match="told to stop; the same call goes on"):
            run_trial(found, "0000", VALUES)
    assert outcome(found.runs / "0000") is None
    # It came after step 3 had been looked at, so step 4 is the last; the second one did not keep it from the disk.
    assert callbacks.checkpoints(found.runs / "0000" / "checkpoints")[0].stem == "step-00000004"
    assert math.isfinite(run_trial(found, "0000", VALUES))


def test_a_directory_of_other_values_is_begun_anew(scored, tmp_path):
    found = begun(tmp_path)
    runs.create(found.runs / "0000", "x", found.preset, seed=0)
    stray = found.runs / "0000" / "stray"
    stray.write_text("")
    assert run_trial(found, "0000", VALUES) == pytest.approx(scored[1], rel=1e-4)
    assert not stray.exists()
    preset = runs.load(found.runs / "0000").preset
    assert module._holds(found.runs / "0000", preset, seed=0)
    assert not module._holds(found.runs / "0000", preset, seed=1)
    (found.runs / "0000" / "config.json").write_text("{")
    assert not module._holds(found.runs / "0000", preset, seed=0)


def test_a_trial_that_another_process_trains_has_not_failed(scored, tmp_path):
    found = begun(tmp_path)
    other = runs.create(found.runs / "0000", "x", found.preset, seed=0)
    stray = other.path / "stray"
    stray.write_text("")
    held, refused = processes.alone(other.path, "run_dir"), pytest.raises(processes.Taken)
    with held, refused:  # of other values
        run_trial(found, "0000", VALUES)
    assert stray.exists() and files.failure(found.path, "0000") is None
    copied = shutil.copytree(scored[0].runs / "0000", found.runs / "0001")
    (copied / "outcome.json").unlink()
    held, refused = processes.alone(copied, "run_dir"), pytest.raises(processes.Taken)
    with held, refused:  # to be gone on with
        run_trial(found, "0001", VALUES)
    assert outcome(copied) is None


def test_a_sweep_whose_data_have_changed_does_not_go_on(tmp_path, monkeypatch):
    found = begun(tmp_path)
    runs.create(found.runs / "default", "x", found.preset, 0, {"files": 3, "bytes": 6, "digest": "abc"})
    source = module.build.dataset(found.preset)
    for digest, told in (("abc", None), ("def", "directory must hold a run of the same data.*digest: abc there")):
        now = dataclasses.replace(source, fingerprint=lambda digest=digest: {"files": 3, "bytes": 6, "digest": digest})
        monkeypatch.setattr(module.build, "dataset", lambda *_, now=now: now)
        monkeypatch.setattr(module.build, "evaluator", lambda *_, **__: None)
        with pytest.raises(ValueError, match=told) if told else contextlib.nullcontext():
            module.prepare(found)


def test_trials_of_images_that_moved_are_known(tmp_path):
    one, other = (dataclasses.replace(begun(tmp_path).preset, data=Data(f"folder:/{name}")) for name in ("a", "b"))
    run = runs.create(tmp_path / "run", "x", one, 0, {"digest": "abc"})
    assert module._holds(run.path, other, 0)
    runs.create(tmp_path / "old", "x", one, 0)
    assert not module._holds(tmp_path / "old", other, 0)


def test_divergence_is_told_in_one_line(tmp_path, monkeypatch):
    found = begun(tmp_path)
    wild = dataclasses.replace(
        found.preset, generator_optimizer=optimizers.Adam(1e38), discriminator_optimizer=optimizers.Adam(1e38)
    )
    found = dataclasses.replace(found, preset=wild)
    with pytest.raises(TrialFailed, match="became -?(nan|inf)|not finite") as caught:
        run_trial(found, "default", None)
    assert "\n" not in str(caught.value)
    known = outcome(found.runs / "default")
    assert known.value is None and known.reason == str(caught.value) and known.values == {}
    assert models(found, "default") == []


def test_an_objective_that_is_not_finite(tmp_path, monkeypatch):
    found = begun(tmp_path)

    def train(name, preset, seed, path, verbose):
        run = runs.create(path, name, preset, seed)
        run.metrics.write_text(json.dumps({"step": 6, LABEL: None}))
        return run

    monkeypatch.setattr(module, "train", train)
    with pytest.raises(TrialFailed, match=r"^FID\[digits-cnn\] train is not finite$"):
        run_trial(found, "0000", VALUES)
    assert outcome(found.runs / "0000").reason == "FID[digits-cnn] train is not finite"


def test_a_full_disk_fails_the_trial_and_keeps_its_checkpoints(tmp_path, monkeypatch):
    found = begun(tmp_path)

    def train(name, preset, seed, path, verbose):
        run = runs.create(path, name, preset, seed)
        (run.checkpoints / "step-00000004.keras").write_text("")
        raise TrainingFailed("it cannot be written\n(No space)") from OSError(28, "No space left on device")

    monkeypatch.setattr(module, "train", train)
    with pytest.raises(TrialFailed, match=r"^it cannot be written \(No space\)$"):
        run_trial(found, "0000", VALUES)
    assert models(found, "0000") == ["step-00000004.keras"]


def test_values_out_of_the_space_fail_the_trial(tmp_path):
    with pytest.raises(TrialFailed, match="loss.num_quantiles must be of Choice"):
        run_trial(begun(tmp_path), "0000", {**VALUES, "loss.num_quantiles": 9})


def test_hyperband_goes_on_from_its_parent(tmp_path, monkeypatch):
    found = begun(tmp_path, steps=27, algorithm="hyperband")
    first = {**VALUES, "tuner/epochs": 3, "tuner/initial_epoch": 0, "tuner/bracket": 2, "tuner/round": 0}
    second = {**first, "tuner/epochs": 9, "tuner/initial_epoch": 3, "tuner/round": 1, "tuner/trial_id": "0000"}
    run_trial(found, "0000", first)
    # 3 of 27 epochs of 27 steps.
    assert runs.load(found.runs / "0000").preset.steps == 3
    worse = dataclasses.replace(outcome(found.runs / "0000"), value=1e9)
    (found.runs / "0000" / "outcome.json").write_text(json.dumps(dataclasses.asdict(worse)))
    trained = []
    fit = GAN.fit

    def noted(self, *args, **kwargs):
        trained.append((self.step, kwargs["steps_per_epoch"]))
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(GAN, "fit", noted)
    gone_on = run_trial(found, "0001", second)
    assert trained == [(3, 6)]
    assert runs.load(found.runs / "0001").preset.steps == 9
    assert models(found, "0000") == [], "gone on from"
    # Without a parent it begins at step 0, with the same result.
    fresh = run_trial(found, "0002", {**second, "tuner/trial_id": "0009"})
    assert trained[1:] == [(0, 9)]
    assert fresh == pytest.approx(gone_on, rel=1e-4)


def laid(found, trial_id, value, values=None, steps=6):
    """A trial that is done, with models of no content."""
    folder = found.runs / trial_id / "checkpoints"
    folder.mkdir(parents=True)
    for path in (folder / "step-00000006.keras", folder.parent / "best.keras"):
        path.write_text("")
    result = Outcome(values or {}, steps, value, 1.0)
    (folder.parent / "outcome.json").write_text(json.dumps(dataclasses.asdict(result)))


def test_only_the_best_keeps_its_models(tmp_path):
    found = begun(tmp_path)
    for trial_id, value in (("0000", 5.0), ("0001", 3.0), ("0002", None), ("default", 1.0)):
        laid(found, trial_id, value)
    (found.runs / "0003" / "checkpoints").mkdir(parents=True)
    (found.runs / "0003" / "checkpoints" / "step-00000002.keras").write_text("")
    tidy(found)
    kept = {trial_id: len(models(found, trial_id)) for trial_id in ("0000", "0001", "0002", "0003", "default")}
    assert kept == {"0000": 0, "0001": 2, "0002": 0, "0003": 1, "default": 0}, "0003 is not done"
    files.condemn(found.path, "0003", "it took too long")
    laid(found, "0004", 2.0)
    tidy(found)
    assert not models(found, "0003")
    assert (models(found, "0001"), len(models(found, "0004"))) == ([], 2)


def test_hyperband_keeps_what_may_be_gone_on_from(tmp_path):
    found = begun(tmp_path, steps=27, algorithm="hyperband")
    laid(found, "0000", 5.0, {"tuner/epochs": 3}, steps=3)
    laid(found, "0001", 4.0, {"tuner/epochs": 3}, steps=3)
    laid(found, "0002", 9.0, {"tuner/epochs": 27}, steps=27)
    laid(found, "0003", 1.0, {"tuner/epochs": 9, "tuner/trial_id": "0001"}, steps=9)
    tidy(found)
    assert [bool(models(found, f"000{i}")) for i in range(4)] == [True, False, False, True]
    tidy(found, finished=True)
    assert [bool(models(found, f"000{i}")) for i in range(4)] == [False, False, False, True]


def test_outcome_that_is_torn(tmp_path):
    assert outcome(tmp_path) is None
    for text in ("", "[1]", '{"values": {}}'):
        (tmp_path / "outcome.json").write_text(text)
        assert outcome(tmp_path) is None


def test_trials_share_weights_data_and_noise(scored):
    found, _ = scored
    run_trial(found, "0001", {**VALUES, "discriminator_optimizer.learning_rate": 1e-5})
    one, other = ([r["d_loss"] for r in runs.load(found.runs / n).records() if "d_loss" in r] for n in ("0000", "0001"))
    # The first loss is that of the first weights, batch and noise: no rate has come into it yet.
    assert one[0] == pytest.approx(other[0], rel=1e-5)
    assert abs(one[-1] - other[-1]) > 1e-6


@pytest.mark.long
def test_captions_are_scored_by_what_held_out_ones_cost(tmp_path):
    space = families.space("captions")
    preset = dataclasses.replace(space.preset(miniature=True), word_dim=64, state_dim=64, batch_size=4, steps=4)
    preset = dataclasses.replace(preset, steps_per_execution=1, checkpoint_every=2, log_every=2)
    found = sweep.create(tmp_path / "s", space, preset)
    assert (found.objective, found.label) == ("nats", "nats_per_word test")
    module.prepare(found)
    values = {"state_dim": 128, "feedback": "none", "dropout": 0.0, "optimizer.learning_rate": 1e-3}
    value = run_trial(found, "0000", values)
    run = runs.load(found.runs / "0000")
    assert [r for r in run.records() if found.label in r] == [
        {"step": 4, "nats_per_word test": value, "captioned": 200}
    ]
    assert run.preset.state_dim == 128 and run_trial(found, "0000", values) == value
    with pytest.raises(ValueError, match="objective must be one of nats. Received: 'fid'"):
        sweep.create(tmp_path / "t", space, preset, objective="fid")
