"""What all measures ask of the features that stream by."""

import numpy as np


class Batches:
    """Checks batches of `(n, dim)` and numbers them from 1.

    Args:
      rows: what the rows are called in errors: "features", "logits".
      dim: columns asked for; of the first batch where None.
    """

    def __init__(self, rows="features", dim=None):
        self.rows = rows
        self.dim = dim
        self.like = "the reference"
        self.number = 0

    def check(self, values):
        """Returns: `values` as an array, checked by `check_rows`."""
        self.number += 1
        values = check_rows(values, f"{self.rows} of batch {self.number}", self.dim, self.like)
        if self.dim is None:
            self.dim, self.like = values.shape[1], f"batch {self.number}"
        return values


class Kept:
    """The first `limit` rows that stream by, each type of float as it came."""

    def __init__(self, limit):
        self.limit = check_count(limit, "limit", least=2)
        self.count = 0
        self._parts = []

    def add(self, values):
        part = np.array(values[: self.limit - self.count])
        if len(part):
            self._parts.append(part)
            self.count += len(part)

    def all(self):
        """Returns: `(count, dim)`."""
        self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


def check_rows(values, name, dim=None, like=None, least=1):
    """Finite, real, two-dimensional and enough, or a ValueError that says what is not.

    Args:
      name: of the argument, in errors.   dim: columns asked for, as in `like`; any where None.   least: rows.
    Returns: `(n, dim)` of float32, where it came so, or float64.
    """
    values = np.asarray(values)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"{name} must have shape (n, dim), both at least 1. Received shape: {values.shape}")
    if dim is not None and values.shape[1] != dim:
        raise ValueError(
            f"{name} must have {dim} columns, as {like} has; take both from one network. "
            f"Received: {values.shape[1]} columns"
        )
    if len(values) < least:
        raise ValueError(f"{name} must have at least {least} rows. Received: {len(values)}")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers; cast to float32. Received: {values.dtype}")
    finite = np.isfinite(values)
    if not finite.all():
        bad = np.flatnonzero(~finite.all(axis=1))
        what = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(
            f"{name} must be finite. Received: {what} in {len(bad)} of {len(values)} rows, the first at row {bad[0]}"
        )
    return values if values.dtype == np.float32 else values.astype(np.float64, copy=False)


def check_count(value, name, least):
    """Returns: `value`, an int of at least `least`, or a ValueError."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}. Received: {value!r}")
    return int(value)


def check_updated(count, needed, owner, rows="features"):
    """A measure of too few rows is an error: RuntimeError before the first update, ValueError after it."""
    if count == 0:
        raise RuntimeError(f"{owner} has seen no {rows}. Call update({rows}) before result()")
    if count < needed:
        raise ValueError(f"{owner} needs at least {needed} rows of {rows}. Received: {count}")
