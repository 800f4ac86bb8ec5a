"""Images that come with scikit-learn: small data that needs no network."""

import numpy as np
from PIL import Image

from qrkeras.data.examples import from_arrays
from qrkeras.data.order import held_out
from qrkeras.data.resize import square_array

PATCH_STRIDE = 4
TRAINING_COLUMNS, TEST_COLUMNS = 256, 64


def digits(image_size=None, split="train", labels=False):
    """scikit-learn's handwritten digits; values 0..16 are scaled to 0..255.

    "test" is the tenth whose index hashes to it (`order.held_out`): the digits come in runs of
    0..9, so that every tenth index would favour some of them.

    Returns: `Examples` of `(8, 8, 1)` uint8, or `(image_size, image_size, 1)`; 10 classes.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype("uint8")[..., None]  # (1797, 8, 8, 1), values were 0..16
    chosen = [held_out(index) == (split == "test") for index in range(len(images))]
    images = np.stack([square_array(image, image_size) for image in images[chosen]])
    if not labels:
        return from_arrays(images, "digits")
    return from_arrays(images, "digits", bunch.target[chosen], num_classes=10)


def photo_patches(image_size=None, split="train", labels=False):
    """Square crops of scikit-learn's two photographs, china.jpg and flower.jpg, 427 x 640 each.

    The photographs are halved first, every pixel the mean of 2 x 2, to 214 x 320: at full size nearly
    half of all 16 x 16 crops show one colour, halved a quarter; at a quarter of the size few are left.
    Crops lie on a grid of stride 4. "test" is the right fifth of both photographs, "train" the rest;
    no pixel is in both. The order goes down column by column, the photographs in turn, so that the
    first n crops show both.

    Returns: `Examples` of `(image_size, image_size, 3)` uint8; 16 where None: 6,100 training and
      1,300 test crops. 2 classes, the photographs.
    """
    from sklearn.datasets import load_sample_images

    size = image_size or 16
    if size > TEST_COLUMNS:
        raise ValueError(
            f"image_size must be at most {TEST_COLUMNS} for 'photo-patches', the width of the part that is held out. "
            f"Received: {image_size}. For larger images of your own, name folder:PATH."
        )
    photos = np.stack([np.asarray(Image.fromarray(photo).reduce(2)) for photo in load_sample_images().images])
    part = photos[:, :, :TRAINING_COLUMNS] if split == "train" else photos[:, :, TRAINING_COLUMNS:]
    windows = np.lib.stride_tricks.sliding_window_view(part, (size, size), axis=(1, 2))
    windows = windows[:, ::PATCH_STRIDE, ::PATCH_STRIDE]  # (photo, row, column, channel, y, x)
    crops = windows.transpose(2, 1, 0, 4, 5, 3).reshape(-1, size, size, 3)
    photo = np.arange(len(crops)) % 2
    return from_arrays(crops, "photo-patches", photo if labels else None)
