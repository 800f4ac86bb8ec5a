"""Images from a folder of files."""

import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps

from qrkeras.data.examples import Examples, fits_in_memory, from_arrays
from qrkeras.data.order import held_out
from qrkeras.data.resize import square

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
CHANNELS = {"L": 1, "1": 1, "RGB": 3, "P": 3}
EXIF_ORIENTATION = 0x0112


def folder(path, image_size=None, split="train", name=None, labels=False):
    """All images below `path`, in the order of their relative names.

    The header of every file is read once to check mode and size. Images that fit in memory together
    (`examples.IN_MEMORY_BYTES`) are decoded once, others whenever a batch needs them; the order
    of training is the same. "test" is the tenth of the files whose relative name hashes to it
    (`order.held_out`). Grey folders give 1 channel, colour folders 3, palettes count as colour, and a
    rotation noted by the camera is applied. Labels are the places, in sorted order, of the first-level
    folders that hold images, training and test images alike.

    Args:
      path: a folder, searched with everything below it; hidden files and folders are left out.
      image_size: centre-crop to a square and resize to this side; None if all sizes are equal.
      split: "train" or "test".
      name: what errors and logs call it, `folder:PATH` if None.
      labels: whether batches come with labels.

    Returns: `Examples`, uint8.
    """
    name = name or f"folder:{path}"
    found = _find(path)
    chosen = _choose(found, path, split)
    files = [pathlib.Path(path).expanduser() / file for file in chosen]
    of_files = num_classes = None
    if labels:
        places = {name: place for place, name in enumerate(_classes(found, path))}
        of_files, num_classes = np.array([places[_class(file)] for file in chosen], "int32"), len(places)
    height, width, channels = _common_shape(files, image_size)
    shape = (image_size or height, image_size or width, channels)
    if fits_in_memory(len(files), shape):
        images = np.empty((len(files), *shape), "uint8")
        with ThreadPoolExecutor() as pool:
            for row, image in enumerate(pool.map(lambda file: decode(file, image_size), files)):
                images[row] = image
        return from_arrays(images, name, of_files, num_classes)
    return Examples(name, shape, "uint8", len(files), _reader(files, image_size, of_files), num_classes)


def decode(file, image_size=None):
    """Reads one image file.

    Returns: `(height, width, channels)` uint8, square if `image_size` is given.
    """
    try:
        with Image.open(file) as image:
            mode = "L" if CHANNELS[image.mode] == 1 else "RGB"
            return square(ImageOps.exif_transpose(image).convert(mode), image_size)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(_unreadable(file, error)) from None


def _reader(files, image_size, labels):
    import tensorflow as tf

    def read(indices):
        images = tf.numpy_function(
            lambda batch: np.stack([decode(files[index], image_size) for index in batch]),
            [indices],
            tf.uint8,
            stateful=False,
        )
        return images if labels is None else (images, tf.gather(labels, indices))

    return read


def _find(path):
    """Names of all images below `path`, relative to it and sorted."""
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"folder:PATH must name an existing folder of images. Received: {str(path)!r}")
    found = []
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]  # os.walk enters these alone
        found += [
            pathlib.Path(parent, file).relative_to(root).as_posix()
            for file in names
            if file.lower().endswith(EXTENSIONS) and not file.startswith(".")
        ]
    if not found:
        raise ValueError(
            f"folder:PATH must hold at least one image ({', '.join(EXTENSIONS)}, searched with all "
            f"folders below it). Received: {str(path)!r}, which holds none."
        )
    return sorted(found)


def _choose(found, path, split):
    chosen = [file for file in found if held_out(file) == (split == "test")]
    if not chosen:
        raise ValueError(
            f"split={split!r} of folder {str(path)!r} is empty: about every tenth file is held out "
            f"for 'test', and the folder holds {len(found)}. Add images."
        )
    return chosen


def _class(file):
    """First-level folder of a relative name; "" if there is none."""
    first, slash, _ = file.partition("/")
    return first if slash else ""


def _classes(found, path):
    outside = [file for file in found if not _class(file)]
    if outside:
        raise ValueError(
            f"labels of folder {str(path)!r} are its first-level subfolders, so that every image must lie in one. "
            f"Received: {len(outside)} images outside, the first {outside[0]!r}. Move them into the folder of their "
            f"class, or load the folder without labels."
        )
    classes = sorted({_class(file) for file in found})
    if len(classes) < 2:
        raise ValueError(
            f"labels of folder {str(path)!r} are its first-level subfolders, of which at least 2 must hold images. "
            f"Received: {classes}. Lay the images out as PATH/CLASS/IMAGE, or load the folder without labels."
        )
    return classes


def _common_shape(files, image_size):
    """`(height, width, channels)` that all files share; the size may differ if it is given."""
    first_shape, first_mode = _header(files[0])
    for file in files[1:]:
        shape, mode = _header(file)
        if shape[2] != first_shape[2]:
            raise ValueError(
                f"all images must be colour or all grey. {files[0]} has mode {first_mode}, {file} "
                f"has mode {mode}. Convert one kind, for example with PIL.Image.open(file)"
                f".convert('RGB').save(file)."
            )
        if image_size is None and shape != first_shape:
            raise ValueError(
                f"image_size must be given if sizes differ (width x height): {files[0]} is "
                f"{first_shape[1]}x{first_shape[0]}, {file} is {shape[1]}x{shape[0]}. With "
                f"image_size, images are centre-cropped to a square and resized."
            )
    return first_shape


def _header(file):
    """Returns: shape `(height, width, channels)` and mode of the image, without decoding it."""
    try:
        with Image.open(file) as image:
            width, height = image.size
            # Without the first test, Pillow decodes a PNG to look for a late EXIF block.
            if "exif" in image.info and image.getexif().get(EXIF_ORIENTATION, 1) >= 5:
                width, height = height, width
            mode, transparent = image.mode, "transparency" in image.info
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(_unreadable(file, error)) from None
    if mode not in CHANNELS or transparent:
        kind = f"{mode} with transparency" if transparent else mode
        raise ValueError(
            f"images must be 8-bit grey (mode L) or colour (mode RGB), without an alpha channel. "
            f"{file} has mode {kind}. Convert it, for example with PIL.Image.open(file)"
            f".convert('RGB').save(file)."
        )
    return (height, width, CHANNELS[mode]), mode


def _unreadable(file, error):
    return f"image file {file} cannot be read ({error}). Remove it or replace it by an intact copy."
