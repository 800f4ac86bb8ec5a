"""Draw from a trained run: samples, completions and reconstructions of held-out images."""

import numpy as np

from qrkeras import data, figures
from qrkeras.experiments import build, kinds
from qrkeras.experiments.train import load_model
from qrkeras.machine import progress
from qrkeras.models.abilities import HasLatents, Inpaints, Reconstructs, can


def samples(run, output, n=64, seed=0, batch_size=64, way=None):
    """Writes samples as a PNG grid of images, or points as .npy and PNG; an `output` .npy is written alone.

    Args:
      run: `Run`.   output: .png or .npy.   n, seed, batch_size: as of the model's `sample`.
      way: what latents are drawn through, for a model that has them; None: its default.
    Returns: the paths that were written.
    """
    if output.suffix not in (".png", ".npy"):
        raise ValueError(f"output must end in .png or .npy. Received: {output}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
    model = load_model(run)
    if way and not can(model, HasLatents):
        raise ValueError(f"way must be left out for {run.name}, which has no latents. Received: {way}")
    batches = model.sample_batches(n, seed, batch_size, way=way)
    drawn = np.concatenate(list(progress.shown(batches, "samples", n, batch_size)))
    output.parent.mkdir(parents=True, exist_ok=True)
    return kinds.of(model.kind).write(drawn, run, output)


def completions(run, output, n=8, known="top", count=5, tau=(), seed=0):
    """Writes `figures.inpaintings` of the run's first `n` held-out images, `count` draws each and a level of `tau`."""
    model = load_model(run, able=Inpaints)
    if n < 1 or count < 0:
        raise ValueError(f"n must be at least 1 and completions at least 0. Received: {n} and {count}")
    images = data.take(build.dataset(run.preset, "test"), n)
    figures.inpaintings(model, images, known, output, count, tau, seed)


def reconstructions(run, output, n=8, steps=8, importance_samples=100, images=200, seed=0):
    """Writes `figures.reconstructions` of `n` pairs of held-out images, and measures bits per dimension.

    Args:
      run, n, steps, seed: as of `qrkeras reconstruct`.   output: PNG.   images: held-out images that are measured.
      importance_samples: S of the IWAE bound.
    Returns: a line for each of ELBO and IWAE.
    """
    model = load_model(run, able=Reconstructs)
    source = build.dataset(run.preset, "test")
    if not 1 <= n <= source.size // 2 or images < 1:
        raise ValueError(
            f"n must be 1 to {source.size // 2} pairs of held-out images, and images at least 1. Received: {n} and "
            f"{images}"
        )
    if importance_samples < 1:
        raise ValueError(f"importance_samples must be at least 1. Received: {importance_samples}")
    held_out = data.take(source, min(max(images, 2 * n), source.size))
    figures.reconstructions(model, held_out[: 2 * n], output, steps)
    measured, lines = held_out[:images], []
    for name, samples in (("ELBO", 1), (f"IWAE, {importance_samples} samples", importance_samples)):
        bits = model.bits_per_dim(measured, samples, seed)
        lines.append(f"bits per dimension of {len(measured)} held-out images, {name}: {bits.mean():.4f}")
    return lines
