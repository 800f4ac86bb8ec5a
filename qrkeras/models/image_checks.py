"""What may be wrong with images, labels, masks and levels: errors that name the argument and the mend."""

import keras
import numpy as np


def check_training_data(x, y, shape, num_classes):
    """Raises ValueError where a model of images `shape` and `num_classes`, or None, cannot be trained on (x, y).

    Args:
      x: NumPy array, tensor, or `tf.data.Dataset` of images or of (images, labels).   y: labels, or None.
    """
    if hasattr(x, "element_spec"):  # tf.data.Dataset, looked at without drawing from it
        pair = isinstance(x.element_spec, tuple)
        found = x.element_spec[0] if pair else x.element_spec
        _check_images(found.shape[1:], found.dtype, shape)
        if num_classes is not None and not (pair and len(x.element_spec) > 1):
            raise ValueError(
                f"x must be a dataset of (images, labels), for a network of {num_classes} classes. "
                "Received: images alone. Zip the labels in."
            )
        return
    check_images("x", x, shape)
    check_labels("y", y, len(x), num_classes)


def check_images(name, images, shape):
    """Raises ValueError where `images` are not `(n, *shape)` uint8, n at least 1."""
    if not hasattr(images, "shape") or not hasattr(images, "dtype"):
        raise ValueError(
            f"{name} must be a NumPy array, a tensor or a tf.data.Dataset of images. Received: {type(images).__name__}"
        )
    if len(images) == 0:
        raise ValueError(f"{name} must hold at least one image. Received shape: {tuple(images.shape)}")
    _check_images(images.shape[1:], images.dtype, shape, name)


def _check_images(found, dtype, shape, name="x"):
    if len(found) != len(shape) or any(f is not None and f != s for f, s in zip(found, shape, strict=True)):
        raise ValueError(
            f"{name} must hold images of shape {tuple(shape)}, which the network takes. Received: {tuple(found)}. "
            "Resize them, or build the network with their image_size and channels."
        )
    dtype = keras.backend.standardize_dtype(dtype)
    if dtype != "uint8":
        raise ValueError(
            f"{name} must hold uint8 images, 0..255. Received: {dtype}. Convert whole numbers with "
            f"{name}.astype('uint8'), floats in [-1, 1] with np.round(127.5 * ({name} + 1)).astype('uint8')."
        )


def check_labels(name, labels, n, num_classes):
    """`labels` as int32 NumPy array `(n,)`, zeros where the network has no classes; raises ValueError.

    Args:
      labels: one label, or `(n,)`; None for a network without classes.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError(
                f"{name} must be None for a network without classes. Received: {_brief(labels)}. Build the network "
                "with num_classes."
            )
        return np.zeros(n, "int32")
    if labels is None:
        raise ValueError(f"{name} must hold class labels, 0 to {num_classes - 1}. Received: None")
    found = np.asarray(labels)
    if found.shape not in ((), (n,)) or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be an int, or ints of shape ({n},). Received: {found.dtype} of shape {found.shape}"
        )
    if found.size and (found.min() < 0 or found.max() >= num_classes):
        raise ValueError(f"{name} must be in 0..{num_classes - 1}. Received: {found.min()} to {found.max()}")
    return np.broadcast_to(found, (n,)).astype("int32")


def check_mask(mask, n, shape):
    """`mask` as int32 NumPy array `(n, height, width)`; raises ValueError.

    Args:
      mask: 0 or 1, or booleans, `(n, height, width)`, or `(height, width)` for all images.
    """
    found = np.asarray(mask)
    expected = (n, *shape[:2])
    if found.shape not in (expected, expected[1:]):
        raise ValueError(
            f"mask must have shape {expected}, or {expected[1:]} for all images: a pixel is known or unknown as a "
            f"whole. Received: {found.shape}"
        )
    values = np.unique(found)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"mask must hold 1 where the pixel is known and 0 where it is drawn. Received values: {_brief(values)}. "
            "Convert with mask > 0."
        )
    return np.broadcast_to(found, expected).astype("int32")


def check_tau(tau, n, shape):
    """`tau` as float32 NumPy array `(n, *shape)`; raises ValueError.

    Args:
      tau: levels in (0, 1): a number, or an array that broadcasts to the images' shape.
    """
    found = np.asarray(tau, "float32")
    try:
        levels = np.broadcast_to(found, (n, *shape))
    except ValueError:
        raise ValueError(
            f"tau must be a number or broadcast to {(n, *shape)}, one level for each value. Received: {found.shape}"
        ) from None
    if not (np.all(found > 0) and np.all(found < 1)):
        raise ValueError(
            f"tau must be in (0, 1), without 0 and 1. Received: {found.min():.4g} to {found.max():.4g}. "
            "Clip it to [1e-6, 1 - 1e-6]."
        )
    return levels


def _brief(values):
    return np.array2string(np.asarray(values), threshold=6, precision=4)
