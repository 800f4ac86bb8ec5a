"""The two small classifiers that come with the package, and how each was made."""

import dataclasses
import os
import pathlib

import numpy as np

from qrkeras import networks
from qrkeras.features.classifier import fit_classifier

FOLDER = pathlib.Path(__file__).parent / "weights"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a shipped classifier is trained on, and how; fields as in `fit_classifier`."""

    data: str
    image_size: int
    channels: int
    num_classes: int
    widths: tuple
    flip: bool
    epochs: int


RECIPES = {
    "cifar10-cnn": Recipe("cifar10", 32, 3, 10, (64, 192, 256), flip=True, epochs=18),
    "digits-cnn": Recipe("digits", 8, 1, 10, (32, 64), flip=False, epochs=30),
}


def train(name, images, labels, seed=0, verbose=1):
    """The classifier `name`, trained anew on its data; weights are rounded to float16, as they are shipped."""
    recipe = RECIPES[name]
    classifier = fit_classifier(
        images, labels, recipe.num_classes, recipe.epochs, recipe.widths, recipe.flip, seed, verbose
    )
    classifier.set_weights([weight.astype("float16") for weight in classifier.get_weights()])
    return classifier


def save(network, path):
    """Writes the weights as float16 to the .npz file `path`, whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp.npz")
    try:
        np.savez_compressed(temporary, *(weight.astype("float16") for weight in network.get_weights()))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(name, path=None):
    """The classifier `name` with the weights of `path`; None: those that are shipped.

    Raises:
      ValueError: where the file is missing or damaged.
    """
    recipe = RECIPES[name]
    classifier = networks.image_classifier(
        recipe.image_size, recipe.channels, recipe.num_classes, recipe.widths, name=name
    )
    return load_weights(classifier, name, path)


def load_weights(network, name, path=None):
    """`network` with the weights of the .npz file `path`; None: those that are shipped under `name`.

    Raises:
      ValueError: where the file is missing or damaged.
    """
    path = FOLDER / f"{name}.npz" if path is None else pathlib.Path(path)
    try:
        with np.load(path) as file:
            network.set_weights([file[key] for key in file.files])
    except Exception as error:  # a damaged file fails in as many ways as the libraries that read it
        raise ValueError(
            f"the weights of {name} must be readable. Received: {path} ({error}). `qrkeras rebuild {name}` makes them."
        ) from error
    return network
