"""`qrkeras reconstruct`: held-out images through a VAE and back, and what lies between two of them."""

import pathlib

from qrkeras.experiments import directories
from qrkeras.verbs.arguments import Run


def reconstruct(
    run: Run,
    /,
    n: int = 8,
    steps: int = 8,
    importance_samples: int = 100,
    images: int = 200,
    seed: int = 0,
    draws: int | None = None,
    output: pathlib.Path | None = None,
):
    """Draw held-out images, their reconstructions and what lies between; print bits per dimension, ELBO and IWAE.

    Of AGAVE, and of AV-ADE and its relatives, a second picture shows what codes leave open: a row of an image, what the
    decoder says of its code, and images that are drawn of that, by the PixelCNN++ or of the Gaussian of features.

    Args:
      run: Run directory of a VAE, whatever its latents.
      n: Number of pairs of images, a row each: image, reconstruction, codes in between, reconstruction, image.
      steps: Number of images on the line between two codes, the reconstructions included.
      importance_samples: Number of latents drawn for each image's IWAE bound.
      images: Number of held-out images whose bits per dimension are measured.
      seed: Seed of the latents of both bounds, and of draws.
      draws: Images drawn of each code in the second picture; None: 8.
      output: PNG to write; None: RUN/reconstructed.png. The second picture is beside it, -draws.png.
    """
    from qrkeras import data
    from qrkeras.experiments import build, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import Reconstructs, SharesLatents, can

    opened = runs.load(run)
    output = output or opened.path / "reconstructed.png"
    directories.check_file(output, ".png")
    model = load_model(opened, able=Reconstructs if draws is None else SharesLatents)
    if draws is not None and draws < 1:
        raise ValueError(f"draws must be at least 1. Received: {draws}")
    labelled = opened.preset.takes_labels
    source = build.dataset(opened.preset, "test", labels=labelled)
    if not 1 <= n <= source.size // 2 or images < 1:
        raise ValueError(
            f"n must be 1 to {source.size // 2} pairs of held-out images, and images at least 1. Received: {n} and "
            f"{images}"
        )
    if importance_samples < 1:
        raise ValueError(f"importance_samples must be at least 1. Received: {importance_samples}")
    found = data.take(source, min(max(images, 2 * n), source.size))
    held_out, labels = (found[0], {"labels": found[1]}) if labelled else (found, {})
    paths = [output]
    _draw(model, held_out[: 2 * n], {name: each[: 2 * n : 2] for name, each in labels.items()}, output, steps)
    if can(model, SharesLatents):
        paths.append(output.with_name(f"{output.stem}-draws.png"))
        _draw_shared(model, held_out[:n], {name: each[:n] for name, each in labels.items()}, paths[1], draws or 8, seed)
    measured, lines = held_out[:images], []
    for name, samples in (("ELBO", 1), (f"IWAE, {importance_samples} samples", importance_samples)):
        bits = model.bits_per_dim(measured, samples, seed, **{name: each[:images] for name, each in labels.items()})
        lines.append(
            f"bits per dimension of {len(measured)} held-out images, {model.bits_of}, {name}: {bits.mean():.4f}"
        )
    return [*lines, *paths]


def _draw(model, images, labels, output, steps):
    """Writes a row for each pair of images: the first, the line from its reconstruction to the second's, the second,
    both by the first one's label where there are labels."""
    first, second = images[0::2], images[1::2]
    _write([first[:, None], model.interpolate(first, second, steps, **labels), second[:, None]], output)


def _draw_shared(model, images, labels, output, draws, seed):
    """Writes a row for each image: itself, what the decoder says of its code, draws of it  (Lucas, Fig. 3.7)."""
    _write([images[:, None], model.redraw(images, draws, seed, **labels)], output)


def _write(columns, output):
    """Writes rows of images, `(n, columns, height, width, channels)` each, side by side."""
    import numpy as np

    from qrkeras import pictures

    rows = np.concatenate(columns, axis=1)
    output.parent.mkdir(parents=True, exist_ok=True)
    images = rows.reshape(-1, *rows.shape[2:])
    pictures.image_grid(images, output, columns=rows.shape[1], scale=max(2, 64 // images.shape[2]))
