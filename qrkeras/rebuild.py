"""Train the shipped feature networks anew."""

import pathlib
import time

from qrkeras import data
from qrkeras.features import accuracy, shipped


def rebuild(name, data_dir=None, output=None, seed=0, verbose=1):
    """Trains the classifier `name` on its data, writes its weights and reads them back.

    Args:
      name: cifar10-cnn or digits-cnn.   data_dir: of TFDS data.   output: .npz file; None: the package's own.
      seed: of weights, order and augmentation.   verbose: Keras' own.
    Returns: the path, and the accuracy on held-out images of what was written.
    Raises:
      ValueError, RuntimeError: before training, where the name is unknown, the data are not to be had, or the output
        is no .npz file or its folder cannot be made.
    """
    if name not in shipped.RECIPES:
        raise ValueError(f"name must be one of {', '.join(shipped.RECIPES)}. Received: {name!r}")
    recipe = shipped.RECIPES[name]
    path = shipped.FOLDER / f"{name}.npz" if output is None else pathlib.Path(output)
    if path.suffix != ".npz":
        raise ValueError(f"output must end in .npz. Received: {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"output must be a file in a folder that can be written. Received: {path} ({error.strerror or error})"
        ) from error
    train, test = (
        data.take(data.load(recipe.data, split=split, data_dir=data_dir, labels=True)) for split in ("train", "test")
    )
    start = time.perf_counter()
    classifier = shipped.train(name, *train, seed, verbose)
    shipped.save(classifier, path)
    reached = accuracy(shipped.load(name, path), *test)
    if verbose:
        print(
            f"{path}: accuracy {reached:.4f} on {len(test[0]):,} held-out images of {recipe.data}, trained on "
            f"{len(train[0]):,} for {recipe.epochs} epochs in {(time.perf_counter() - start) / 60:.1f} min, seed {seed}"
        )
    return path, reached
