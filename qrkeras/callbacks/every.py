"""Callbacks that act every so many steps of the model, not of the epoch."""

import keras


class EveryNSteps(keras.callbacks.Callback):
    """Calls `at_step(step, logs)` each time the model's step count crosses a multiple of `every`, and at the end.

    Steps are those of the model, so that a resumed run keeps its rhythm. With `steps_per_execution` above 1
    the call comes at the first execution that ends at or past the multiple.

    Args:
      every: number of steps, at least 1.
    """

    def __init__(self, every):
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1 step. Received: {every}")
        self.every = every

    def on_train_begin(self, logs=None):
        self._last = self.model.step

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.step
        if step // self.every > self._last // self.every:
            self._last = step
            self.at_step(step, logs or {})

    def on_train_end(self, logs=None):
        step = self.model.step
        if step > self._last:
            self._last = step
            self.at_step(step, logs or {})

    def at_step(self, step, logs):
        raise NotImplementedError
