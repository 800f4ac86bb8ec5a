"""One image file: what its header says, its pixels, and what to do about one that cannot be read."""

import numpy as np
from PIL import Image, ImageOps

from qrkeras.data.resize import square

SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
CHANNELS = {"1": 1, "L": 1, **dict.fromkeys(SIXTEEN_BITS, 1), "P": 3, "RGB": 3, "CMYK": 3, "YCbCr": 3}
TURNED = (5, 6, 7, 8)  # orientations that exchange height and width
# Where a rotation may be noted; without a look at these, Pillow decodes a PNG to find a late EXIF block.
NOTES = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_WITHOUT_ALPHA = (
    "Lay a copy on a background: PIL.Image.alpha_composite(PIL.Image.new('RGBA', image.size, 'white'), "
    "image.convert('RGBA')).convert('RGB')"
)
_WITHOUT_RANGE = (
    "Its values have no range of their own: make a copy of those that you scale to 0..255, "
    "PIL.Image.fromarray(values.astype('uint8'))"
)


def header(file):
    """Shape `(height, width, channels)` and mode of an image file, without decoding it.

    Raises:
      ValueError: naming the file, if it cannot be read, is animated, or is of a mode whose pixels could mean several
        things: transparent ones, 32-bit and floating-point values.
    """
    try:
        with Image.open(file) as image:
            width, height = image.size
            if NOTES & image.info.keys() and image.getexif().get(0x0112) in TURNED:
                width, height = height, width
            mode, transparent = image.mode, "transparency" in image.info
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1  # whose others are no pictures
    except Exception as error:  # a damaged file fails in as many ways as the libraries that read it
        raise ValueError(_unreadable(file, error)) from None
    if frames > 1:
        raise ValueError(
            f"images must be single ones. {file} is animated, with {frames} frames. Save those that you want as images "
            "in another folder."
        )
    if mode not in CHANNELS or transparent:
        kind = f"{mode} with transparency" if transparent else mode
        alpha = transparent or mode.endswith(("A", "a"))
        advice = _WITHOUT_ALPHA if alpha else _WITHOUT_RANGE if mode in ("I", "F") else in_colour(mode)
        raise ValueError(
            f"images must be grey of 1, 8 or 16 bits, or colour, without an alpha channel. {file} has mode {kind}. "
            f"{advice}, saved in another folder."
        )
    return (height, width, CHANNELS[mode]), mode


def decode(file, image_size=None, shape=None):
    """Reads one image file; 16-bit grey levels are divided by 257, 65535 / 255, and rounded.

    Args:
      file: path.   image_size: centre-crop to a square and resize to this side.   shape: that the image must have.
    Returns: `(height, width, channels)` uint8.
    Raises:
      ValueError: naming the file, if it cannot be read.
    """
    try:
        with Image.open(file) as image:
            pixels = square(_eight_bits(ImageOps.exif_transpose(image)), image_size)
        if shape is not None and pixels.shape != shape:
            raise ValueError(f"its pixels are of shape {pixels.shape}, where its header says {shape}")
    except Exception as error:
        raise ValueError(_unreadable(file, error)) from None
    return pixels


def in_colour(mode):
    """What makes colour of an image of this mode, in a copy: Pillow cuts 16-bit levels off at 255."""
    if mode in SIXTEEN_BITS:
        return "Make a copy: PIL.Image.fromarray((np.asarray(image) / 257).round().astype('uint8')).convert('RGB')"
    return "Make a copy: image.convert('RGB')"


def _eight_bits(image):
    if image.mode in SIXTEEN_BITS:
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype("uint8"))
    return image.convert("L" if CHANNELS[image.mode] == 1 else "RGB")


def _unreadable(file, error):
    mend = "Remove it or replace it by an intact copy."
    if isinstance(error, Image.DecompressionBombError):
        mend = "Save a smaller copy in another folder."
    return f"image file {file} cannot be read ({str(error) or type(error).__name__}). {mend}"
