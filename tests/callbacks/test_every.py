import types

import pytest
import tensorflow as tf

from qrkeras.callbacks import EveryNSteps


class Recorder(EveryNSteps):
    def __init__(self, every):
        super().__init__(every)
        self.seen = []

    def at_step(self, step, logs):
        self.seen.append(step)


def ran(every, ends, start=0, finish=True):
    """Steps at which a callback acts where executions end at `ends`."""
    callback = Recorder(every)
    callback.set_model(types.SimpleNamespace(step=start, distribute_strategy=tf.distribute.get_strategy()))
    callback.on_train_begin()
    for end in ends:
        callback.model.step = end
        callback.on_train_batch_end(0)
    if finish:
        callback.on_train_end()
    return callback.seen


def test_every_multiple():
    assert ran(3, range(1, 10)) == [3, 6, 9]


def test_the_end_counts_once():
    assert ran(3, range(1, 9)) == [3, 6, 8]
    assert ran(3, range(1, 9), finish=False) == [3, 6]
    assert ran(100, [1]) == [1]


def test_executions_of_many_steps():
    # Executions of 5: the multiples 3; 6, 9; 12, 15; 18 are met at the ends that follow.
    assert ran(3, [5, 10, 15, 20]) == [5, 10, 15, 20]
    # Multiples of 7: 7 at 10, 14 at 15, 21 at 25.
    assert ran(7, [5, 10, 15, 20, 25]) == [10, 15, 25]


def test_steps_of_ones_choice():
    assert ran((2, 3, 7), range(1, 10)) == [2, 3, 7, 9]
    assert ran((2, 3, 7), [5, 10, 15]) == [5, 10, 15]  # 2 and 3 are met together, and 15 is the end
    assert ran((2, 8), range(6, 10), start=5) == [8, 9]


def test_a_resumed_run_keeps_its_rhythm():
    assert ran(4, range(7, 13), start=6) == [8, 12]


def test_nothing_where_nothing_was_trained():
    assert ran(4, [], start=6) == []


@pytest.mark.parametrize("every", [0, (), (0, 3), (5, 5)])
def test_every_must_be_positive_and_rise(every):
    with pytest.raises(ValueError, match="every must be at least 1 step, or steps that rise from 1. Received: "):
        Recorder(every)
