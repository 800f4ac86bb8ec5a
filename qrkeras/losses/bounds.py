"""Bounds of a likelihood with latents: importance samples, and the KL that costs nothing."""

import math

from keras import ops


def log_mean_exp(log_weights, axis):
    """`log mean_s w_s` over an axis of `log w_s`: the bound of IWAE  (Burda et al. 2016, eq. 8; thesis, eq. 2.64).

    With `log w_s = log p(x | z_s) + log p(z_s) - log q(z_s | x)` it bounds `log p(x)` from below in expectation; one
    sample is the ELBO. Its gradient is that of IWAE by itself  (thesis, eq. 2.68).

    Args: log_weights: `(..., S, ...)`, S samples along `axis`.
    Returns: the shape without `axis`.
    """
    return ops.logsumexp(log_weights, axis=axis) - math.log(log_weights.shape[axis])


def log_mean_weight(log_weight, samples):
    """`log mean_s w_s` where sample after sample is drawn and added, so that memory does not grow with their number.

    Args:
      log_weight: function of s, an int or an int tensor, to `log w_s`, `(...)`.   samples: S, int or int tensor.
    Returns: `(...)`.
    """

    def add(s, log_sum):
        return s + 1, ops.logaddexp(log_sum, log_weight(s))

    _, log_sum = ops.while_loop(lambda s, _: s < samples, add, (1, log_weight(0)))
    return log_sum - ops.log(ops.cast(samples, "float32"))


def free_nats(kl, free):
    """`max(KL, free)`: a KL below `free` nats costs the same whatever it is, and is not descended  (Kingma 2016).

    Only a loss has it. What is logged and every bound have the KL itself. With `free` 0 so does the loss: what one
    sample gives for a KL may be below 0, and must not be cut.

    Args:
      kl: that of each latent channel of each layer, `(...)`, summed over places and averaged over the whole batch, that
        of all replicas.
      free: nats, at least 0.
    Returns: `(...)`, unreduced.
    """
    return ops.maximum(kl, free) if free else kl
