"""What `fit` and `evaluate` log, and the batches it is measured on."""

from typing import Any, NamedTuple

import keras
from keras import ops


class Batch(NamedTuple):
    """What a model's equations see: examples, as they are inside, and labels or None."""

    examples: Any
    labels: Any = None

    @property
    def rows(self):
        return ops.shape(self.examples)[0]

    def part(self, i, parts):
        """Every `parts`-th row from the i-th on; a batch that is smaller than that gives some rows twice."""
        return Batch(*(None if x is None else x[i % (x.shape[0] or self.rows) :: parts] for x in self))


class Reports:
    """Means over the examples of an epoch, by name.

    They are no attribute of the model, so that a saved model does not hold them: `fit` begins every epoch anew.
    """

    def __init__(self, names):
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    @property
    def seen(self):
        """Examples of this epoch so far, on this replica."""
        return ops.cast(self.trackers[0].count, "int32")

    def update(self, measured, rows):
        """Adds what was measured on a batch of `rows` examples; returns the means."""
        for tracker in self.trackers:
            tracker.update_state(measured[tracker.name], sample_weight=rows)
        return {tracker.name: tracker.result() for tracker in self.trackers}
