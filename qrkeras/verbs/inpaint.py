"""`qrkeras inpaint`: held-out images of which one half is known  (AIQN, Fig. 12)."""

import pathlib
from typing import Literal

from qrkeras.experiments import directories
from qrkeras.verbs.arguments import Run

# Half -> rows and columns of it, of an image of that height and width.
HALVES = {
    "top": lambda height, width: (slice(height // 2), slice(None)),
    "bottom": lambda height, width: (slice(height // 2, None), slice(None)),
    "left": lambda height, width: (slice(None), slice(width // 2)),
    "right": lambda height, width: (slice(None), slice(width // 2, None)),
}


def inpaint(
    run: Run,
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
      run: Run directory of a PixelCNN, PixelIQN or PixelCNN++.
      n: Number of images.
      known: Half of each image that is kept.
      completions: Number of completions drawn for each image.
      tau: Constant levels in (0, 1), each of which completes every image once more: 0.5 is every value's median.
      seed: Seed of the completions that are drawn.
      output: PNG to write; None: RUN/inpainted.png.
    """
    import numpy as np

    from qrkeras import data, pictures
    from qrkeras.experiments import build, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import Inpaints

    opened = runs.load(run)
    output = output or opened.path / "inpainted.png"
    directories.check_file(output, ".png")
    model = load_model(opened, able=Inpaints)
    if n < 1 or completions < 0:
        raise ValueError(f"n must be at least 1 and completions at least 0. Received: {n} and {completions}")
    images = data.take(build.dataset(opened.preset, "test"), n)
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
    return [output]
