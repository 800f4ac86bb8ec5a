"""Frechet distance between Gaussians fitted to features  (Heusel 2017)."""

import dataclasses
import warnings

import numpy as np
from scipy.linalg.blas import dsyr, dsyrk

from qrkeras.metrics.batches import Batches, check_count, check_rows, check_updated

BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class Moments:
    """`count` samples, their `mean` `(d,)` and `covariance` `(d, d)`, divided by `count - 1`, in float64."""

    count: int
    mean: np.ndarray
    covariance: np.ndarray


class MomentsAccumulator:
    """Moments of features that stream by, in float64.

    Rows are gathered to blocks of 1,024, whatever the batches, and every block's own mean and scatter
    `S = sum (x - m)(x - m)^T` are merged  (Chan 1979):

        S = S_a + S_b + (n_a n_b / n) (m_b - m_a)(m_b - m_a)^T

    so that a far mean costs no digits, and the result depends on the rows alone, to the last bit. Holds one block
    and one matrix `(d, d)`.

    Args:
      dim: of the features; that of the first batch where None.
    """

    def __init__(self, dim=None):
        self._batches = Batches(dim=None if dim is None else check_count(dim, "dim", least=1))
        self._merged = 0  # rows in mean and scatter
        self._waiting = 0  # rows in the block
        self._block = None

    @property
    def count(self):
        """Rows so far."""
        return self._merged + self._waiting

    def update(self, features):
        """Args: features: `(n, d)`.   Returns: self."""
        features = self._batches.check(features)
        if self._block is None:
            self._allocate(features.shape[1])
        start = 0
        while start < len(features):
            taken = min(BLOCK - self._waiting, len(features) - start)
            self._block[self._waiting : self._waiting + taken] = features[start : start + taken]
            start, self._waiting = start + taken, self._waiting + taken
            if self._waiting == BLOCK:
                self._mean, self._scatter = _merge(self._merged, self._mean, self._scatter, self._block)
                self._merged, self._waiting = self._merged + BLOCK, 0
        return self

    def result(self):
        """Returns: `Moments` of all rows so far."""
        check_updated(self.count, 2, "MomentsAccumulator")
        mean, scatter = self._mean, self._scatter.copy(order="F")
        if self._waiting:
            mean, scatter = _merge(self._merged, mean, scatter, self._block[: self._waiting].copy())
        scatter /= self.count - 1
        return Moments(self.count, mean, np.tril(scatter) + np.tril(scatter, -1).T)

    def _allocate(self, dim):
        self._block = np.empty((BLOCK, dim))
        self._mean = np.zeros(dim)
        self._scatter = np.zeros((dim, dim), order="F")  # its lower half, as BLAS writes it without a copy


class FrechetDistance:
    """`frechet_distance(reference, all features so far)`.

    Args:
      reference: features `(n, d)`, or their `Moments`.
    """

    def __init__(self, reference):
        self._reference = _as_moments(reference, "reference")
        self._moments = MomentsAccumulator(dim=len(self._reference.mean))

    def update(self, features):
        """Args: features: `(n, d)`.   Returns: self."""
        self._moments.update(features)
        return self

    def result(self):
        """Returns: the distance, a float."""
        check_updated(self._moments.count, 2, "FrechetDistance")
        return frechet_distance(self._reference, self._moments.result())


def moments(features):
    """Returns: `Moments` of features `(n, d)`, n at least 2."""
    return _as_moments(features, "features")


def frechet_distance(a, b):
    """`|mu_a - mu_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))`  (Heusel 2017, Eq. 6), in float64.

    The trace of the root is the sum of the square roots of the eigenvalues of `R S_b R`, R the symmetric root of S_a:
    symmetric, where `S_a S_b` is not, so that no imaginary parts arise. Warns where a covariance is singular,
    having fewer than d + 1 samples: the distance is then far above that of the distributions.

    Args:
      a, b: features `(n, d)`, or their `Moments`.
    Returns: float, at least 0.
    """
    a, b = _as_moments(a, "a"), _as_moments(b, "b")
    dim = len(a.mean)
    if len(b.mean) != dim:
        raise ValueError(
            f"a and b must have one dimension; take both from one network. Received: {dim} and {len(b.mean)}"
        )
    if min(a.count, b.count) < dim + 1:
        warnings.warn(
            f"The covariance of {min(a.count, b.count)} samples is singular in {dim} dimensions, and the Frechet "
            f"distance too large. Take at least {dim + 1} samples",
            stacklevel=2,
        )
    values, vectors = np.linalg.eigh(a.covariance)
    # With S_a = V D V^T, R S_b R has the eigenvalues of D^(1/2) V^T S_b V D^(1/2): one product less.
    root = vectors * np.sqrt(np.clip(values, 0, None))
    eigenvalues = np.linalg.eigvalsh(root.T @ b.covariance @ root)
    trace = np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    return max(0.0, float(np.sum((a.mean - b.mean) ** 2) + trace))


def _merge(count, mean, scatter, block):
    """Merges a block into mean and lower half of the scatter; writes over the block and the scatter."""
    block_mean = block.mean(axis=0)
    block -= block_mean
    total = count + len(block)
    difference = block_mean - mean
    # A block's transpose is what BLAS calls a matrix of columns: nothing is copied.
    scatter = dsyrk(1.0, block.T, beta=1.0, c=scatter, lower=1, overwrite_c=1)
    scatter = dsyr(count * len(block) / total, difference, a=scatter, lower=1, overwrite_a=1)
    return mean + difference * (len(block) / total), scatter


def _as_moments(value, name):
    if isinstance(value, Moments):
        return value
    return MomentsAccumulator().update(check_rows(value, name, least=2)).result()
