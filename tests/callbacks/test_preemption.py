import os
import signal
import types

import pytest
import tensorflow as tf

from qrkeras.callbacks import StopOnSignal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_after_the_execution(number):
    before = signal.getsignal(number)
    stop = StopOnSignal()
    stop.set_model(types.SimpleNamespace(stop_training=False, distribute_strategy=tf.distribute.get_strategy()))
    stop.on_train_begin()
    try:
        stop.on_train_batch_end(0)
        assert stop.signal is None and not stop.model.stop_training
        os.kill(os.getpid(), number)
        assert not stop.model.stop_training, "the step under way is finished"
        stop.on_train_batch_end(1)
        assert stop.signal == number.name and stop.model.stop_training
        stop.on_train_end()
        os.kill(os.getpid(), number)  # while others save
    finally:
        stop.restore()
    assert signal.getsignal(number) == before


def test_restore_before_training_and_twice():
    before = signal.getsignal(signal.SIGTERM)
    stop = StopOnSignal()
    stop.restore()
    stop.on_train_begin()
    stop.restore()
    stop.restore()
    assert signal.getsignal(signal.SIGTERM) == before
