"""Images are uint8 outside a model and float32 in [-1, 1] inside."""

from keras import ops


def to_unit(images):
    """uint8 images to float32 in [-1, 1]."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def to_uint8(images):
    """Images in [-1, 1] to the nearest uint8."""
    return ops.cast(ops.clip(ops.round((images + 1.0) * 127.5), 0, 255), "uint8")
