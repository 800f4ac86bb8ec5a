import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from qrkeras.callbacks import MixtureSamples, SampleGrid

CENTERS = np.array([[0.0, 0.0], [10.0, 0.0]])


class Sampler:
    """Stands for a model: one point of each centre, or images of one grey."""

    distribute_strategy = tf.distribute.get_strategy()

    def __init__(self, step=0, bad=None):
        self.step = step
        self.bad = bad
        self.asked = []

    def sample(self, n, seed, batch_size=None):
        self.asked.append((n, seed))
        if batch_size is None:
            return np.full((n, 8, 8, 1), 7, "uint8")
        points = CENTERS[np.arange(n) % 2].copy()
        if self.bad is not None:
            points[0] = self.bad
        return points


def mixture(tmp_path, model):
    callback = MixtureSamples(tmp_path, tmp_path / "metrics.jsonl", CENTERS, 1.0, every=2, n=10, seed=3)
    callback.set_model(model)
    return callback


def names(path):
    return sorted(p.name for p in path.iterdir())


def test_points_and_their_coverage(tmp_path):
    callback = mixture(tmp_path, Sampler())
    callback.on_train_begin()
    callback.model.step = 2
    callback.on_train_batch_end(0)
    assert names(tmp_path) == [
        "metrics.jsonl", "step-00000000.npy", "step-00000000.png", "step-00000002.npy", "step-00000002.png",
    ]  # fmt: skip
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    # Half of the points on each of two centres.
    expected = {"modes": 2, "captured": 2, "fed": 2, "high_quality": 1.0, "reverse_kl": 0.0, "samples": 10}
    assert records == [{"step": 0, **expected}, {"step": 2, **expected}]
    assert callback.model.asked == [(10, 3), (10, 3)], "the same noise each time"
    np.testing.assert_array_equal(np.load(tmp_path / "step-00000002.npy"), CENTERS[np.arange(10) % 2])


def test_a_resumed_run_does_not_begin_with_a_picture(tmp_path):
    mixture(tmp_path, Sampler(step=4)).on_train_begin()
    assert names(tmp_path) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_not_finite(tmp_path, bad):
    callback = mixture(tmp_path, Sampler(bad=bad))
    with pytest.raises(FloatingPointError, match="the samples are not finite at step 2,000"):
        callback.at_step(2000, {})
    assert names(tmp_path) == []


def test_grid(tmp_path):
    callback = SampleGrid(tmp_path, every=5, n=4, seed=1)
    callback.set_model(Sampler())
    callback.on_train_begin()
    assert names(tmp_path) == ["step-00000000.png"]
    # 2 x 2 cells of 8 + 1 pixels and a line, doubled.
    assert Image.open(tmp_path / "step-00000000.png").size == (38, 38)
    assert callback.model.asked == [(4, 1)]


def test_every_is_checked(tmp_path):
    with pytest.raises(ValueError, match="every must be at least 1"):
        SampleGrid(tmp_path, every=0)
