"""Precision-recall curves for distributions  (PRD: Sajjadi 2018)."""

import dataclasses

import numpy as np

from qrkeras.metrics.batches import Batches, Kept, check_count, check_rows, check_updated


@dataclasses.dataclass(frozen=True)
class CurveEstimate:
    """`precision` and `recall`, `(angles,)` each, from recall to precision; `f8`, which weighs recall, and `f1_8`,
    which weighs precision: the largest `F_b = (1 + b^2) precision recall / (b^2 precision + recall)` of the
    curve, b = 8 and 1/8. Dropped modes lower f8, samples off the data lower f1_8."""

    precision: np.ndarray
    recall: np.ndarray
    f8: float
    f1_8: float

    @property
    def auc(self):
        """Area under the curve, by trapezoids over recall  (Lucas's thesis, Sec. 5.6.2): of equal distributions 1, of
        disjoint ones 0."""
        return float(np.trapezoid(self.precision[::-1], self.recall[::-1]))


class PrecisionRecallCurve:
    """`precision_recall_curve(reference, the first limit features so far, ...)`; holds these features."""

    def __init__(self, reference, clusters=20, angles=1001, runs=10, seed=0, limit=10_000):
        self._reference = check_rows(reference, "reference")
        self._batches = Batches(dim=self._reference.shape[1])
        self._kept = Kept(limit)
        self._clusters = check_count(clusters, "clusters", least=2)
        self._angles = check_count(angles, "angles", least=3)
        self._runs = check_count(runs, "runs", least=1)
        self._seed = seed

    def update(self, features):
        """Args: features: `(n, d)`.   Returns: self."""
        self._kept.add(self._batches.check(features))
        return self

    def result(self):
        """Returns: `CurveEstimate`."""
        check_updated(self._kept.count, 1, "PrecisionRecallCurve")
        return _curve(self._reference, self._kept.all(), self._clusters, self._angles, self._runs, self._seed)


def precision_recall_curve(real, generated, clusters=20, angles=1001, runs=10, seed=0):
    """Precision `a(t) = sum_c min(t p_c, q_c)` against recall `a(t) / t`, slopes `t` = tan of `angles` angles between
    0 and pi/2; p and q are the shares of real and generated samples in each of `clusters` clusters of both together.
    Precision and recall are averaged over `runs` clusterings, as in the authors' code.

    Args:
      real: `(n, d)`.   generated: `(m, d)`; n + m at least `clusters`. Both weigh the same in the clustering.
      seed: int, of the clusterings. These depend on the order of rows, too.
    Returns: `CurveEstimate`.
    """
    real = check_rows(real, "real")
    generated = check_rows(generated, "generated", real.shape[1], "real")
    all_of_them = PrecisionRecallCurve(real, clusters, angles, runs, seed, limit=max(2, len(generated)))
    return all_of_them.update(generated).result()


def _curve(real, generated, clusters, angles, runs, seed):
    # Both belong to scikit-learn, which takes a second to import.
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    both = np.concatenate([real, generated])
    if len(both) < clusters:
        raise ValueError(f"clusters must be at most the number of samples, {len(both)}. Received: {clusters}")
    weights = np.repeat([1.0, len(real) / len(generated)], [len(real), len(generated)])
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, angles))[:, None]
    precision, recall = np.zeros((2, angles))
    for state in np.random.SeedSequence(seed).generate_state(runs):
        with threadpool_limits(1):  # sums do not depend on the number of cores then, and small batches gain none
            k_means = MiniBatchKMeans(clusters, n_init=10, random_state=int(state)).fit(both, sample_weight=weights)
        labels = k_means.labels_
        p = np.bincount(labels[: len(real)], minlength=clusters) / len(real)
        q = np.bincount(labels[len(real) :], minlength=clusters) / len(generated)
        precision += np.minimum(slopes * p, q).sum(axis=1) / runs
        recall += np.minimum(p, q / slopes).sum(axis=1) / runs
    return CurveEstimate(precision, recall, _largest_f(precision, recall, 8), _largest_f(precision, recall, 1 / 8))


def _largest_f(precision, recall, b):
    below = b**2 * precision + recall
    return float(np.max((1 + b**2) * precision * recall / np.where(below > 0, below, 1)))
