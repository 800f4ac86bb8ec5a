"""The quantile divergence, which quantile regression minimises  (AIQN, Proposition 1)."""

import numpy as np
from keras import ops

from qrkeras.losses.quantile import quantile_fractions


def quantile_divergence(p, q):
    """`q(P, Q) = int_0^1 int_{F_P^-1(tau)}^{F_Q^-1(tau)} (F_P(x) - tau) dx dtau` of samples  (AIQN, Proposition 1).

    The expected quantile loss of Q's quantile function is `q(P, Q) + h(P)`, h independent of Q. It is 0 where P = Q,
    else positive, at most the 1-Wasserstein distance, and not symmetric.

    P and Q are the empirical distributions, so both quantile functions are steps. On a cell of tau where they are
    a and b the inner integral is `G(b) - G(a) - tau (b - a)` with `G(x) = E_P max(x - X, 0)`, linear in tau: its
    middle times the cell's width is exact.

    Args:
      p, q: samples, `(n,)` and `(m,)`, floats.
    Returns: scalar; its gradient towards q is that of the quantile loss.
    """
    p, q = ops.sort(p), ops.sort(q)
    n, m = p.shape[0], q.shape[0]
    edges = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)  # steps of either, in units of 1 / (n m)
    widths, middles = np.diff(edges) / (n * m), (edges[1:] + edges[:-1]) / (2 * n * m)
    a, b = ops.take(p, edges[:-1] // m), ops.take(q, edges[:-1] // n)
    middles, widths = (ops.convert_to_tensor(x, p.dtype) for x in (middles, widths))
    inner = _mean_excess(b, p) - _mean_excess(a, p) - middles * (b - a)
    return ops.sum(widths * inner)


def quantile_divergence_of_functions(p, q, num_fractions=4096):
    """`quantile_divergence` of two quantile functions, each taken at the middles of `num_fractions` equal cells.

    Args:
      p, q: quantile functions, tau `(n,)` in (0, 1) to values `(n,)`.
    """
    fractions = quantile_fractions(num_fractions)
    return quantile_divergence(p(fractions), q(fractions))


def _mean_excess(x, p):
    """`G(x) = mean max(x - p, 0)` for sorted p, by sums from the left; p's middle is taken off for precision."""
    middle = ops.mean(p)
    sums = ops.concatenate([ops.zeros((1,), p.dtype), ops.cumsum(p - middle)])
    count = ops.searchsorted(p, x, side="right")
    return (ops.cast(count, p.dtype) * (x - middle) - ops.take(sums, count)) / p.shape[0]
