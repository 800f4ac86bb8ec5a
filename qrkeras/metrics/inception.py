"""Inception score  (Salimans 2016)."""

import dataclasses

import numpy as np
from scipy.special import log_softmax

from qrkeras.metrics.batches import Batches, check_count, check_rows, check_updated


@dataclasses.dataclass(frozen=True)
class InceptionEstimate:
    """`mean` and `std` of the score over the splits; `std` is that of the splits themselves (divided by their
    number), as in the literature."""

    mean: float
    std: float


class InceptionScore:
    """`inception_score(all logits so far, splits)`; holds sums of `(splits, classes)`.

    Args:
      splits: number of parts that are scored alone.
    """

    def __init__(self, splits=10):
        self._splits = check_count(splits, "splits", least=1)
        self._batches = Batches(rows="logits")
        self._order, self._parts = np.random.default_rng(0), np.zeros(0, int)
        self._count = np.zeros(self._splits, int)
        self._p = None

    def update(self, logits):
        """Args: logits: `(n, classes)`.   Returns: self."""
        logits = self._batches.check(logits)
        if self._p is None:
            self._p = np.zeros((self._splits, logits.shape[1]))
            self._p_log_p = np.zeros(self._splits)
        log_p = log_softmax(logits.astype(np.float64), axis=1)
        p = np.exp(log_p)
        p_log_p = np.sum(p * log_p, axis=1)
        parts = self._next_parts(len(logits))
        for split in range(self._splits):
            self._p[split] += p[parts == split].sum(axis=0)
            self._p_log_p[split] += p_log_p[parts == split].sum()
        self._count += np.bincount(parts, minlength=self._splits)
        return self

    def _next_parts(self, n):
        """Parts of the next n rows, `(n,)`."""
        blocks = -(-(n - len(self._parts)) // self._splits)
        parts = np.concatenate([self._parts, *(self._order.permutation(self._splits) for _ in range(blocks))])
        self._parts = parts[n:]
        return parts[:n]

    def result(self):
        """Returns: `InceptionEstimate`."""
        check_updated(self._count.sum(), self._splits, f"InceptionScore of {self._splits} splits", rows="logits")
        marginal = self._p / self._count[:, None]
        # E KL(p || q) = E sum p log p - sum q log q, q the mean of p; 0 log 0 = 0.
        entropy = -np.sum(marginal * np.log(np.where(marginal > 0, marginal, 1)), axis=1)
        scores = np.exp(self._p_log_p / self._count + entropy)
        return InceptionEstimate(float(scores.mean()), float(scores.std()))


def inception_score(logits, splits=10):
    """`exp(E KL(p(y|x) || p(y)))`, p(y) the mean of p(y|x), in each of `splits` parts: 1 to the number of classes.

    Of each `splits` rows that follow one another, one belongs to each part, which is drawn, always alike: logits may
    stream by without their number being known, and classes that come in turn all come to every part.

    Args:
      logits: `(n, classes)`, n at least `splits`.
    Returns: `InceptionEstimate`.
    """
    logits = check_rows(logits, "logits", least=check_count(splits, "splits", least=1))
    return InceptionScore(splits).update(logits).result()
