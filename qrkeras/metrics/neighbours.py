"""Improved precision and recall  (Kynkaanniemi 2019), density and coverage  (Naeem 2020), by nearest neighbours.

All four ask whether a sample lies in a ball, around a sample, that reaches to its k-th nearest neighbour, on the
edge or inside. (Naeem's code leaves out the edge: it differs in ties alone.)

Squared distances come in tiles from one matrix product, `|x|^2 + |y|^2 - 2 x . y`, in float64. That loses digits
where x is near y, as in ties: a copy of a real sample, or a grid. Therefore a pair whose distance is within the
rounding error of the radius is measured again, as `sum (x - y)^2`, like the radii themselves: every decision is
that of the differences, and a copy has the very distance of its original. A product in float32 would be twice as
fast, but its error exceeds the distances inside a tight cluster, as of a collapsed generator, where then nearly
all pairs would have to be measured again.
"""

import dataclasses
import hashlib

import numpy as np

from qrkeras.metrics.batches import Batches, Kept, check_count, check_rows, check_updated


@dataclasses.dataclass(frozen=True)
class NeighbourEstimate:
    """`precision`: fraction of generated samples in a ball of the real ones. `recall`: fraction of real samples in a
    ball of the generated ones. `density`: real balls that a generated sample lies in, on average, divided by k;
    may exceed 1. `coverage`: fraction of real balls with a generated sample in them."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclasses.dataclass(frozen=True)
class Neighbourhoods:
    """`features` `(n, d)` and the squared distance `(n,)` of each to its `k`-th nearest other one, float64."""

    features: np.ndarray
    squared_radii: np.ndarray
    k: int


class PrecisionRecall:
    """`precision_recall(reference, the first limit features so far, k, block_size)`; holds these features.

    Args:
      reference: features `(n, d)`, or their `Neighbourhoods`, which spares finding them again.
    """

    def __init__(self, reference, k=3, limit=10_000, block_size=1000):
        self._reference = _as_neighbourhoods(reference, "reference", k, block_size)
        self._batches = Batches(dim=self._reference.features.shape[1])
        self._kept = Kept(limit)
        self._block_size = block_size

    def update(self, features):
        """Args: features: `(n, d)`.   Returns: self."""
        self._kept.add(self._batches.check(features))
        return self

    def result(self):
        """Returns: `NeighbourEstimate`."""
        k = self._reference.k
        check_updated(self._kept.count, k + 1, f"PrecisionRecall with k = {k}")
        return _compare(self._reference, neighbourhoods(self._kept.all(), k, self._block_size), self._block_size)


def precision_recall(real, generated, k=3, block_size=1000):
    """Precision, recall, density and coverage of generated samples.

    Needs memory for tiles of `(block_size, block_size)` distances and two blocks of features, whatever n and m. All
    four depend on n and m: take equal counts.

    Args:
      real: `(n, d)`, or its `Neighbourhoods`.   generated: `(m, d)`; n and m at least k + 1.
      k: neighbour that a ball reaches to, the sample itself not counted.
    Returns: `NeighbourEstimate`.
    """
    real = _as_neighbourhoods(real, "real", k, block_size)
    generated = check_rows(generated, "generated", real.features.shape[1], "real")
    return _compare(real, _as_neighbourhoods(generated, "generated", k, block_size), block_size)


def neighbourhoods(features, k=3, block_size=1000):
    """Returns: `Neighbourhoods` of features `(n, d)`, n at least k + 1."""
    return _as_neighbourhoods(features, "features", k, block_size)


def _as_neighbourhoods(value, name, k, block_size):
    check_count(block_size, "block_size", least=1)
    if isinstance(value, Neighbourhoods):
        if value.k != k:
            raise ValueError(f"k must be that of {name}, {value.k}. Received: {k}")
        return value
    value = check_rows(value, name, least=check_count(k, "k", least=1) + 1)
    return Neighbourhoods(value, _squared_radii(value, k, block_size), k)


def _squared_radii(features, k, block_size):
    n = len(features)
    center = features.mean(axis=0, dtype=np.float64)
    nearest = np.full((n, k), np.inf)
    indices = np.zeros((n, k), dtype=np.int64)
    for start, rows in _blocks(features, center, block_size):
        here = slice(start, start + len(rows))
        for other, columns in _blocks(features, center, block_size, start):
            tile = _tile(rows, columns)
            if other == start:
                np.fill_diagonal(tile, np.inf)
            else:
                there = slice(other, other + len(columns))
                _keep_nearest(nearest[there], indices[there], tile.T, start)
            _keep_nearest(nearest[here], indices[here], tile, other)
    every = np.arange(n)
    radii = [_squared_distances(features, every, features, indices[:, i], block_size) for i in range(k)]
    return np.max(radii, axis=0)


def _keep_nearest(nearest, indices, tile, start):
    """Merges the smallest of every row of a tile, whose columns begin at `start`, into the k smallest so far."""
    k = nearest.shape[1]
    found = np.argpartition(tile, k - 1, axis=1)[:, :k] if tile.shape[1] > k else np.indices(tile.shape)[1]
    values = np.concatenate([nearest, np.take_along_axis(tile, found, axis=1)], axis=1)
    where = np.concatenate([indices, found + start], axis=1)
    best = np.argpartition(values, k - 1, axis=1)[:, :k]
    nearest[:] = np.take_along_axis(values, best, axis=1)
    indices[:] = np.take_along_axis(where, best, axis=1)


def _compare(real, generated, block_size):
    center = real.features.mean(axis=0, dtype=np.float64)
    balls = np.zeros(len(generated.features), dtype=np.int64)  # real balls around each generated sample
    covered, recalled = np.zeros((2, len(real.features)), dtype=bool)
    numbers = _number_rows(generated.features, real.features)
    for start, rows in _blocks(generated.features, center, block_size):
        for other, columns in _blocks(real.features, center, block_size):
            tile = _tile(rows, columns)  # (generated, real)
            # Of the product: (d + 5) eps (|x|^2 + |y|^2), at most; of the differences as much again.
            error = 2 * (rows.shape[1] + 5) * np.finfo(np.float64).eps * _largest(rows, columns)

            def again(i, j, start=start, other=other):
                # Equal rows are measured once: samples that have all collapsed to one are n * m pairs in doubt.
                pairs = numbers[0][i + start] * len(real.features) + numbers[1][j + other]
                _, first, back = np.unique(pairs, return_index=True, return_inverse=True)
                i, j = i[first] + start, j[first] + other
                return _squared_distances(generated.features, i, real.features, j, block_size)[back]

            radii = real.squared_radii[None, other : other + len(columns)]
            i, j = _inside(tile, radii, error, again)
            balls[start : start + len(rows)] += np.bincount(i, minlength=len(rows))
            covered[other + j] = True
            radii = generated.squared_radii[start : start + len(rows), None]
            _, j = _inside(tile, radii, error, again)
            recalled[other + j] = True
    return NeighbourEstimate(
        precision=float((balls > 0).mean()),
        recall=float(recalled.mean()),
        density=float(balls.sum() / (real.k * len(balls))),
        coverage=float(covered.mean()),
    )


def _inside(tile, radii, error, again):
    """Pairs of a tile that are no farther than the radii, which broadcast to it."""
    i, j = np.nonzero(tile <= radii + error)
    distance, radius = tile[i, j], np.broadcast_to(radii, tile.shape)[i, j]
    inside = distance <= radius
    unsure = np.abs(distance - radius) <= error
    inside[unsure] = again(i[unsure], j[unsure]) <= radius[unsure]
    return i[inside], j[inside]


def _blocks(features, center, block_size, start=0):
    for i in range(start, len(features), block_size):
        yield i, features[i : i + block_size] - center  # float64


def _tile(x, y):
    """Squared distances `(x, y)`, up to rounding."""
    tile = x @ y.T
    tile *= -2
    tile += _squared_norms(x)[:, None]
    tile += _squared_norms(y)
    return tile


def _squared_norms(x):
    return np.einsum("ij,ij->i", x, x)


def _largest(x, y):
    return _squared_norms(x).max() + _squared_norms(y).max()


def _number_rows(x, y):
    """Numbers `(n,)` and `(m,)`, below m in y, that are equal where rows are."""
    seen = {}

    def number(row):
        digest = hashlib.blake2b(row.astype(np.float64).tobytes(), digest_size=16).digest()
        return seen.setdefault(digest, len(seen))

    of_y = np.array([number(row) for row in y])
    return np.array([number(row) for row in x]), of_y


def _squared_distances(x, i, y, j, block_size):
    """`(len(i),)`: `sum (x_i - y_j)^2`; the same bits for the same two rows, wherever they stand."""
    result = np.empty(len(i))
    for start in range(0, len(i), block_size):
        part = slice(start, start + block_size)
        difference = np.subtract(x[i[part]], y[j[part]], dtype=np.float64)
        difference *= difference
        result[part] = difference.sum(axis=1)
    return result
