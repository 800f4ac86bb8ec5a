"""Names to data."""

import difflib
import os

import numpy as np

from qrkeras.data.examples import from_arrays
from qrkeras.data.folder import folder
from qrkeras.data.mixtures import grid25, ring8
from qrkeras.data.order import held_out
from qrkeras.data.records import data_root, records
from qrkeras.data.resize import square_array

MIXTURES = {"ring8": ring8, "grid25": grid25}
NAMES = ("ring8", "grid25", "digits", "cifar10", "lsun-bedroom", "cats", "tfds:NAME", "folder:PATH")


def load(name, image_size=None, split="train", data_dir=None):
    """The data called `name`.

    | name | data |
    |---|---|
    | `ring8`, `grid25` | mixtures of Gaussians (QRGAN, Section 3.1) |
    | `digits` | 1,797 grey 8 x 8 digits bundled with scikit-learn |
    | `cifar10` | TFDS `cifar10`, 32 x 32 |
    | `lsun-bedroom` | TFDS `lsun/bedroom`; the paper uses 64 x 64 |
    | `cats` | the images in the folder `data_dir/cats`; the paper uses 128 x 128 |
    | `tfds:NAME` | any TFDS dataset with a feature "image" |
    | `folder:PATH` | png, jpg, jpeg, webp and bmp files in a folder and all folders below it |

    Args:
      name: one of the names above.
      image_size: centre-crop images to a square and resize them to this side; smaller images are
        enlarged. None keeps the size, which all images must share.
      split: "train", or "test" for held-out data: an independent stream (mixtures), a fixed
        tenth chosen by hash (digits, folders), or the dataset's own split (TFDS).
      data_dir: where `cats` and TFDS data lie; None is the environment variable TFDS_DATA_DIR, else
        `~/tensorflow_datasets`.

    Returns: `Mixture`, `Examples` or `Records`.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test'. Received: {split!r}")
    if image_size is not None and (not isinstance(image_size, int) or image_size < 1):
        raise ValueError(f"image_size must be a positive integer or None. Received: {image_size!r}")
    if name in MIXTURES:
        if image_size is not None:
            raise ValueError(f"image_size must be None for {name!r}, whose examples are points. Received: {image_size}")
        return MIXTURES[name](split)
    if name == "digits":
        return digits(image_size, split)
    if name == "cifar10":
        return records("cifar10", image_size, split, data_dir, name)
    if name == "lsun-bedroom":
        return records("lsun/bedroom", image_size, split, data_dir, name)
    if name == "cats":
        return cats(image_size, split, data_dir)
    kind, _, rest = str(name).partition(":")
    if kind == "tfds" and rest:
        return records(rest, image_size, split, data_dir)
    if kind == "folder" and rest:
        return folder(rest, image_size, split)
    nearest = difflib.get_close_matches(str(name), NAMES, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"name must be one of {', '.join(NAMES)}. Received: {name!r}.{hint}")


def digits(image_size=None, split="train"):
    """scikit-learn's handwritten digits; values 0..16 are scaled to 0..255.

    "test" is the tenth whose index hashes to it (`order.held_out`): the digits come in runs of
    0..9, so that every tenth index would favour some of them.

    Returns: `Examples` of `(8, 8, 1)` uint8, or `(image_size, image_size, 1)`.
    """
    from sklearn.datasets import load_digits

    images = load_digits().images  # (1797, 8, 8), values 0..16
    images = np.rint(images * (255 / 16)).astype("uint8")[..., None]
    chosen = [held_out(index) == (split == "test") for index in range(len(images))]
    images = np.stack([square_array(image, image_size) for image in images[chosen]])
    return from_arrays(images, "digits")


def cats(image_size=None, split="train", data_dir=None):
    """The images in the folder `data_dir/cats`.

    The QRGAN paper names its Cats (128 x 128) without a source. What GAN papers usually mean are
    the roughly 10,000 photographs of Zhang, Sun & Tang, "Cat head detection" (ECCV 2008), cropped to
    the faces. No registry distributes them, so they are brought along; other cats, such as TFDS
    `cats_vs_dogs`, are other data, and a distance to them is not comparable with the paper's.
    """
    root = data_root(data_dir) or os.path.expanduser("~/tensorflow_datasets")
    path = os.path.join(root, "cats")
    if not os.path.isdir(path):
        raise ValueError(
            f"'cats' must lie in the folder {path}. There is none: put the cropped cat images "
            f"(png or jpg) there, pass data_dir=PARENT_OF_CATS, or name any folder with folder:PATH."
        )
    return folder(path, image_size, split, name="cats")
