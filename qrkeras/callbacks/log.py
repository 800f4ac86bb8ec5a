"""Losses on disk while training goes on."""

import json
import time

import tensorflow as tf

from qrkeras.callbacks.every import EveryNSteps


def append_record(path, record):
    """Appends one JSON line to `path`."""
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


class Log(EveryNSteps):
    """Writes mean losses since the last line, and steps a second, to metrics.jsonl and to TensorBoard.

    Args:
      path: of metrics.jsonl.   tensorboard: folder of TensorBoard's events.   every: steps between two lines.
    """

    def __init__(self, path, tensorboard, every):
        super().__init__(every)
        self.path = path
        self.tensorboard = str(tensorboard)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._writer = None  # of TensorBoard's events, on the worker that writes
        self._since = (time.perf_counter(), self.model.step)
        self._written = False

    def on_train_batch_begin(self, batch, logs=None):
        if self._written:
            self.model.reset_metrics()
            self._written = False

    def report(self, step, logs):
        super().report(step, logs)
        self._written = True  # means begin anew on all workers alike

    def at_step(self, step, logs):
        now, (then, before) = time.perf_counter(), self._since
        self._since = (now, step)
        scalars = {name: float(value) for name, value in logs.items()}
        scalars["steps_per_second"] = round((step - before) / (now - then), 3)
        append_record(self.path, {"step": step, **scalars})
        self._writer = self._writer or tf.summary.create_file_writer(self.tensorboard)
        with self._writer.as_default():
            for name, value in scalars.items():
                tf.summary.scalar(name, value, step=step)

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        if self._writer:
            self._writer.close()
