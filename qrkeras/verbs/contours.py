"""`qrkeras contours`: what trained discriminators look like, and where they send a generator  (QRGAN, Fig. 3)."""

import dataclasses
import pathlib

import numpy as np

from qrkeras import presets
from qrkeras.experiments import directories

METHODS = {
    "nsgan": "NSGAN",
    "lsgan": "LSGAN",
    "wgan-gp": "WGAN-GP",
    "qrgan-bounded": "QRGAN, bounded targets (eq. 4)",
    "qrgan-l2": "QRGAN, L2 penalty",
    "qrgan": "QRGAN",
}


def contours(
    output: pathlib.Path = pathlib.Path("runs/contours.png"), data: str = "ring8", steps: int = 4_000, seed: int = 0
):
    """Draw six trained discriminators with generator-gradient arrows, as in Fig. 3 of the QRGAN paper.

    Args:
      output: PNG to write.
      data: Mixture that is learned, ring8 or grid25.
      steps: Updates of each discriminator.
      seed: Seed of weights and noise.
    """
    from qrkeras import kinds, pictures
    from qrkeras.data.catalog import known_kind

    if known_kind(data) is not kinds.POINTS:
        raise ValueError(f"data must be ring8 or grid25. Received: {data}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1. Received: {steps}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or positive. Received: {seed}")
    directories.check_file(output, ".png")
    output.parent.mkdir(parents=True, exist_ok=True)
    panels = trained(data, steps, seed)
    limit = float(np.abs(next(iter(panels.values())).grid).max())
    pictures.contours(panels, output, limit)
    return [output]


@dataclasses.dataclass(frozen=True)
class Contour:
    """A trained discriminator seen on a plane; see `pictures.contours`."""

    grid: np.ndarray
    realism: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    tails: np.ndarray
    arrows: np.ndarray


def trained(data, steps, seed):
    """Six discriminators, trained against a dummy generator, uniform noise.

    Arrows follow the gradient that the generator's loss has at some dummy samples, downhill, at one scale in each
    panel: the longest arrow is the steepest slope met there.

    Args:
      data: "ring8" or "grid25".   steps: discriminator updates.   seed: of weights and noise.
    Returns: title -> `Contour`.
    """
    panels = {}
    for method, title in METHODS.items():
        print(f"{title}: {steps:,} discriminator steps")
        panels[title] = _contour(presets.get(f"{method}-{data}"), steps, seed)
    return panels


def _contour(preset, steps, seed):
    import keras
    import tensorflow as tf

    from qrkeras.experiments import build
    from qrkeras.models import GAN

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
