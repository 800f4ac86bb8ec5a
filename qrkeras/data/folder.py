"""Images from a folder of files."""

import dataclasses
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from qrkeras.data.examples import Examples, fits_in_memory, from_arrays
from qrkeras.data.fingerprint import of_files
from qrkeras.data.image_files import decode, header, in_colour
from qrkeras.data.order import held_out

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def folder(path, image_size=None, split="train", name=None, labels=False):
    """All images below `path`, in the order of their relative names.

    Links are followed, and every folder is read once, however many links lead to it. What is left out, hidden files,
    files of other kinds, links that lead nowhere or in a circle, stands in `left_out`.

    The header of every file is read once to check mode and size. Images that fit in memory together
    (`examples.IN_MEMORY_BYTES`) are decoded once, others whenever a batch needs them; the order
    of training is the same. "test" is the tenth of the files whose relative name hashes to it
    (`order.held_out`). Grey folders give 1 channel, with 16 bits scaled to 8, colour folders 3, palettes and CMYK
    count as colour, and a rotation that is noted in the file is applied. Labels are the places, in sorted order,
    of the first-level folders that hold images, training and test images alike.

    Args:
      path: a folder, searched with everything below it; hidden files and folders are left out.
      image_size: centre-crop to a square and resize to this side; None if all sizes are equal.
      split: "train" or "test".
      name: what errors and logs call it, `folder:PATH` if None.
      labels: whether batches come with labels.

    Returns: `Examples`, uint8.
    """
    name = name or f"folder:{path}"
    root = pathlib.Path(os.path.expanduser(path))
    found, left_out = _find(root, path)
    chosen = _choose(found, path, split)
    files = [root / file for file in chosen]
    classes = num_classes = None
    if labels:
        places = {name: place for place, name in enumerate(_classes(found, path))}
        classes, num_classes = np.array([places[_class(file)] for file in chosen], "int32"), len(places)
    height, width, channels = _common_shape(files, image_size)
    shape = (image_size or height, image_size or width, channels)
    if fits_in_memory(len(files), shape):
        images = np.empty((len(files), *shape), "uint8")
        with ThreadPoolExecutor() as pool:
            for row, image in enumerate(pool.map(lambda file: decode(file, image_size, shape), files)):
                images[row] = image
        source = from_arrays(images, name, classes, num_classes)
    else:
        read = _reader(files, image_size, shape, classes)
        source = Examples(name, shape, "uint8", len(files), read, num_classes)
    return dataclasses.replace(
        source, left_out=left_out, fingerprint=lambda: of_files({file: root / file for file in found})
    )


def _reader(files, image_size, shape, labels):
    import tensorflow as tf

    def read(indices):
        images = tf.numpy_function(
            lambda batch: np.stack([decode(files[index], image_size, shape) for index in batch]),
            [indices],
            tf.uint8,
            stateful=False,
        )
        return images if labels is None else (images, tf.gather(labels, indices))

    return read


def _find(root, path):
    """Names of all images below `root`, relative to it and sorted, and of what is left out."""
    if not root.is_dir():
        raise ValueError(
            f"folder:PATH must name an existing folder of images. Received: {str(path)!r}. A run whose images were "
            "moved learns their new place from `qrkeras train` with --data.name folder:PATH."
        )
    found, left_out = [], []
    seen = {_identity(parent) for parent in root.resolve().parents}  # a link to one of them would lead in a circle
    folders, links = [root], []
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)  # places of their own come before links to them
        try:
            place, entries = _identity(folder), sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            left_out.append(f"{_relative(folder, root)} ({error.strerror})")
            continue
        if place in seen:
            left_out.append(f"{_relative(folder, root)} (read already)")
            continue
        seen.add(place)
        for entry in entries:
            if entry.name.startswith("."):
                left_out.append(_relative(entry.path, root))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                links.append(entry.path)
            elif entry.name.lower().endswith(EXTENSIONS) and os.path.isfile(entry.path):
                found.append(_relative(entry.path, root))
            else:
                left_out.append(_relative(entry.path, root))
    found, left_out = (tuple(sorted(names, key=os.fsencode)) for names in (found, left_out))
    if not found:
        others = f", but {len(left_out)} others: {', '.join(left_out[:3])}" if left_out else ""
        raise ValueError(
            f"folder:PATH must hold at least one image ({', '.join(EXTENSIONS)}, searched with all "
            f"folders below it). Received: {str(path)!r}, which holds none{others}."
        )
    return found, left_out


def _identity(folder):
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _relative(path, root):
    return pathlib.Path(path).relative_to(root).as_posix()


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
    classes = sorted({_class(file) for file in found}, key=os.fsencode)
    if len(classes) < 2:
        raise ValueError(
            f"labels of folder {str(path)!r} are its first-level subfolders, of which at least 2 must hold images. "
            f"Received: {classes}. Lay the images out as PATH/CLASS/IMAGE, or load the folder without labels."
        )
    return classes


def _common_shape(files, image_size):
    """`(height, width, channels)` that all files share; the size may differ if it is given."""
    first_shape, first_mode = header(files[0])
    for file in files[1:]:
        shape, mode = header(file)
        if shape[2] != first_shape[2]:
            raise ValueError(
                f"all images must be colour or all grey. {files[0]} has mode {first_mode}, {file} "
                f"has mode {mode}. Keep one kind here, or turn the grey ones into colour, saved in another folder. "
                f"{in_colour(mode if shape[2] == 1 else first_mode)}"
            )
        if image_size is None and shape != first_shape:
            raise ValueError(
                f"image_size must be given if sizes differ (width x height): {files[0]} is "
                f"{first_shape[1]}x{first_shape[0]}, {file} is {shape[1]}x{shape[0]}. With "
                f"image_size, images are centre-cropped to a square and resized."
            )
    return first_shape
