"""The papers' figures from one's own runs: samples over training, contours, inpaintings, reconstructions."""

import dataclasses
import pathlib

import keras
import numpy as np
import tensorflow as tf

from qrkeras import pictures, presets
from qrkeras.callbacks import comparable
from qrkeras.experiments import build, runs
from qrkeras.models import GAN

HALVES = {
    "top": lambda height, width: np.s_[: height // 2],
    "bottom": lambda height, width: np.s_[height // 2 :],
    "left": lambda height, width: np.s_[:, : width // 2],
    "right": lambda height, width: np.s_[:, width // 2 :],
}
CONTOUR_METHODS = {
    "nsgan": "NSGAN",
    "lsgan": "LSGAN",
    "wgan-gp": "WGAN-GP",
    "qrgan-bounded": "QRGAN, bounded targets (eq. 4)",
    "qrgan-l2": "QRGAN, L2 penalty",
    "qrgan": "QRGAN",
}


def over_training(paths, output, columns=5):
    """Writes samples of mixture runs over training, a row for each run  (Fig. 2).

    Args:
      paths: run directories, of one mixture.   output: PNG.
      columns: pictures of each run, evenly spread; fewer where a run has fewer.
    """
    opened = [runs.load(path) for path in paths]
    mixtures = {run.preset.data.name for run in opened}
    if len(mixtures) > 1:
        raise ValueError(f"RUN must name runs of one mixture. Received: runs of {', '.join(sorted(mixtures))}")
    files = {run: sorted(run.samples.glob("step-*.npy")) for run in opened}
    for run, found in files.items():
        if not found:
            raise ValueError(f"RUN must hold samples/step-*.npy. Received: {run.path}, which has none. Train it first.")
    columns = min(columns, *map(len, files.values()))
    panels = []
    for run in opened:
        for i in np.linspace(0, len(files[run]) - 1, columns).round().astype(int):
            step = int(files[run][i].stem.removeprefix("step-"))
            panels.append((f"{run.name}-{run.seed}, step {step:,}", np.load(files[run][i])))
    pictures.point_panels(panels, build.dataset(opened[0].preset).centers, output, rows=len(opened))


def evaluations(opened, output):
    """Writes the Frechet distance to the training data over training, a curve for each run  (Fig. 4).

    Args:
      opened: `Run`s; evaluations with another network, or other numbers of images, than the first's are left out.
      output: PNG.
    Returns: whether there was anything to draw.
    """
    evaluated = [(run, record) for run in opened for record in run.records() if "features" in record]
    if not evaluated:
        return False
    first = evaluated[0][1]
    label = f"FID[{first['features']}] train"
    series = {}
    for run, record in evaluated:
        if record.get(label) is not None and comparable(record, first):
            series.setdefault(str(run.path), []).append((record["step"], record[label]))
    if not series:
        return False
    output.parent.mkdir(parents=True, exist_ok=True)
    counts = f"{first['samples']:,} samples" + (
        f", {first['references']:,} references" if "references" in first else ""
    )
    pictures.minimum_curves(series, f"{label}, {counts}", output)
    return True


def inpaintings(model, images, known, output, completions=5, tau=(), seed=0):
    """Writes a row for each image: masked, completions, original  (AIQN, Fig. 12).

    Args:
      model: with `inpaint`.   images: `(n, height, width, channels)` uint8.
      known: the half that is kept: "top", "bottom", "left" or "right".   output: PNG.
      completions: drawn ones.   tau: constant levels, each of which completes once more.   seed: of the first draw.
    """
    _, height, width, _ = images.shape
    mask = np.zeros((height, width), "int32")
    mask[HALVES[known](height, width)] = 1
    drawn = [model.inpaint(images, mask, seed=seed + i) for i in range(completions)]
    drawn += [model.inpaint(images, mask, tau=level) for level in tau]
    masked = np.where(mask[..., None] == 1, images, 128).astype("uint8")
    columns = [masked, *drawn, images]
    rows = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    output.parent.mkdir(parents=True, exist_ok=True)
    pictures.image_grid(rows, output, columns=len(columns), scale=max(2, 64 // width))


def reconstructions(model, images, output, steps=8):
    """Writes a row for each pair of images: the first, the line from its reconstruction to the second's, the second.

    Args:
      model: with `interpolate`.   images: `(2 n, height, width, channels)` uint8, pairs one after another.
      output: PNG.   steps: images on each line, its ends included.
    """
    first, second = images[0::2], images[1::2]
    columns = [first[:, None], model.interpolate(first, second, steps), second[:, None]]
    rows = np.concatenate(columns, axis=1).reshape(-1, *images.shape[1:])
    output.parent.mkdir(parents=True, exist_ok=True)
    pictures.image_grid(rows, output, columns=steps + 2, scale=max(2, 64 // images.shape[2]))


@dataclasses.dataclass(frozen=True)
class Contour:
    """A trained discriminator seen on a plane; see `pictures.contours`."""

    grid: np.ndarray
    realism: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    tails: np.ndarray
    arrows: np.ndarray


def contours(output, data="ring8", steps=4_000, seed=0, verbose=1):
    """Trains six discriminators against a dummy generator, uniform noise, and writes their contours  (Fig. 3).

    Arrows follow the gradient that the generator's loss has at some dummy samples, downhill, at one scale in each
    panel: the longest arrow is the steepest slope met there.

    Args:
      output: PNG.   data: "ring8" or "grid25".   steps: discriminator updates.   seed: of weights and noise.
    Returns: title -> `Contour`.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1. Received: {steps}")
    pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
    panels = {}
    for method, title in CONTOUR_METHODS.items():
        if verbose:
            print(f"{title}: {steps:,} discriminator steps")
        panels[title] = _contour(presets.get(f"{method}-{data}"), steps, seed)
    limit = float(np.abs(next(iter(panels.values())).grid).max())
    pictures.contours(panels, output, limit)
    return panels


def _contour(preset, steps, seed):
    source = build.dataset(preset)
    limit = 1.25 * float(np.abs(source.centers).max())
    trained = build.model(preset, source, seed)
    dummy = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(limit)], name="uniform")
    model = GAN(
        dummy,
        trained.discriminator,
        latent_dim=2,
        loss=trained.objective,
        gradient_penalty=preset.gradient_penalty,
        prior="uniform",
        seed=seed,
    )
    model.compile(
        preset.discriminator_optimizer.build(),
        preset.discriminator_optimizer.build(),
        steps_per_execution=min(steps, preset.steps_per_execution),
    )
    model.fit(source.batches(preset.batch_size, seed).take(steps), steps_per_epoch=steps, shuffle=False, verbose=0)

    grid = np.linspace(-limit, limit, 121, dtype="float32")
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    fake = np.random.default_rng(seed).uniform(-limit, limit, (400, 2)).astype("float32")
    tails = fake[:60]
    points = tf.Variable(tails)
    with tf.GradientTape() as tape:
        # eq. 7 and 9 are means; the sum gives each point its own gradient.
        loss = model.objective.generator(model.discriminator(points, training=False), None) * len(tails)
    downhill = -tape.gradient(loss, points).numpy()
    longest = max(float(np.linalg.norm(downhill, axis=-1).max()), 1e-12)
    return Contour(
        grid=grid,
        realism=model.realism(plane, batch_size=len(plane)).reshape(len(grid), len(grid)),
        real=source.sample(400, seed).numpy(),
        fake=fake,
        tails=tails,
        arrows=0.25 * limit * downhill / longest,
    )
