"""Names to feature networks."""

import pathlib

from qrkeras.features import files, shipped
from qrkeras.features.inception import inception
from qrkeras.features.network import from_keras

NAMES = ("inception", *shipped.RECIPES, "FILE.keras")


def check(name):
    """Raises ValueError where no feature network is called `name`; loads none."""
    if str(name).endswith(".keras"):
        files.check(name, "features")
    elif name != "inception" and name not in shipped.RECIPES:
        raise files.unknown(name, NAMES, "features")


def load(name):
    """The feature network called `name`.

    | name | network |
    |---|---|
    | `inception` | TF-GAN's Inception, from TF-Hub or TFHUB_CACHE_DIR: the one that papers report FID with |
    | `cifar10-cnn` | shipped classifier of 32 x 32 photographs, 256 features |
    | `digits-cnn` | shipped classifier of 8 x 8 digits, 64 features |
    | `FILE.keras` | any saved Keras model of images in [-1, 1] (see `from_keras`) |

    Returns: `FeatureNetwork`.
    Raises:
      ValueError: naming the nearest right name, or what is wrong with the file.
      RuntimeError: where Inception is not to be had.
    """
    check(name)
    if name == "inception":
        return inception()
    if name in shipped.RECIPES:
        return from_keras(shipped.load(name), name)
    # With its ending: a file called inception.keras is not the network that papers report FID with.
    return from_keras(files.read(name, "features"), pathlib.Path(name).name)
