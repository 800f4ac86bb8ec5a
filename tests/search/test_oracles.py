import functools
import json
import random
import re
import types

import numpy as np
import pytest
import scipy.optimize

from qrkeras import families
from qrkeras.machine import durable
from qrkeras.search import files, oracles
from qrkeras.search import sweep as sweeps
from qrkeras.search.worker import SweepTuner

WORKERS = ("worker-0", "worker-1", "worker-2")


def made(path, algorithm="random", **options):
    return sweeps.create(
        path, "pixeliqn", families.space("pixeliqn").preset(miniature=True), algorithm=algorithm, **options
    )


def chief(sweep):
    """The oracle of a chief that has just been started."""
    return SweepTuner(sweep).oracle


def score(values):
    """An objective; its minimum within the space is known and not of interest."""
    return abs(np.log10(values["optimizer.learning_rate"]) + 3) + values["kappa"]


def end(oracle, trial):
    oracle.update_trial(trial.trial_id, {"fid": score(trial.hyperparameters.values)})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def tried(sweep):
    """What the directory holds: number -> values and score."""
    found = [json.loads(path.read_text()) for path in sweep.path.glob("trial_*/trial.json")]
    return {state["trial_id"]: (state["hyperparameters"]["values"], state["score"]) for state in found}


def left_alone(sweep):
    oracle = chief(sweep)
    while (trial := oracle.create_trial("worker-0")).status == "RUNNING":
        end(oracle, trial)
    assert trial.status == "STOPPED"
    return tried(sweep)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Thirty trials of seed 0 that nothing happened to."""
    return left_alone(made(tmp_path_factory.mktemp("whole"), trials=30))


def test_every_trial_is_of_the_space(whole):
    space = families.space("pixeliqn")
    assert sorted(whole) == [f"{n:04d}" for n in range(30)]
    for values, found in whole.values():
        assert values.keys() == set(space.fields)
        space.apply(space.preset(miniature=True), values)
        assert found == pytest.approx(score(values))
    # 30 draws of three optimizers: all come, none more than 20 times.
    counts = [sum(values["optimizer"] == name for values, _ in whole.values()) for name in ("RmsProp", "Adam", "Sgd")]
    assert min(counts) > 3 and max(counts) < 20


def test_trials_follow_from_the_seed_alone(whole, tmp_path):
    assert left_alone(made(tmp_path / "again", trials=30)) == whole
    other = left_alone(made(tmp_path / "other", trials=30, seed=1))
    rates = [{values["optimizer.learning_rate"] for values, _ in found.values()} for found in (whole, other)]
    assert not rates[0] & rates[1]


def test_a_longer_sweep_begins_with_the_trials_of_a_shorter_one(whole, tmp_path):
    first = left_alone(made(tmp_path, trials=7))
    assert first == {trial_id: whole[trial_id] for trial_id in sorted(whole)[:7]}
    assert left_alone(made(tmp_path, trials=30)) == whole


def test_any_number_of_kills_ends_with_the_same_trials(whole, tmp_path):
    sweep, rng = made(tmp_path, trials=30), random.Random(0)
    oracle, stopped, kills = chief(sweep), set(), 0
    while len(stopped) < len(WORKERS):
        worker = rng.choice(WORKERS)
        if rng.random() < 0.3:  # the chief, and with it all workers
            oracle, kills = chief(sweep), kills + 1
        trial = oracle.create_trial(worker)
        if trial.status == "STOPPED":
            stopped.add(worker)
        elif rng.random() < 0.7:  # else the worker dies, and asks again
            end(oracle, trial)
        else:
            assert oracle.create_trial(worker).trial_id == trial.trial_id
    assert kills > 10
    assert tried(sweep) == whole


@pytest.mark.parametrize("damage", ["", "{", '{"ongoing_trials": {"worker-0": "9999"}}', None])
def test_oracle_json_may_be_torn_or_missing(whole, tmp_path, damage):
    sweep = made(tmp_path, trials=30)
    oracle = chief(sweep)
    for _ in range(3):
        end(oracle, oracle.create_trial("worker-0"))
    running = oracle.create_trial("worker-0")
    file = tmp_path / "oracle.json"
    file.unlink() if damage is None else file.write_text(damage)
    again = chief(sweep).create_trial("worker-1")
    assert (again.trial_id, again.hyperparameters.values) == ("0003", running.hyperparameters.values)
    assert left_alone(sweep) == whole


@pytest.mark.parametrize("names", [("trial.json",), ("trial.json", "trial.old.json")])
def test_torn_trials_run_again_with_their_own_values(whole, tmp_path, capsys, names):
    sweep = made(tmp_path, trials=30)
    left_alone(sweep)
    for trial_id in ("0005", "0021"):
        for name in names:
            (tmp_path / f"trial_{trial_id}" / name).write_text('{"trial_id": "00')
    oracle = chief(sweep)
    assert "trial_0005/trial.json cannot be read and is left out: JSONDecodeError" in capsys.readouterr().err
    again = [oracle.create_trial(worker) for worker in WORKERS]
    assert [trial.trial_id for trial in again[:2]] == ["0005", "0021"] and again[2].status == "STOPPED"
    for trial in again[:2]:
        end(oracle, trial)
    assert tried(sweep) == whole


def test_failures_carry_their_reason_and_never_end_the_sweep(tmp_path):
    sweep = made(tmp_path, trials=30)
    oracle = chief(sweep)
    while (trial := oracle.create_trial("worker-0")).status == "RUNNING":
        files.condemn(tmp_path, trial.trial_id, f"loss became nan at step {trial.trial_id}")
        trial.status = "FAILED"
        oracle.end_trial(trial)
    ledger = files.Ledger(tmp_path)
    ledger.read()
    assert ledger.failed == {f"{n:04d}": f"loss became nan at step {n:04d}" for n in range(30)}
    assert ledger.completed == {}


@pytest.mark.parametrize("number, status", [(28, files.DISK_FULL), (5, 1)])
def test_a_chief_that_cannot_write_ends(whole, tmp_path, monkeypatch, capsys, number, status):
    sweep = made(tmp_path, trials=30)
    oracle = chief(sweep)
    end(oracle, oracle.create_trial("worker-0"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}

    def fails(path, text):
        raise OSError(number, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", fails)
        patch.setattr(oracles.os, "_exit", lambda status: (_ for _ in ()).throw(SystemExit(status)))
        with pytest.raises(SystemExit) as ended:
            oracle.create_trial("worker-0")
    assert ended.value.code == status
    assert re.search(r"trial_0001/trial.json cannot be written \(No space left on device\)", capsys.readouterr().err)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
    assert left_alone(sweep) == whole


@pytest.mark.parametrize("algorithm, trials", [("hyperband", 40), ("bayesian", 13)])
def test_the_other_searches_go_on_as_if_they_had_never_stopped(tmp_path, monkeypatch, algorithm, trials):
    # Three steps of each of the 50 descents of a Bayesian search: seconds less, as good here.
    short = functools.partial(scipy.optimize.minimize, options={"maxiter": 3})
    optimize = types.SimpleNamespace(minimize=short)
    monkeypatch.setattr("keras_tuner.src.tuners.bayesian.scipy", types.SimpleNamespace(optimize=optimize))
    alone = left_alone(made(tmp_path / "alone", algorithm, trials=trials))
    sweep = made(tmp_path / "killed", algorithm, trials=trials)
    # A new chief for every trial, and before that one that dies while its worker has the trial.
    while (trial := chief(sweep).create_trial("worker-0")).status == "RUNNING":
        again = chief(sweep)
        same = again.create_trial("worker-1")
        assert (same.trial_id, same.hyperparameters.values) == (trial.trial_id, trial.hyperparameters.values)
        end(again, same)
    assert len(alone) == trials
    assert tried(sweep) == alone


def test_hyperband_trains_the_best_longer(tmp_path):
    found = left_alone(made(tmp_path, "hyperband", trials=40))
    longest = [values for values, _ in found.values() if values["tuner/epochs"] == sweeps.HYPERBAND_EPOCHS]
    for values in longest:
        if values["tuner/round"]:
            parent, parents_score = found[values["tuner/trial_id"]]
            assert parent["tuner/epochs"] * 3 == sweeps.HYPERBAND_EPOCHS
            rivals = [s for v, s in found.values() if v["tuner/epochs"] == parent["tuner/epochs"]]
            assert parents_score <= np.median(rivals)
    assert any(values["tuner/round"] for values in longest)
