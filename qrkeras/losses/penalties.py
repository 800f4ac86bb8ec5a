"""Regularisers of the discriminator: on its outputs, on its gradients, on its weights."""

from keras import ops


def l1_square(real_outputs, fake_outputs, norm_target=0.0):
    """L1-square penalty  (QRGAN, eq. 5), per quantile.

    `((mean_batch |o_real| + mean_batch |o_fake|) / 2 - k)^2`

    Args:
      real_outputs, fake_outputs: `(batch, n)` discriminator outputs.
      norm_target: k, the size at which outputs cost nothing.
    Returns: `(n,)`.
    """
    size = ops.mean(ops.abs(real_outputs), axis=0) + ops.mean(ops.abs(fake_outputs), axis=0)
    return ops.square(0.5 * size - norm_target)


def l2(real_outputs, fake_outputs):
    """L2 penalty `(mean_batch o_real^2 + mean_batch o_fake^2) / 2`, per quantile.

    QRGAN, Section 2.2, names it to show that it saturates; kept for that ablation.

    Args:
      real_outputs, fake_outputs: `(batch, n)` discriminator outputs.
    Returns: `(n,)`.
    """
    real, fake = ops.square(real_outputs), ops.square(fake_outputs)
    return 0.5 * (ops.mean(real, axis=0) + ops.mean(fake, axis=0))


def interpolate(real, fake, fractions):
    """Points between pairs, `e * real + (1 - e) * fake`, one uniform `e` per example  (Gulrajani 2017).

    Args:
      real, fake: `(batch, ...)` examples.   fractions: `(batch,)` in [0, 1].
    Returns: `(batch, ...)`.
    """
    e = ops.reshape(fractions, (-1,) + (1,) * (len(real.shape) - 1))
    return e * real + (1.0 - e) * fake


def gradient_penalty(gradients):
    """Two-sided gradient penalty `(||g||_2 - 1)^2` per example  (Gulrajani 2017, eq. 3).

    Args:
      gradients: `(batch, ...)` gradients of the critic with respect to each example.
    Returns: `(batch,)`. The norm is smoothed by 1e-12 under the root, so that a zero gradient has one.
    """
    axes = tuple(range(1, len(gradients.shape)))
    norm = ops.sqrt(ops.sum(ops.square(gradients), axis=axes) + 1e-12)
    return ops.square(norm - 1.0)
