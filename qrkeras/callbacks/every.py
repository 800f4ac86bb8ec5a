"""Callbacks that act every so many steps of the model, not of the epoch."""

import bisect
import itertools

import keras

from qrkeras.machine import cluster


class EveryNSteps(keras.callbacks.Callback):
    """Calls `at_step(step, logs)` each time the model's step count crosses a mark of `every`, and at the end.

    Where several workers train together, worker 0 alone calls it: it writes for all.

    Steps are those of the model, so that a resumed run keeps its rhythm. With `steps_per_execution` above 1
    the call comes at the first execution that ends at or past the mark.

    Args:
      every: number of steps, at least 1, whose multiples are the marks; or the marks themselves, in rising order.
    """

    def __init__(self, every):
        super().__init__()
        marks = every if isinstance(every, tuple) else (every,)
        if not marks or marks[0] < 1 or any(a >= b for a, b in itertools.pairwise(marks)):
            raise ValueError(f"every must be at least 1 step, or steps that rise from 1. Received: {every}")
        self.every = every

    def marks(self, step):
        """Number of marks up to a step."""
        return bisect.bisect(self.every, step) if isinstance(self.every, tuple) else step // self.every

    def on_train_begin(self, logs=None):
        self._last = self.model.step

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.step
        if self.marks(step) > self.marks(self._last):
            self._last = step
            self.report(step, logs or {})

    def on_train_end(self, logs=None):
        step = self.model.step
        if step > self._last:
            self._last = step
            self.report(step, logs or {})

    def report(self, step, logs):
        """`at_step`, on the worker that writes."""
        if cluster.of(self.model.distribute_strategy).first:
            self.at_step(step, logs)

    def at_step(self, step, logs):
        raise NotImplementedError
