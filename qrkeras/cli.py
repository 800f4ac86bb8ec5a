"""The `qrkeras` command: one verb each; TensorFlow is imported only by the verbs that need it."""

import difflib
import os
import pathlib
import re
import shlex
import sys
from typing import Annotated, Literal

import tyro

from qrkeras import presets as preset_table
from qrkeras.server.limits import Limits

Positional = tyro.conf.Positional


def presets(name: Positional[str | None] = None, /):
    """List the presets, or every value of one with the table it comes from.

    Args:
      name: a preset; leave it out for the list.
    """
    from rich.console import Console
    from rich.table import Table

    if name is None:
        table = Table("preset", "data", "network", "objective", "steps", box=None, pad_edge=False)
        for key, preset in preset_table.PRESETS.items():
            network = type(preset.network).__name__
            table.add_row(key, preset.data.name, network, preset.objective, f"{preset.steps:,}")
    else:
        preset = preset_table.get(name)
        table = Table("field", "value", "source", box=None, pad_edge=False)
        for field, value in preset_table.leaves(preset).items():
            table.add_row(field, str(value), preset_table.citation(preset, field))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def train(arguments):
    """Train a preset; the same command again goes on where it stopped."""
    if not arguments or arguments[0].startswith("-"):
        if {"-h", "--help"} & set(arguments):
            print(
                "usage: qrkeras train PRESET [OPTIONS]\n\n"
                "Trains a preset into a run directory; the same command again goes on where it stopped.\n"
                "`qrkeras presets` lists the presets, `qrkeras train PRESET --help` every option with its default.\n\n"
                "  qrkeras train qrgan-grid25\n"
                "  qrkeras train qrgan-cifar10 --steps 20000 --loss.penalty-weight 1.0\n"
                "  qrkeras train qrgan-cifar10 --data.name folder:my-images --run-dir runs/mine"
            )
            return
        raise ValueError("PRESET must come first: qrkeras train PRESET [OPTIONS]. `qrkeras presets` lists them.")
    name = arguments[0]
    default = preset_table.get(name)

    def options(
        preset: Annotated[type(default), tyro.conf.arg(name="")] = default,
        seed: int = 0,
        run_dir: pathlib.Path | None = None,
        devices: int | Literal["all"] = 1,
    ):
        """Train a preset; the same command again goes on where it stopped.

        Args:
          seed: of weights, noise and order of data.
          run_dir: where to report and save; None: runs/PRESET-SEED.
          devices: how many of this machine's GPUs share every batch, or all; a run may go on with another number.
        """
        _load_tensorflow()
        from qrkeras.train import train as run

        run(name, preset, seed, run_dir, devices=devices)

    tyro.cli(options, args=arguments[1:], prog=f"qrkeras train {name}", config=(tyro.conf.AvoidSubcommands,))


