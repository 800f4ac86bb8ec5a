"""The one way images get their size: centre crop to a square, then an antialiased resize."""

import numpy as np
from PIL import Image


def square(image, image_size, crop=None):
    """Centre-crops a `PIL.Image` and resizes it with the Lanczos filter; small images are enlarged.

    Args:
      image: `PIL.Image` of mode "L" or "RGB".
      image_size: side of the result, or None to leave the image as it is.
      crop: side of the square, at most the image's shorter side, which None takes.

    Returns: `(height, width, channels)` uint8; both sides are `image_size` unless that is None.
    """
    if image_size is not None and image.size != (image_size, image_size):
        width, height = image.size
        side = crop or min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        image = image.resize((image_size, image_size), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def square_array(pixels, image_size, crop=None):
    """`square` for `(height, width, channels)` uint8 pixels with 1 or 3 channels."""
    return square(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), image_size, crop)
