"""`qrkeras rebuild`: the feature networks that are shipped, trained anew."""

import pathlib
import sys
import time
from typing import Annotated

from tyro.conf import Positional, arg


def rebuild(
    name: Annotated[Positional[str], arg(metavar="NAME")],
    /,
    data_dir: pathlib.Path | None = None,
    output: pathlib.Path | None = None,
    seed: int = 0,
):
    """Train a shipped feature network anew, and print its accuracy on held-out images.

    Args:
      name: Network to train: digits-cnn (half a minute), scenes-cnn (minutes) or cifar10-cnn (an hour on two cores).
      data_dir: Folder of TFDS data; None: TFDS's default.
      output: File of weights to write, .npz; None: the package's own file, which figures are then measured with.
      seed: Seed of weights, data order and augmentation.
    """
    from qrkeras import data
    from qrkeras.features import accuracy, scenes, shipped

    names = (*shipped.RECIPES, scenes.NAME)
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(names)}. Received: {name!r}")
    path = output or shipped.FOLDER / f"{name}.npz"
    if path.suffix != ".npz":
        raise ValueError(f"output must end in .npz. Received: {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"output must be a file in a folder that can be written. Received: {path} ({error.strerror or error})"
        ) from error
    start = time.perf_counter()
    verbose = 1 if sys.stdout.isatty() else 2  # a bar, or a line each epoch
    if name == scenes.NAME:
        encoder, classifier = scenes.train(seed, verbose=verbose)
        shipped.save(encoder, path)
        told = ", ".join(f"{task} {share:.4f}" for task, share in scenes.accuracies(classifier).items())
        return [f"{path}: of 1,000 other things {told}; {(time.perf_counter() - start) / 60:.1f} min, seed {seed}"]
    recipe = shipped.RECIPES[name]
    train, test = (
        data.take(data.load(recipe.data, split=split, data_dir=data_dir, labels=True)) for split in ("train", "test")
    )
    start = time.perf_counter()
    classifier = shipped.train(name, *train, seed, verbose)
    shipped.save(classifier, path)
    reached = accuracy(shipped.load(name, path), *test)
    return [
        f"{path}: accuracy {reached:.4f} on {len(test[0]):,} held-out images of {recipe.data}, trained on "
        f"{len(train[0]):,} for {recipe.epochs} epochs in {(time.perf_counter() - start) / 60:.1f} min, seed {seed}"
    ]