def sample(
    run: Positional[pathlib.Path],
    /,
    n: int = 64,
    seed: int = 0,
    batch_size: int = 64,
    through: Literal["aiqn", "prior"] | None = None,
    output: pathlib.Path | None = None,
):
    """Draw samples from a run: a PNG grid of images, or points as .npy and PNG.

    Args:
      run: run directory.
      n: number of samples.
      seed: of the noise.
      batch_size: samples drawn at a time; the samples are the same whatever it is.
      through: what latents are drawn through, for a VAE or AIQN-VAE; None: an AIQN-VAE's AIQN, a VAE's prior.
      output: file to write, .png or .npy; None: RUN/samples-SEED.png. Points also come as .npy beside it.
    """
    import numpy as np

    from qrkeras import experiment, plots, progress, runs
    from qrkeras.train import load_model

    opened = runs.load(run)
    output = output or run / f"samples-{seed}.png"
    if output.suffix not in (".png", ".npy"):
        raise ValueError(f"output must end in .png or .npy. Received: {output}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
    model = load_model(opened)
    if through and not hasattr(model, "THROUGH"):
        raise ValueError(f"through must be left out for {opened.name}, which has no latents. Received: {through}")
    batches = model.sample_batches(n, seed, batch_size, **({"through": through} if through else {}))
    drawn = np.concatenate(list(progress.shown(batches, "samples", n, batch_size)))
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".npy" or drawn.ndim == 2:
        np.save(output.with_suffix(".npy"), drawn)
        print(output.with_suffix(".npy"))
    if output.suffix == ".png":
        if drawn.ndim == 4:
            plots.image_grid(drawn, output)
        else:
            plots.points([(f"{n:,} samples", drawn)], experiment.build_data(opened.preset).centers, output)
        print(output)


def export(
    run: Positional[pathlib.Path],
    base_dir: Positional[pathlib.Path],
    /,
    name: str | None = None,
    version: int | None = None,
    best: bool = False,
):
    """Export a run's model as a SavedModel for TF Serving, and list its signatures.

    Args:
      run: run directory.
      base_dir: folder that the server watches.
      name: of the served model; None: the preset's.
      version: a free positive integer; None: the next.
      best: take the best model evaluated during training, not the newest.
    """
    from qrkeras import runs, serving
    from qrkeras.train import load_model

    opened = runs.load(run)
    model = load_model(opened, best)
    metadata = {
        "run": opened.name,
        "preset": preset_table.to_dict(opened.preset),
        "seed": opened.seed,
        "metrics": opened.latest(model.step),
    }
    path = serving.export_model(model, base_dir, name or opened.name, version, metadata)
    print(path)
    print(serving.table(serving.read_metadata(path)))


def serve(
    base: Positional[pathlib.Path],
    /,
    host: str = "127.0.0.1",
    port: int = 8501,
    keep: int = 1,
    labels: tuple[str, ...] = (),
    poll_s: float = 1.0,
    warm_up: bool = True,
    limits: Annotated[Limits, tyro.conf.arg(name="")] = Limits(),  # noqa: B008
):
    """Serve the models of a folder by TF Serving's REST calls, with a page to try them at /; Ctrl-C stops it.

    New versions are loaded as they appear, and take over without a request being dropped.

    Args:
      base: folder of NAME/VERSION, as `qrkeras export` writes it.
      host: address to listen on; the default is heard on this machine alone.
      port: to listen on; 0: any free one.
      keep: versions of each model that are served, the newest ones.
      labels: names of versions, which are served too: --labels gan:stable=3 gan:canary=4
      poll_s: seconds between looks into the folder.
      warm_up: run every signature once before a version takes over.
    """
    named = {}
    for entry in labels:
        if not (found := re.fullmatch("([^:]+):([^:=]+)=([0-9]+)", entry)):
            raise ValueError(f"labels must each be MODEL:LABEL=VERSION. Received: {entry!r}")
        named.setdefault(found[1], {})[found[2]] = int(found[3])
    from qrkeras.server import serve as verb

    verb.serve(verb.application(base, limits, keep, named, poll_s, warm_up), host, port)


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
    from qrkeras import data, experiment, figures, runs
    from qrkeras.train import load_model

    opened = runs.load(run)
    model = load_model(opened)
    if not hasattr(model, "inpaint"):
        raise ValueError(
            f"RUN must be of a model that inpaints: PixelCNN or PixelIQN. Received: {run} of {opened.name}"
        )
    if n < 1 or completions < 0:
        raise ValueError(f"n must be at least 1 and completions at least 0. Received: {n} and {completions}")
    images = data.take(experiment.build_data(opened.preset, "test"), n)
    output = output or run / "inpainted.png"
    figures.inpaintings(model, images, known, output, completions, tau, seed)
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
    from qrkeras import data, experiment, figures, runs
    from qrkeras.train import load_model

    opened = runs.load(run)
    model = load_model(opened)
    if not hasattr(model, "reconstruct"):
        raise ValueError(f"RUN must be of a model that reconstructs: VAE or AIQN-VAE. Received: {run} of {opened.name}")
    source = experiment.build_data(opened.preset, "test")
    if not 1 <= n <= source.size // 2 or images < 1:
        raise ValueError(
            f"n must be 1 to {source.size // 2} pairs of held-out images, and images at least 1. Received: {n} and "
            f"{images}"
        )
    if importance_samples < 1:
        raise ValueError(f"importance_samples must be at least 1. Received: {importance_samples}")
    output = output or run / "reconstructed.png"
    held_out = data.take(source, min(max(images, 2 * n), source.size))
    figures.reconstructions(model, held_out[: 2 * n], output, steps)
    measured = held_out[:images]
    for name, count in (("ELBO", 1), (f"IWAE, {importance_samples} samples", importance_samples)):
        bits = model.bits_per_dim(measured, count, seed)
        print(f"bits per dimension of {len(measured)} held-out images, {name}: {bits.mean():.4f}")
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
    from qrkeras import runs

    comparison = verb.compare(runs.load(run), samples, seed)
    print(verb.table(comparison))
    output = output or run / "latents.png"
    verb.draw(comparison, output)
    print(output)


def evaluate(
    run: Positional[tuple[pathlib.Path, ...]] = (),
    /,
    samples: int | None = None,
    features: str | None = None,
    split: Literal["train", "test"] = "train",
    seed: int = 0,
    best: bool = False,
    gan_train: int | None = None,
    output: pathlib.Path | None = None,
):
    """Measure runs against real images: FID and its kin, one table; also CSV, JSON and pictures side by side.

    An AIQN-VAE has a row for its samples through the AIQN, and one for those through the prior. The last row measures
    held-out real images in place of generated ones: the floor. Figures carry the name of their feature network; figures
    from two networks, or from different numbers of samples, do not compare.

    Args:
      run: run directories of images, of one data set.
      samples: generated images of each run; None: as in the first run's preset (papers: 50,000).
      features: inception, cifar10-cnn, digits-cnn or FILE.keras; None: as in the first run's preset.
      split: real images that all but the two FIDs are taken against.
      seed: of the noise.
      best: take the best model evaluated during training, not the newest.
      gan_train: epochs of each classifier of GAN-train and GAN-test, for generators with classes; None: without.
      output: path without ending, of .csv, .json, .png (samples) and -prd.png; None: RUN/evaluated, in the first run.
    """
    from qrkeras import evaluate as verb
    from qrkeras import runs

    if not run:
        raise ValueError("RUN must name at least one run directory: qrkeras evaluate RUN [RUN ...]")
    opened = [runs.load(path) for path in run]
    rows = verb.evaluate(opened, samples, features, split, seed, best, gan_train)
    print(verb.table(rows))
    for path in verb.write(rows, output or run[0] / "evaluated"):
        print(path)


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
    from qrkeras import runs

    if not run:
        raise ValueError("RUN must name at least one run directory: qrkeras calibration RUN [RUN ...]")
    if images < 1:
        raise ValueError(f"images must be at least 1. Received: {images}")
    rows = verb.measure([runs.load(path) for path in run], images)
    print(verb.table(rows))
    output = output or run[0] / "calibration.png"
    verb.draw(rows, output)
    print(output)


def rebuild(
    name: Positional[str], /, data_dir: pathlib.Path | None = None, output: pathlib.Path | None = None, seed: int = 0
):
    """Train a shipped feature network anew, and print its accuracy on held-out images.

    Args:
      name: digits-cnn (half a minute) or cifar10-cnn (an hour on two cores).
      data_dir: folder of TFDS data; None: TFDS's default.
      output: .npz file; None: the package's own file, which figures are then measured with.
      seed: of weights, order and augmentation.
    """
    from qrkeras import rebuild as verb

    verb.rebuild(name, data_dir, output, seed, verbose=1 if sys.stdout.isatty() else 2)


def plot(run: Positional[tuple[pathlib.Path, ...]], /, output: pathlib.Path | None = None):
    """Draw a run's losses and coverage over training; samples (mixtures) or FID (images) of several side by side.

    Args:
      run: run directories.
      output: PNG of what stands side by side; None: samples.png or evaluation.png in the first run.
    """
    from qrkeras import figures, plots, runs

    if not run:
        raise ValueError("RUN must name at least one run directory: qrkeras plot RUN [RUN ...]")
    opened = [runs.load(path) for path in run]
    for each in opened:
        if not each.records():
            raise ValueError(f"RUN must hold lines in metrics.jsonl. Received: {each.path}, which has none yet.")
    if all(each.preset.data.name in preset_table.MIXTURES for each in opened):
        output = output or run[0] / "samples.png"
        output.parent.mkdir(parents=True, exist_ok=True)
        figures.over_training(run, output)
        print(output)
    elif figures.evaluations(opened, output or opened[0].evaluation):
        print(output or opened[0].evaluation)
    for each in opened:
        plots.curves(each.records(), each.path / "curves.png")
        print(each.path / "curves.png")


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

    names = preset or [f"{m}-{d}" for d in preset_table.MIXTURES for m in ("nsgan", "lsgan", "wgan-gp", "qrgan")]
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: {seeds}")
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
    results = verb.measure(names, range(seeds), steps, workers, runs_dir, shlex.split(train_options))
    print(verb.table(results))
    if output:
        output.write_text(verb.to_json(results) + "\n")


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

    if data not in preset_table.MIXTURES:
        raise ValueError(f"data must be ring8 or grid25. Received: {data}")
    figures.contours(output, data, steps, seed)
    print(output)


def demo(directory: pathlib.Path = pathlib.Path("runs/demo"), seed: int = 1, steps: int = 20_000, workers: int = 2):
    """Three GANs on Grid-25: train, count modes, draw, export, and sample the export with plain TensorFlow.

    Args:
      directory: folder of the runs, the picture and the export.
      seed: of weights and noise.
      steps: generator updates of each; None: the presets'.
      workers: processes of one thread each.
    """
    from qrkeras import demo as verb

    verb.demo(directory, seed, steps, workers)


def _load_tensorflow():
    """Imports TensorFlow and looks for devices without the lines that its libraries write past Python's logging;
    what matters of them comes as exceptions.

    Set TF_CPP_MIN_LOG_LEVEL to see them.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("ERROR")  # it warns of retracing where several models are each traced once
        finally:
            os.dup2(kept, 2)
            os.close(kept)


VERBS = {
    verb.__name__: verb
    for verb in (
        presets,
        train,
        sample,
        inpaint,
        reconstruct,
        latents,
        evaluate,
        calibration,
        export,
        serve,
        plot,
        coverage,
        contours,
        demo,
        rebuild,
    )
}


def main(arguments=None):
    """Runs one verb; bad input ends with one message on standard error and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: qrkeras VERB ...\n\nGenerative image models learned by quantile regression.\n")
        for name, verb in VERBS.items():
            print(f"  {name:10} {verb.__doc__.splitlines()[0]}")
        print("\n`qrkeras VERB --help` tells more of each.")
        return
    name, rest = arguments[0], arguments[1:]
    try:
        if name not in VERBS:
            near = difflib.get_close_matches(name, VERBS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"VERB must be one of {', '.join(VERBS)}. Received: {name!r}.{hint}")
        # `train` refuses misspelt options first.
        if name not in ("presets", "train") and not {"-h", "--help"} & set(rest):
            _load_tensorflow()
        if name == "train":
            train(rest)
        else:
            tyro.cli(VERBS[name], args=rest, prog=f"qrkeras {name}")
    except (ValueError, RuntimeError, OSError) as error:
        print(f"qrkeras {name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(f"\nqrkeras {name}: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
