"""Kernel distance between feature distributions  (KID: Binkowski 2018)."""

import dataclasses

import numpy as np

from qrkeras.metrics.batches import Batches, check_count, check_rows, check_updated


@dataclasses.dataclass(frozen=True)
class KernelEstimate:
    """`mean` over `blocks` and its `standard_error`, NaN of a single block; `samples`: generated ones that
    entered. An unbiased estimate of 0 may be negative."""

    mean: float
    standard_error: float
    blocks: int
    samples: int


class KernelDistance:
    """`kernel_distance(reference, all features so far)`; holds the reference and one block of features.

    Args:
      reference: features `(n, d)`, n at least 2.   block_size: most rows in a block.
    """

    def __init__(self, reference, block_size=1000):
        self._reference = check_rows(reference, "reference", least=2)
        self._edges = _edges(len(self._reference), check_count(block_size, "block_size", least=3))
        self._batches = Batches(dim=self._reference.shape[1])
        self._waiting = []
        self._rows = 0  # waiting
        self._seen = 0
        self._distances = []

    def update(self, features):
        """Args: features: `(n, d)`.   Returns: self."""
        features = self._batches.check(features)
        self._seen += len(features)
        while len(features) and len(self._distances) < len(self._edges) - 1:
            block = len(self._distances)
            taken = features[: self._edges[block + 1] - self._edges[block] - self._rows]
            self._waiting.append(np.array(taken))
            self._rows += len(taken)
            features = features[len(taken) :]
            if self._rows == self._edges[block + 1] - self._edges[block]:
                self._distances.append(self._distance(block))
                self._waiting, self._rows = [], 0
        return self

    def result(self):
        """Returns: `KernelEstimate`."""
        check_updated(self._seen, 2, "KernelDistance")
        distances, samples = np.array(self._distances), int(self._edges[len(self._distances)])
        if not self._distances:
            distances, samples = np.array([self._distance(0)]), self._rows
        blocks = len(distances)
        error = distances.std(ddof=1) / np.sqrt(blocks) if blocks > 1 else float("nan")
        return KernelEstimate(float(distances.mean()), float(error), blocks, samples)

    def _distance(self, block):
        real = self._reference[self._edges[block] : self._edges[block + 1]].astype(np.float64)
        return _squared_mmd(real, np.concatenate(self._waiting).astype(np.float64))


def kernel_distance(real, generated, block_size=1000):
    """Squared maximum mean discrepancy of the kernel `k(x, y) = (x . y / d + 1)^3`, unbiased, averaged over blocks:

        mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

    Real rows are cut, in order, into the fewest blocks of at most `block_size`, of sizes that differ by at most 1;
    the generated rows into blocks of the same sizes, each measured against its own. Generated rows that fill no
    block are left out; where they fill none at all, they stand against the first. With equal counts this is
    TF-GAN's `kernel_classifier_distance_and_std`. The order of rows matters through the blocks: shuffle sorted data.

    Args:
      real: `(n, d)`, n at least 2.   generated: `(m, d)`, m at least 2.   block_size: at least 3.
    Returns: `KernelEstimate`.
    """
    real = check_rows(real, "real", least=2)
    generated = check_rows(generated, "generated", real.shape[1], "real", least=2)
    return KernelDistance(real, block_size).update(generated).result()


def _edges(rows, block_size):
    """`(blocks + 1,)`: where blocks begin and end; the larger ones come last, as in TF-GAN."""
    blocks = -(-rows // block_size)
    size, larger = divmod(rows, blocks)
    return np.cumsum([0] + [size] * (blocks - larger) + [size + 1] * larger)


def _squared_mmd(x, y):
    within = _sum_of_kernel(x, x, diagonal=False) / (len(x) * (len(x) - 1))
    within += _sum_of_kernel(y, y, diagonal=False) / (len(y) * (len(y) - 1))
    return within - 2 * _sum_of_kernel(x, y, diagonal=True) / (len(x) * len(y))


def _sum_of_kernel(x, y, diagonal):
    kernel = x @ y.T
    kernel /= x.shape[1]
    kernel += 1
    if not diagonal:
        np.fill_diagonal(kernel, 0)
    return np.vdot(kernel * kernel, kernel)
