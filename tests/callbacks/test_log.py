import json
import types

import pytest
import tensorflow as tf

from qrkeras.callbacks import Log
from qrkeras.callbacks.log import append_record


def test_append_record(tmp_path):
    append_record(tmp_path / "metrics.jsonl", {"step": 1})
    append_record(tmp_path / "metrics.jsonl", {"step": 2})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


def test_lines_and_resets(tmp_path):
    resets = []
    log = Log(tmp_path / "metrics.jsonl", tmp_path / "tensorboard", every=2)
    strategy = tf.distribute.get_strategy()
    resetting = {"reset_metrics": lambda: resets.append(log.model.step)}
    log.set_model(types.SimpleNamespace(step=0, distribute_strategy=strategy, **resetting))
    log.on_train_begin()
    for step in range(1, 6):
        log.on_train_batch_begin(step - 1)
        log.model.step = step
        log.on_train_batch_end(step - 1, {"d_loss": step / 2})
    log.on_train_end({"d_loss": 9.0})
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(r["step"], r["d_loss"]) for r in records] == [(2, 1.0), (4, 2.0), (5, 9.0)]
    assert all(r["steps_per_second"] > 0 for r in records)
    # Means begin anew with the execution after a line.
    assert resets == [2, 4]


def test_tensorboard_holds_the_same_scalars(points_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(points_run.tensorboard), {"tensors": 0})
    events.Reload()
    found = {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("d_loss")}
    assert found == {r["step"]: pytest.approx(r["d_loss"]) for r in points_run.records() if "d_loss" in r}
