import json
import os
import types

import pytest
import tensorflow as tf
from PIL import Image

from qrkeras.callbacks import Evaluation
from qrkeras.evaluation import Measures

FID = "FID[fake] train"
LABEL = f"{FID}, 30 samples, 60 references"


def measures(fid, samples=30, features="fake", references=60):
    others = dict.fromkeys(("kid", "precision", "recall", "density", "coverage", "f8", "f1_8", "auc"), 0.5)
    return Measures(
        features=features, resize="as they are", split="train", samples=samples, references=references, held_out=20,
        fid_train=fid, fid_test=2 * fid,
        kid_error=float("nan"), inception_score=float("nan"), inception_score_deviation=float("nan"), curve=None,
        **others,
    )  # fmt: skip


class Model:
    """Saves the step that it stands at."""

    distribute_strategy = tf.distribute.get_strategy()

    def __init__(self, step=0):
        self.step = step
        self.stop_training = False
        self.asked = []

    def sample_batches(self, n, seed):
        self.asked.append((self.step, n, seed))
        return f"samples of step {self.step}"

    def save(self, path):
        path.write_text(str(self.step))


def evaluation(tmp_path, distances, step=0, every=2, history=(), **changes):
    """An evaluation whose distances are these, one after the other."""
    scripted = iter(distances)
    seen = []

    def measure(batches):
        seen.append(batches)
        return measures(next(scripted), **changes)

    evaluator = types.SimpleNamespace(samples=30, measure=measure, seen=seen)
    places = tmp_path / "metrics.jsonl", tmp_path / "best.keras", tmp_path / "evaluation.png"
    callback = Evaluation(evaluator, *places, every=every, history=history, seed=7)
    callback.set_model(Model(step))
    return callback


def ran(callback, ends, finish=True):
    callback.on_train_begin()
    for end in ends:
        callback.model.step = end
        callback.on_train_batch_end(0)
    if finish:
        callback.on_train_end()
    return callback


def lines(tmp_path):
    path = tmp_path / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def best(tmp_path):
    return int((tmp_path / "best.keras").read_text())


def test_rhythm(tmp_path):
    callback = ran(evaluation(tmp_path, [5.0, 4.0, 3.0]), range(1, 6))
    # Multiples of 2, and the end; not before the first step.
    assert [line["step"] for line in lines(tmp_path)] == [2, 4, 5]
    assert callback.model.asked == [(2, 30, 7), (4, 30, 7), (5, 30, 7)], "the same noise each time"
    assert callback.evaluator.seen == [f"samples of step {step}" for step in (2, 4, 5)]


def test_line(tmp_path):
    ran(evaluation(tmp_path, [5.0]), [2])
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in text, "JSON has none"
    (line,) = lines(tmp_path)
    assert line.pop("seconds") >= 0
    assert line == {
        "step": 2, "features": "fake", "resize": "as they are", "samples": 30, "references": 60,
        "held_out": 20, FID: 5.0, "FID[fake] test": 10.0,
        "KID[fake] train": 0.5, "KID[fake] train error": None, "IS[fake]": None, "IS[fake] deviation": None,
        "precision[fake] train": 0.5, "recall[fake] train": 0.5, "density[fake] train": 0.5,
        "coverage[fake] train": 0.5, "F8[fake] train": 0.5, "F1/8[fake] train": 0.5, "AUC[fake] train": 0.5,
    }  # fmt: skip


def test_the_best_model_is_that_of_the_minimum(tmp_path):
    callback = evaluation(tmp_path, [5.0, 3.0, 4.0, 3.5])
    kept = []
    callback.on_train_begin()
    for callback.model.step in (2, 4, 6, 8):
        callback.on_train_batch_end(0)
        kept.append(best(tmp_path))
    assert kept == [2, 4, 4, 4]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.keras", "evaluation.png", "metrics.jsonl"]


def test_a_distance_that_is_not_finite_is_never_the_best(tmp_path):
    callback = ran(evaluation(tmp_path, [float("nan"), 4.0, float("nan")]), [2, 4, 6])
    assert [line[FID] for line in lines(tmp_path)] == [None, 4.0, None]
    assert best(tmp_path) == 4 and len(callback.history) == 3


def test_one_evaluation_is_no_curve(tmp_path):
    ran(evaluation(tmp_path, [5.0]), [2])
    assert not (tmp_path / "evaluation.png").exists()


def test_made_up_for_once(tmp_path):
    callback = evaluation(tmp_path, [5.0], step=4, history=[{"step": 2, "features": "fake", "samples": 30, FID: 6.0}])
    callback.make_up(callback.model)
    callback.make_up(callback.model)
    assert [line["step"] for line in lines(tmp_path)] == [4]


