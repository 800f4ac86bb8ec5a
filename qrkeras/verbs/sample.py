"""`qrkeras sample`: what a run's model draws."""

import pathlib
from typing import Literal

from qrkeras.verbs.arguments import Run


def sample(
    run: Run,
    /,
    n: int = 64,
    seed: int = 0,
    batch_size: int = 64,
    way: Literal["aiqn", "prior"] | None = None,
    output: pathlib.Path | None = None,
):
    """Draw samples from a run: a PNG grid of images, or points as .npy and PNG.

    Args:
      run: Run directory of any model.
      n: Number of samples.
      seed: Seed of the samples' noise.
      batch_size: Number of samples drawn at a time; the samples are the same whatever it is.
      way: Way in which latents are drawn, for a VAE; None: an AIQN-VAE's AIQN, any other's prior.
      output: File to write, .png or .npy; None: RUN/samples-SEED.png, or RUN/samples-prior-SEED.png
        if WAY is given. Points also come as .npy beside it.
    """
    import numpy as np

    from qrkeras.experiments import kinds, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.machine import progress
    from qrkeras.models.abilities import HasLatents, can

    opened = runs.load(run)
    output = output or opened.path / (f"samples-{way}-{seed}.png" if way else f"samples-{seed}.png")
    if output.suffix not in (".png", ".npy"):
        raise ValueError(f"output must end in .png or .npy. Received: {output}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
    model = load_model(opened)
    if way and not can(model, HasLatents):
        raise ValueError(f"way must be left out for {opened.name}, whose model samples in one way. Received: {way}")
    batches = model.sample_batches(n, seed, batch_size, way=way)
    drawn = np.concatenate(list(progress.shown(batches, "samples", n, batch_size)))
    output.parent.mkdir(parents=True, exist_ok=True)
    return kinds.of(model.kind).write(drawn, opened, output)
