"""Stopping in good order when the machine is taken away."""

import signal

import keras

from qrkeras.machine import collectives


class StopOnSignal(keras.callbacks.Callback):
    """Ends `fit` after the current execution on SIGTERM or SIGINT, so that the last step is saved.

    Where several workers train together, a signal to one of them ends `fit` on all, after the same step.

    `signal` is the signal's name afterwards, or None. Other callbacks save when training ends, and a second signal must
    not cut that short: whoever called `fit` calls `restore` after it.
    """

    def __init__(self):
        super().__init__()
        self.signal = None
        self._previous = {}

    def on_train_begin(self, logs=None):
        self._previous = {s: signal.signal(s, self._stop) for s in (signal.SIGTERM, signal.SIGINT)}

    def on_train_batch_end(self, batch, logs=None):
        if collectives.anywhere(self.model.distribute_strategy, self.signal is not None):
            self.signal = self.signal or "a signal to another worker"
            self.model.stop_training = True

    def restore(self):
        """Gives the signals back to their former handlers; to be called after `fit`, also where it raised."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _stop(self, number, frame):
        self.signal = signal.Signals(number).name
