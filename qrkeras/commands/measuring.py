"""Verbs that measure: against real images, quantiles, latents, modes."""

import contextlib
import pathlib
import shlex
from typing import Literal

import tyro

from qrkeras.data.catalog import MIXTURES

Positional = tyro.conf.Positional


def evaluate(
    run: Positional[tuple[pathlib.Path, ...]] = (),
    /,
    samples: int | None = None,
    references: int | None = None,
    features: str | None = None,
    split: Literal["train", "test"] = "train",
    seed: int = 0,
    best: bool = False,
    gan_train: int | None = None,
    output: pathlib.Path | None = None,
):
    """Measure runs against real images: FID and its kin, one table; also CSV, JSON and pictures side by side.

    A VAE has a row for its samples through the prior and one for its reconstructions of training images, an AIQN-VAE
    also one for samples through its AIQN. The last row measures held-out real images in place of generated ones: the
    floor. Figures carry the name of their feature network; figures from two networks, or from different numbers of
    samples or of real images, do not compare.

    Args:
      run: run directories of images, of one data set.
      samples: generated images of each run; None: as in the first run's preset (papers: 50,000).
      references: real images of each split that they are compared with, at most; None: as in that preset.
      features: inception (a program from TF-Hub or TFHUB_CACHE_DIR: trust who filled it), cifar10-cnn, digits-cnn or
        FILE.keras (read in Keras' safe mode); None: as in the first run's preset.
      split: real images that all but the two FIDs are taken against.
      seed: of the noise.
      best: take the best model evaluated during training, not the newest.
      gan_train: epochs of each classifier of GAN-train and GAN-test, for generators with classes; None: without.
      output: path without ending, of .csv, .json, .png (samples) and -prd.png; None: RUN/evaluated, in the first run.
    """
    from qrkeras import evaluate as verb
    from qrkeras.experiments import runs

    opened, output = runs.load_all(run), output or run[0] / "evaluated"
    verb.outputs(output)  # refused before anything is measured
    rows = verb.evaluate(opened, samples, features, split, seed, best, gan_train, references=references)
    with _then_printed(verb.table(rows)):
        paths = verb.write(rows, output)
    print(*paths, sep="\n")


def calibration(
    run: Positional[tuple[pathlib.Path, ...]] = (), /, images: int = 1_000, output: pathlib.Path | None = None
):
    """Count how many held-out values lie below the quantiles that a PixelIQN predicts; a table and a picture.

    Args:
      run: run directories of PixelIQN.
      images: held-out images that are looked at, at most.
      output: PNG of the reliability diagram; None: RUN/calibration.png, in the first run.
    """
    from qrkeras import calibration as verb
    from qrkeras.experiments import runs

    if images < 1:
        raise ValueError(f"images must be at least 1. Received: {images}")
    rows = verb.measure(runs.load_all(run), images)
    output = output or run[0] / "calibration.png"
    with _then_printed(verb.table(rows)):
        verb.draw(rows, output)
    print(output)


def latents(run: Positional[pathlib.Path], /, samples: int = 10_000, seed: int = 0, output: pathlib.Path | None = None):
    """Compare the codes of training images with latents drawn through AIQN and prior: W1 of each, MMD of all.

    The last row compares the codes of held-out images: the floor.

    Args:
      run: run directory of a VAE or AIQN-VAE.
      samples: latents drawn, and codes where there are as many images.
      seed: of the latents.
      output: PNG of histograms to write; None: RUN/latents.png.
    """
    from qrkeras import latents as verb
    from qrkeras.experiments import runs

    comparison = verb.compare(runs.load(run), samples, seed)
    output = output or run / "latents.png"
    with _then_printed(verb.table(comparison)):
        verb.draw(comparison, output)
    print(output)


def coverage(
    preset: Positional[tuple[str, ...]] = (),
    /,
    seeds: int = 10,
    steps: int | None = None,
    workers: int = 2,
    runs_dir: pathlib.Path = pathlib.Path("runs/coverage"),
    train_options: str = "",
    output: pathlib.Path | None = None,
):
    """Train mixture presets over several seeds and tabulate their mode coverage, mean and deviation.

    Args:
      preset: presets of mixtures; none: the four methods on ring8 and grid25.
      seeds: number of seeds, 0 to seeds - 1.
      steps: generator updates; None: the preset's.
      workers: processes of one thread each.
      runs_dir: folder of the runs; finished ones are not trained again.
      train_options: more options of `qrkeras train`, in one string: --train-options="--update simultaneous".
      output: JSON file of every run's figures.
    """
    from qrkeras import coverage as verb
    from qrkeras.experiments import runs

    names = preset or [f"{m}-{d}" for d in MIXTURES for m in ("nsgan", "lsgan", "wgan-gp", "qrgan")]
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: {seeds}")
    if output:
        runs.check_outputs([output])
        output.parent.mkdir(parents=True, exist_ok=True)
    results = verb.measure(names, range(seeds), steps, workers, runs_dir, shlex.split(train_options))
    with _then_printed(verb.table(results)):
        if output:
            output.write_text(verb.to_json(results) + "\n")


@contextlib.contextmanager
def _then_printed(table):
    """Prints a table of what was measured after its files are written, and also where they cannot be."""
    try:
        yield
    finally:
        print(table)
