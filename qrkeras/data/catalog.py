"""Names to data."""

import difflib
import os

from qrkeras import kinds
from qrkeras.data import captioned, coco
from qrkeras.data.bundled import digits, photo_patches
from qrkeras.data.folder import folder
from qrkeras.data.mixtures import grid25, ring8
from qrkeras.data.records import data_root, records

MIXTURES = {"ring8": ring8, "grid25": grid25}
BUNDLED = {"digits": digits, "photo-patches": photo_patches}
TFDS = {
    "cifar10": "cifar10",
    "imagenet32": "downsampled_imagenet/32x32",
    "lsun-bedroom": "lsun/bedroom",
    "stl10": "stl10",
    "celeb_a": "celeb_a",
}
CROPS = {"celeb_a": 108}
UNLABELLED = {"stl10": "unlabelled"}
NAMES = (*MIXTURES, *BUNDLED, *TFDS, "cats", "tfds:NAME", "folder:PATH", "scenes", coco.NAME, "captions:PATH")


def load(name, image_size=None, split="train", data_dir=None, labels=False):
    """The data called `name`.

    | name | data | labels |
    |---|---|---|
    | `ring8`, `grid25` | mixtures of Gaussians (QRGAN, Section 3.1) | the component |
    | `digits` | 1,797 grey 8 x 8 digits bundled with scikit-learn | 10 digits |
    | `photo-patches` | crops of scikit-learn's two photographs, 16 x 16 or `image_size` | the photograph |
    | `cifar10` | TFDS `cifar10`, 32 x 32 | 10 classes |
    | `stl10` | TFDS `stl10`: the 100,000 unlabelled images; the papers use 48 x 48 | 10, of 5,000 images |
    | `imagenet32` | TFDS `downsampled_imagenet/32x32`, "small ImageNet" | none |
    | `lsun-bedroom` | TFDS `lsun/bedroom`; the paper uses 64 x 64 | none |
    | `celeb_a` | TFDS `celeb_a`: faces, the middle 108 x 108 pixels; the paper uses 64 x 64 | none |
    | `cats` | the images in the folder `data_dir/cats`; the paper uses 128 x 128 | none |
    | `tfds:NAME` | any TFDS dataset with a feature "image" | its feature "label" |
    | `folder:PATH` | png, jpg, jpeg, webp and bmp files in a folder and all below it | first-level folders |
    | `scenes` | generated 64 x 64 scenes with five captions each (`scenes.scene`) | none |
    | `coco_captions` | TFDS `coco_captions`: photographs with captions; the paper uses 224 x 224 | none |
    | `captions:PATH` | photographs with captions: a folder with a `captions.json` in COCO's layout | none |

    `imagenet32` is the set of van den Oord et al., "Pixel Recurrent Neural Networks" (2016), with 49,999
    validation images. image-net.org no longer gives it out, and what it offers as 32 x 32 today is
    other data with 50,000 (tensorflow/datasets#4662), so bring data along that TFDS has prepared.

    Of `celeb_a` AIQN-VAE's supplement says no more than 64 x 64; the implementation that it names
    (github.com/LynnHo/VAE-Tensorflow) cuts the faces out like this, and so do DCGAN's many heirs. TFDS gets the
    images from a Google Drive that is often over its quota: then put the prepared data where the error says.

    Args:
      name: one of the names above.
      image_size: centre-crop images to a square and resize them to this side; smaller images are
        enlarged. None keeps the size, which all images must share.
      split: "train", or "test" for held-out data: an independent stream (mixtures), a fixed
        tenth chosen by hash (digits, folders), or the dataset's own split (TFDS). Of scenes also "novel": pairs of
        colour and kind that no other split has.
      data_dir: where `cats` and TFDS data lie; None is the environment variable TFDS_DATA_DIR, else
        `~/tensorflow_datasets`.
      labels: whether batches are pairs `(examples, labels)`, labels `(batch,)` int32. Examples and
        order are the same without.

    Returns: `Mixture`, `Examples`, `Records` or `CaptionedImages`.
    """
    if split != "train" and split not in held_out_splits(name):
        raise ValueError(f"split must be 'train' or 'test'. Received: {split!r}")
    if image_size is not None and (not isinstance(image_size, int) or image_size < 1):
        raise ValueError(f"image_size must be a positive integer or None. Received: {image_size!r}")
    if name in MIXTURES:
        if image_size is not None:
            raise ValueError(f"image_size must be None for {name!r}, whose examples are points. Received: {image_size}")
        return MIXTURES[name](split, labels)
    if name in BUNDLED:
        return BUNDLED[name](image_size, split, labels)
    if name in TFDS:
        if name == "imagenet32":
            image_size = image_size or 32  # TFDS knows these images as of any size
        training = "train" if labels else UNLABELLED.get(name, "train")
        return records(TFDS[name], image_size, split, data_dir, name, labels, CROPS.get(name), training)
    if name == "cats":
        if labels:
            raise ValueError("labels must be False for 'cats', which has no classes. Received: True")
        return cats(image_size, split, data_dir)
    kind, _, rest = str(name).partition(":")
    if name in ("scenes", coco.NAME) or (kind == "captions" and rest):
        return _captioned(name, rest, image_size, split, labels, data_dir)
    if kind == "tfds" and rest:
        return records(rest, image_size, split, data_dir, labels=labels)
    if kind == "folder" and rest:
        return folder(rest, image_size, split, labels=labels)
    nearest = difflib.get_close_matches(str(name), NAMES, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"name must be one of {', '.join(NAMES)}. Received: {name!r}.{hint}")


def held_out_splits(name):
    """Splits of the data called `name` that nothing is trained on."""
    return ("test", "novel") if name == "scenes" else ("test",)


def known_kind(name):
    """Kind of the examples of the data called `name`, which are not loaded: one of `qrkeras.kinds`."""
    if name in ("scenes", coco.NAME) or str(name).startswith("captions:"):
        return kinds.CAPTIONED
    return kinds.POINTS if name in MIXTURES else kinds.IMAGES


def known_shape(name, image_size=None):
    """Shape of one example of the data called `name`, or None if they must be loaded to know it."""
    if name in MIXTURES:
        return (2,)
    if name == "scenes":
        return (64, 64, 3)
    if name == "digits":
        return (image_size or 8, image_size or 8, 1)
    if name == "photo-patches":
        return (image_size or 16, image_size or 16, 3)
    return (image_size, image_size, 3) if image_size and name in (*TFDS, "cats", coco.NAME) else None


def _captioned(name, path, image_size, split, labels, data_dir):
    if labels:
        raise ValueError(f"labels must be False for {name!r}, whose images come with captions. Received: True")
    if name == coco.NAME:
        return coco.captioned_records(image_size, split, data_dir)
    if name != "scenes":
        return captioned.folder(path, image_size, split)
    if image_size not in (None, 64):
        raise ValueError(f"image_size must be 64 or None for 'scenes', which are drawn so. Received: {image_size}")
    return captioned.generated(split)


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
