"""Measures of generated images while training goes on."""

import math
import time

from qrkeras import pictures
from qrkeras.callbacks.checkpoint import save
from qrkeras.callbacks.every import EveryNSteps
from qrkeras.callbacks.log import append_record
from qrkeras.machine import cluster, collectives


class Evaluation(EveryNSteps):
    """Every so many steps: a line of measures, the best model, and the curve.

    The line in metrics.jsonl holds step, numbers of samples and of real images, feature network, wall time and every
    measure, labelled as `FID[cifar10-cnn] train`. The model of the smallest distance to the training split so far is
    saved whole in `best`; the minimum over training is what papers report  (QRGAN, Table 1).

    Where several workers train together, each draws its share of the samples and takes its features.

    A run that is told to stop is not evaluated on the way out; where one was due, it comes first when the run goes on.

    Args:
      evaluator: measures batches of images: `qrkeras.evaluation.Evaluator`.
      records: path of metrics.jsonl.   best: path of the best model, ending in .keras.
      picture: path of the PNG with the curve, drawn from the second evaluation on.
      every: steps between two evaluations.
      history: lines of metrics.jsonl that a resumed run goes on from.   seed: of the noise, the same each time.
    """

    def __init__(self, evaluator, records, best, picture, every, history=(), seed=0):
        super().__init__(every)
        self.evaluator = evaluator
        self.records = records
        self.best = best
        self.picture = picture
        self.history = list(history)
        self.seed = seed

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.make_up(self.model)

    def make_up(self, model, at_end=False):
        """Evaluates `model` where that is due since the last evaluation that was reported; at the end, where it is
        newer than that."""
        self.set_model(model)
        evaluated = max((record["step"] for record in self.history if "features" in record), default=0)
        strategy = model.distribute_strategy
        behind = model.step > evaluated if at_end else self.marks(model.step) > self.marks(evaluated)
        due = cluster.of(strategy).first and behind  # who knows the history
        if collectives.anywhere(strategy, due):
            self.report(model.step, {})

    def on_train_batch_end(self, batch, logs=None):
        if not self.model.stop_training:
            super().on_train_batch_end(batch, logs)

    def on_train_end(self, logs=None):
        # A run that is told to stop must save at once.
        if not self.model.stop_training:
            super().on_train_end(logs)

    def report(self, step, logs):
        start, workers = time.perf_counter(), cluster.of(self.model.distribute_strategy)
        drawn = (self.evaluator.samples, self.seed)
        if workers.size == 1:
            measures = self.evaluator.measure(self.model.sample_batches(*drawn))
        else:
            batches = self.model.sample_batches(*drawn, share=(workers.index, workers.size))
            measures = self.evaluator.measure(batches, collectives.rows(self.model.distribute_strategy))
        if workers.first:
            self._write(step, measures, time.perf_counter() - start)

    def _write(self, step, measures, seconds):
        record = {
            "step": step,
            "features": measures.features,
            "resize": measures.resize,
            "samples": measures.samples,
            "references": measures.references,
            "held_out": measures.held_out,
            "seconds": round(seconds, 1),
            **measures.finite(),
        }
        self.history.append(record)
        alike = [r for r in self.history if r.get(measures.objective) is not None and comparable(r, record)]
        curve = [(r["step"], r[measures.objective]) for r in alike]
        if math.isfinite(measures.fid_train) and measures.fid_train <= min(value for _, value in curve):
            save(self.model, self.best)
        append_record(self.records, record)  # last: what is not reported is evaluated again
        if len(curve) > 1:
            pictures.minimum_curves({"": curve}, f"{measures.objective}, {measures.counts}", self.picture)


def comparable(record, other):
    """Whether two lines of metrics.jsonl measure alike: distances from other numbers of images do not compare.

    Lines of earlier versions, which do not say how many real images they are against, are taken to compare.
    """
    references = {r["references"] for r in (record, other) if "references" in r}
    return record["samples"] == other["samples"] and len(references) <= 1
