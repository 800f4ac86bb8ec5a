"""The optimal discriminator of mixed batches, in closed form  (Lucas, eqs. 4.6, 4.7, 4.20-4.29)."""

import numpy as np
from scipy.special import betainc, betaln


def uniform(size):
    """Probability of one mixing vector with k ones, for k = 0, ..., B, where p is uniform: 1 / ((B + 1) C(B, k))."""
    return beta(size, 1, 1)


def beta(size, a, b):
    """The same where p ~ Beta(a, b)  (4.19)."""
    k = np.arange(size + 1)
    return np.exp(betaln(k + a, size - k + b) - betaln(a, b))


def smoothing(size, gamma):
    """The same where p is uniform on [0, gamma] and [1 - gamma, 1]."""
    k = np.arange(size + 1)
    if gamma == 0:
        return np.where((k == 0) | (k == size), 0.5, 0.0)
    tails = betainc(k + 1, size - k + 1, gamma) + betainc(size - k + 1, k + 1, gamma)
    return np.exp(betaln(k + 1, size - k + 1)) * tails / (2 * gamma)


def optimal(data, generated, weights):
    """`D*(y) = E[#beta / B | y]` of one batch, in O(B^2): coefficients of `prod_b (p2(y_b) + p1(y_b) t)`.

    Args:
      data, generated: densities p1 and p2 at the B examples.   weights: of `uniform`, `beta` or `smoothing`.
    """
    sums = np.ones(1)
    for one, other in zip(data, generated, strict=True):
        total = one + other
        sums = np.append(sums * other / total, 0.0) + np.insert(sums * one / total, 0, 0.0)
    joint = weights * sums
    return float(joint @ np.arange(len(sums)) / (len(sums) - 1) / joint.sum())


def enumerated(data, generated, weights):
    """The same by all 2^B mixing vectors."""
    above = below = 0.0
    for bits in range(2 ** len(data)):
        real = np.array([bits >> i & 1 for i in range(len(data))], bool)
        likelihood = weights[real.sum()] * np.prod(np.where(real, data, generated))
        above, below = above + likelihood * real.mean(), below + likelihood
    return above / below
