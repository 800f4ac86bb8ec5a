"""Mode coverage of samples from a mixture of Gaussians  (VEEGAN, Section 5.1; PacGAN, Section 4.1)."""

import dataclasses

import numpy as np

FED_FROM = (20, 10_000)


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """`captured`: modes with a high-quality sample. `fed`: modes with at least 20 of 10,000 samples, in
    proportion. `high_quality`: fraction of samples that are. `reverse_kl`: `KL(q || uniform)` in nats, q the
    share of each mode among high-quality samples; infinite where there is none."""

    modes: int
    captured: int
    fed: int
    high_quality: float
    reverse_kl: float


def mode_coverage(samples, centers, std):
    """How samples spread over the modes of a mixture.

    A sample is *high quality* within 3 standard deviations of its nearest centre; a mode is *captured* when it
    is the nearest centre of a high-quality sample. For an ideal sampler in two dimensions the high-quality
    fraction is `1 - exp(-4.5) = 0.989`. Captured modes alone mislead: uniform noise captures most.

    Args:
      samples: `(n, d)`.   centers: `(modes, d)`.   std: of each mode, in the same units.
    Returns: `ModeCoverage`.
    """
    samples, centers = np.asarray(samples, "float64"), np.asarray(centers, "float64")
    if samples.ndim != 2 or samples.shape[0] == 0 or samples.shape[1:] != centers.shape[1:]:
        raise ValueError(
            f"samples must have shape (n, {centers.shape[1]}), n at least 1, like the centers. "
            f"Received shape: {samples.shape}"
        )
    if not np.all(np.isfinite(samples)):
        raise ValueError("samples must be finite. Received: NaN or infinity")
    distance = np.linalg.norm(samples[:, None, :] - centers[None, :, :], axis=-1)  # (n, modes)
    good = distance.min(axis=1) <= 3 * std
    counts = np.bincount(distance.argmin(axis=1)[good], minlength=len(centers))
    least, of = FED_FROM
    share = counts[counts > 0] / max(1, counts.sum())
    return ModeCoverage(
        modes=len(centers),
        captured=int((counts > 0).sum()),
        fed=int(((counts > 0) & (counts * of >= least * len(samples))).sum()),
        high_quality=float(good.mean()),
        reverse_kl=float(np.sum(share * np.log(share * len(centers)))) if len(share) else float("inf"),
    )
