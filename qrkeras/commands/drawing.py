"""Verbs that draw: samples, completions, reconstructions, curves, contours."""

import pathlib
from typing import Literal

import tyro

from qrkeras import kinds
from qrkeras.commands import tuning
from qrkeras.data.catalog import known_kind

Positional = tyro.conf.Positional


def sample(
    run: Positional[pathlib.Path],
    /,
    n: int = 64,
    seed: int = 0,
    batch_size: int = 64,
    way: Literal["aiqn", "prior"] | None = None,
    output: pathlib.Path | None = None,
):
    """Draw samples from a run: a PNG grid of images, or points as .npy and PNG.

    Args:
      run: run directory.
      n: number of samples.
      seed: of the noise.
      batch_size: samples drawn at a time; the samples are the same whatever it is.
      way: what latents are drawn through, for a VAE or AIQN-VAE; None: an AIQN-VAE's AIQN, a VAE's prior.
      output: file to write, .png or .npy; None: RUN/samples-SEED.png, or RUN/samples-prior-SEED.png
        where WAY is given. Points also come as .npy beside it.
    """
    from qrkeras import draw
    from qrkeras.experiments import runs

    opened = runs.load(run)
    default = run / f"samples-{way}-{seed}.png" if way else run / f"samples-{seed}.png"
    for path in draw.samples(opened, output or default, n, seed, batch_size, way):
        print(path)


def inpaint(
    run: Positional[pathlib.Path],
    /,
    n: int = 8,
    known: Literal["top", "bottom", "left", "right"] = "top",
    completions: int = 5,
    tau: tuple[float, ...] = (),
    seed: int = 0,
    output: pathlib.Path | None = None,
):
    """Complete held-out images of which one half is known: masked, several completions, original (AIQN, Fig. 12).

    A pixel is drawn from the pixels above it and to its left, so that what is known below it does not count.

    Args:
      run: run directory of a PixelCNN or PixelIQN.
      n: number of images.
      known: the half that is kept.
      completions: drawn for each image.
      tau: constant levels in (0, 1), each of which completes every image once more: 0.5 is every value's median.
      seed: of the levels that are drawn.
      output: PNG to write; None: RUN/inpainted.png.
    """
    from qrkeras import draw
    from qrkeras.experiments import runs

    output = output or run / "inpainted.png"
    draw.completions(runs.load(run), output, n, known, completions, tau, seed)
    print(output)


def reconstruct(
    run: Positional[pathlib.Path],
    /,
    n: int = 8,
    steps: int = 8,
    importance_samples: int = 100,
    images: int = 200,
    seed: int = 0,
    output: pathlib.Path | None = None,
):
    """Draw held-out images, their reconstructions and what lies between; print bits per dimension, ELBO and IWAE.

    Args:
      run: run directory of a VAE or AIQN-VAE.
      n: pairs of images, a row each: image, reconstruction, codes in between, reconstruction, image.
      steps: images on the line between two codes, the reconstructions included.
      importance_samples: S, latents drawn for each image of the IWAE bound.
      images: held-out images that are measured.
      seed: of these latents.
      output: PNG to write; None: RUN/reconstructed.png.
    """
    from qrkeras import draw
    from qrkeras.experiments import runs

    output = output or run / "reconstructed.png"
    for line in draw.reconstructions(runs.load(run), output, n, steps, importance_samples, images, seed):
        print(line)
    print(output)


def plot(run: Positional[tuple[pathlib.Path, ...]], /, output: pathlib.Path | None = None):
    """Draw a run's losses and coverage over training; samples (mixtures) or FID (images) of several side by side.

    Of a sweep, finished or not: its table and its pictures.

    Args:
      run: run directories, or the directory of one sweep.
      output: PNG of what stands side by side; None: samples.png or evaluation.png in the first run.
    """
    from qrkeras import figures, pictures
    from qrkeras.experiments import runs

    if any((path / "sweep.json").exists() for path in run):
        if len(run) > 1 or output:
            raise ValueError(f"RUN must be a sweep alone, without --output. Received: {', '.join(map(str, run))}")
        from qrkeras.search import sweep

        return tuning.report(sweep.load(run[0]))
    opened = runs.load_all(run)
    for each in opened:
        if not each.records():
            raise ValueError(f"RUN must hold lines in metrics.jsonl. Received: {each.path}, which has none yet.")
    if all(known_kind(each.preset.data.name) is kinds.POINTS for each in opened):
        output = output or run[0] / "samples.png"
        output.parent.mkdir(parents=True, exist_ok=True)
        figures.over_training(run, output)
        print(output)
    elif figures.evaluations(opened, output or opened[0].evaluation):
        print(output or opened[0].evaluation)
    for each in opened:
        pictures.training_curves(each.records(), each.path / "curves.png")
        print(each.path / "curves.png")


def contours(
    output: pathlib.Path = pathlib.Path("runs/contours.png"), data: str = "ring8", steps: int = 4_000, seed: int = 0
):
    """Draw six trained discriminators with generator-gradient arrows, as in Fig. 3 of the QRGAN paper.

    Args:
      output: PNG to write.
      data: ring8 or grid25.
      steps: discriminator updates.
      seed: of weights and noise.
    """
    from qrkeras import figures

    if known_kind(data) is not kinds.POINTS:
        raise ValueError(f"data must be ring8 or grid25. Received: {data}")
    figures.contours(output, data, steps, seed)
    print(output)
