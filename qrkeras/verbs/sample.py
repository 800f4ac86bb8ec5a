"""`qrkeras sample`: what a run's model draws."""

import pathlib

from qrkeras.experiments import directories
from qrkeras.verbs.arguments import Run


def sample(
    run: Run,
    /,
    n: int = 64,
    seed: int = 0,
    batch_size: int = 64,
    way: str | None = None,
    draws: int | None = None,
    output: pathlib.Path | None = None,
):
    """Draw samples from a run: a PNG grid of images, or points as .npy and PNG.

    Args:
      run: Run directory of any model that draws examples.
      n: Number of samples.
      seed: Seed of the samples' noise.
      batch_size: Number of samples drawn at a time; the samples are the same whatever it is.
      way: Way in which samples are drawn, where a model has several; None: its first. AIQN-VAE: aiqn, prior. AGAVE:
        pixels, auxiliary, what its decoder says of the same draw. AV-ADE: gaussian, mean.
      draws: Images drawn of each sample's latents, beside what the decoder says of them, N rows: AGAVE, AV-ADE and its
        relatives; None: one each.
      output: File to write, .png or .npy; None: RUN/samples-SEED.png, RUN/samples-WAY-SEED.png if WAY is given,
        RUN/draws-SEED.png if DRAWS is. Points also come as .npy beside it.
    """
    import numpy as np

    from qrkeras.experiments import kinds, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.machine import progress
    from qrkeras.models.abilities import HasLatents, Samples, SharesLatents, can

    opened = runs.load(run)
    kind = "samples" if draws is None else "draws"
    output = output or opened.path / (f"{kind}-{way}-{seed}.png" if way else f"{kind}-{seed}.png")
    directories.check_file(output, ".png", ".npy")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
    if draws is not None:
        if way:
            raise ValueError(f"way must be left out where draws are given, which show both. Received: {way}")
        return _rows_that_share_latents(load_model(opened, able=SharesLatents), n, draws, seed, batch_size, output)
    model = load_model(opened, able=Samples)
    if way and len(model.WAYS) == 1 and not can(model, HasLatents):
        raise ValueError(f"way must be left out for {opened.name}, whose model samples in one way. Received: {way}")
    batches = model.sample_batches(n, seed, batch_size, way=way)
    drawn = np.concatenate(list(progress.shown(batches, "samples", n, batch_size)))
    output.parent.mkdir(parents=True, exist_ok=True)
    return kinds.of(model.kind).write(drawn, opened, output)


def _rows_that_share_latents(model, n, draws, seed, batch_size, output):
    """Writes a row for each draw of latents: what the decoder says of them, and images of them  (Lucas, Fig. 3.5)."""
    import numpy as np

    from qrkeras import pictures

    rows = model.draws(n, draws, seed, batch_size)
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".npy":
        np.save(output, rows)
    else:
        images = rows.reshape(-1, *rows.shape[2:])
        pictures.image_grid(images, output, columns=draws + 1, scale=max(2, 64 // images.shape[2]))
    return [output]
