"""Whether an order holds beyond what seeds scatter."""

import dataclasses
import math

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
HELD, FAILED, OPEN = "held", "failed", "not decided"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How much better one sample of seeds is than another, or than a number.

    Attributes:
      gain: difference of means, positive where the expected order holds; beyond the margin, where an order has one.
      low, high: its confidence interval, of Welch's t, or a point where three seeds or more are all the same; NaN of a
        single seed, of two that are the same, and where a run diverged.
      seeds: in how many of the seeds the order holds, `(k, n)`.
      says: "held" if the interval is above 0, "failed" if it is below, else "not decided".
    """

    gain: float
    low: float
    high: float
    seeds: tuple[int, int]
    says: str


def judge(values, than, better):
    """Judges that `values` are better than `than`.

    Args:
      values: figures of one arm, one for each seed; NaN and infinity mean a run that diverged, and are the worst.
      than: those of another arm, for the same seeds, or a number.
      better: "less" or "more".
    Returns: `Verdict`.
    """
    sign = -1.0 if better == "less" else 1.0
    first = sign * np.asarray(values, "float64")
    other = sign * np.broadcast_to(np.asarray(than, "float64"), first.shape)
    ordered = np.where(np.isfinite(first), first, -np.inf) > np.where(np.isfinite(other), other, -np.inf)
    seeds = int(ordered.sum()), len(first)
    gain = float(first.mean() - other.mean())
    low, high = _interval(first, other[:1] if np.ndim(than) == 0 else other)
    says = HELD if low > 0 else FAILED if high < 0 else OPEN
    return Verdict(gain, low, high, seeds, says)


def together(verdicts):
    """What several orders say of a claim: held if all hold, failed if one fails."""
    says = {verdict.says for verdict in verdicts}
    return FAILED if FAILED in says else OPEN if OPEN in says else HELD


def _interval(first, other):
    """Confidence interval of the difference of means, each sample with a variance of its own."""
    if len(first) < 2 or not (np.isfinite(first).all() and np.isfinite(other).all()):
        return math.nan, math.nan
    difference = first.mean() - other.mean()
    of_mean = [x.var(ddof=1) / len(x) if len(x) > 1 else 0.0 for x in (first, other)]
    if not sum(of_mean):
        return (difference, difference) if len(first) > 2 else (math.nan, math.nan)
    freedom = sum(of_mean) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(of_mean, (first, other)) if len(x) > 1)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * math.sqrt(sum(of_mean))
    return difference - half, difference + half