def test_what_was_missed_at_the_end_is_made_up_off_the_rhythm(tmp_path):
    callback = evaluation(tmp_path, [5.0], step=5, history=[{"step": 4, "features": "fake", "samples": 30, FID: 6.0}])
    callback.make_up(callback.model)
    assert not (tmp_path / "metrics.jsonl").exists(), "training goes on from step 5, and step 6 is to come"
    callback.make_up(callback.model, at_end=True)
    callback.make_up(callback.model, at_end=True)
    assert [line["step"] for line in lines(tmp_path)] == [5]


def test_the_curve_is_drawn(tmp_path):
    ran(evaluation(tmp_path, [5.0, 3.0]), [2, 4])
    # (7, 3.6) inches at 110 dots.
    assert Image.open(tmp_path / "evaluation.png").size == (770, 440)


@pytest.fixture
def drawn(monkeypatch):
    from qrkeras import pictures

    found = []
    monkeypatch.setattr(pictures, "minimum_curves", lambda series, label, path: found.append((label, series[""])))
    return found


def past(step, fid, features="fake", samples=30, **known):
    return {"step": step, "features": features, "samples": samples, f"FID[{features}] train": fid, **known}


def test_a_resumed_run_knows_what_came_before(tmp_path, drawn):
    (tmp_path / "best.keras").write_text("2")
    # Lines of earlier versions do not count the real images.
    history = [{"step": 1, "d_loss": 0.0}, past(2, 3.0), past(4, 6.0, references=60)]
    ran(evaluation(tmp_path, [5.0, 2.0], step=5, history=history), [6], finish=False)
    assert best(tmp_path) == 2, "3 was less than 5"
    assert drawn == [(LABEL, [(2, 3.0), (4, 6.0), (6, 5.0)])]
    callback = ran(evaluation(tmp_path, [2.0], step=7, history=[*history, past(6, 5.0)]), [8], finish=False)
    assert best(tmp_path) == 8
    assert len(history) == 3 and len(callback.history) == 5, "the caller's list is its own"


@pytest.mark.parametrize("other", [{"features": "inception"}, {"samples": 50}, {"references": 10}])
def test_distances_of_another_kind_do_not_compare(tmp_path, drawn, other):
    (tmp_path / "best.keras").write_text("2")
    ran(evaluation(tmp_path, [5.0, 6.0], step=3, history=[past(2, 1.0, **other)]), [4, 6])
    assert best(tmp_path) == 4
    assert drawn == [(LABEL, [(4, 5.0), (6, 6.0)])]


def test_told_to_stop_it_does_not_evaluate(tmp_path):
    callback = evaluation(tmp_path, [5.0, 4.0])
    ran(callback, [1, 2], finish=False)
    callback.model.step = 4
    callback.model.stop_training = True
    callback.on_train_batch_end(0)
    callback.on_train_end()
    assert [line["step"] for line in lines(tmp_path)] == [2]


def test_what_was_due_when_it_stopped_comes_first(tmp_path):
    # Stopped at 4 without the evaluation due there: as if it had not stopped, 2, 4, 6.
    ran(evaluation(tmp_path, [4.0, 3.0], step=4, history=[past(2, 5.0)]), [5, 6], finish=False)
    assert [line["step"] for line in lines(tmp_path)] == [4, 6]


def test_what_was_not_due_waits(tmp_path):
    ran(evaluation(tmp_path, [4.0], step=5, history=[past(4, 5.0)]), [6], finish=False)
    assert [line["step"] for line in lines(tmp_path)] == [6]


def test_failed_save_leaves_the_old_best(tmp_path, monkeypatch):
    callback = ran(evaluation(tmp_path, [5.0, 4.0, 3.0]), [2], finish=False)

    def full(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(callback.model, "save", full)
        callback.model.step = 4
        with pytest.raises(OSError, match="No space left"):
            callback.on_train_batch_end(0)
    assert best(tmp_path) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.keras", "metrics.jsonl"]
    # Nothing was reported of what was not saved, so that it is evaluated again.
    assert [line["step"] for line in lines(tmp_path)] == [2]


def test_failed_rename_leaves_the_old_best(tmp_path, monkeypatch):
    callback = ran(evaluation(tmp_path, [5.0, 4.0]), [2], finish=False)
    callback.model.step = 4

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        callback.on_train_batch_end(0)
    assert best(tmp_path) == 2 and not list(tmp_path.glob("tmp-*"))


def test_every_is_checked(tmp_path):
    with pytest.raises(ValueError, match="every must be at least 1"):
        evaluation(tmp_path, [], every=0)
