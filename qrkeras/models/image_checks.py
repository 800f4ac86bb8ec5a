"""What may be wrong with images, labels, masks and levels: errors that name the argument and the mend."""

import keras
import numpy as np

from qrkeras import kinds


def check_images(name, images, shape, levels=256):
    """Raises ValueError where `images` are not `(n, *shape)` uint8, n at least 1, of so many levels over 0..255."""
    check_examples(name, images, shape, floats=False)
    check_grey_levels(name, images, levels)


def grey_levels(levels):
    """So many levels, spread over 0..255."""
    return np.round(255 * np.arange(levels) / (levels - 1))


def check_grey_levels(name, images, levels):
    """Raises ValueError where uint8 `images` have other values than so many levels spread over 0..255."""
    if levels == 256:
        return
    if len(other := np.setdiff1d(images, grey_levels(levels))):
        raise ValueError(
            f"{name} must have no more grey levels than levels={levels}, which are spread over 0..255. Received: "
            f"{other[0]}, which is none of them. Images of any levels have levels=256."
        )


def check_examples(name, x, shape, floats=True, whole=False):
    """Raises ValueError where `x` is no array of examples: of the kind that `shape` tells.

    Args:
      floats: whether images may be floats in [-1, 1] beside uint8.
      whole: whether x is enough to tell [0, 1] from [-1, 1] by: one image may be bright all over.
    """
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise ValueError(
            f"{name} must be a NumPy array or a tensor of {kinds.of(shape).one}s, or for training batches of them: a "
            f"tf.data.Dataset, a keras.utils.PyDataset or a generator. Received: {type(x).__name__}"
        )
    _check_form(name, tuple(x.shape), x.dtype, shape, floats)
    if len(x) == 0:
        raise ValueError(f"{name} must hold at least one {kinds.of(shape).one}. Received shape: {tuple(x.shape)}")
    if keras.backend.standardize_dtype(x.dtype) != "uint8":
        _check_values(name, np.asarray(x), shape, whole)


def check_spec(spec, shape, floats=True, whole_numbers=False, name="x"):
    """Raises ValueError where batches of a `tf.data.Dataset`, `spec`, are no examples, or labels, of `shape`."""
    if not hasattr(spec, "shape") or not hasattr(spec, "dtype") or type(spec).__name__ != "TensorSpec":
        raise ValueError(f"{name} must give dense tensors. Received: {spec}. Convert with to_tensor() in x.map.")
    if whole_numbers:
        if not spec.dtype.is_integer or spec.shape.rank not in (None, 1 + len(shape)):
            wanted = f"(batch, {', '.join(str(n or 'any') for n in shape)})" if shape else "(batch,)"
            raise ValueError(
                f"{name} must be whole numbers of shape {wanted}. Received: {spec.dtype.name} of shape "
                f"{spec.shape}. Cast them with tf.cast(labels, 'int32'), or take labels[:, 0] of a column, tf.argmax "
                "of one-hot labels."
            )
        return
    found = spec.shape if spec.shape.rank is None else tuple(spec.shape)
    _check_form(name, found, spec.dtype, shape, floats)


def _check_form(name, found, dtype, shape, floats):
    """Shape, which may have unknown axes, and dtype."""
    kind = kinds.of(shape)
    if not hasattr(found, "rank") and not _fits(found[1:], shape):
        hint = "Resize them, or build the network with their image_size and channels."
        if len(found) and _fits(found, shape):
            hint = f"It has no batches: {name}.batch(64) makes them, {name}[None] one of a single {kind.one}."
        elif kind is kinds.IMAGES and found[-1:] == (1,):
            hint = "Grey images need channels=1 in the networks, or conversion to RGB."
        elif kind is not kinds.IMAGES:
            hint = "Build the networks for that many values."
        raise ValueError(
            f"{name} must hold {kind.one}s of shape {tuple(shape)}, which the network takes. Received: "
            f"{tuple(found[1:])}. {hint}"
        )
    try:
        dtype = keras.backend.standardize_dtype(dtype)
    except ValueError:
        dtype = str(dtype)
    if dtype == "uint8":
        return
    if kind is kinds.IMAGES and not floats:
        raise ValueError(
            f"{name} must hold uint8 images, 0..255. Received: {dtype}. Convert whole numbers with "
            f"{name}.astype('uint8'), floats in [-1, 1] with np.round(127.5 * ({name} + 1)).astype('uint8')."
        )
    if kind is kinds.IMAGES and "float" not in dtype:
        raise ValueError(_wrong_range(name, dtype))
    if "float" not in dtype and "int" not in dtype:
        raise ValueError(f"{name} must hold numbers. Received: {dtype}")


def _check_values(name, x, shape, whole):
    if not np.all(np.isfinite(x)):
        bad = int(np.argmin(np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise ValueError(f"{name} must be finite. Received: NaN or infinity, first in example {bad}")
    if kinds.of(shape) is not kinds.IMAGES:
        return
    low, high = float(x.min()), float(x.max())
    if low < -1.001 or high > 1.001:
        raise ValueError(_wrong_range(name, f"{x.dtype} in [{low:.4g}, {high:.4g}]"))
    if whole and low >= 0:
        raise ValueError(
            f"{name} must hold images as floats in [-1, 1], or as uint8. Received: {x.dtype} in [{low:.4g}, "
            f"{high:.4g}], which looks like [0, 1]. Convert with 2 * {name} - 1; images that are in [-1, 1] and as "
            f"bright as that, with np.round(127.5 * ({name} + 1)).astype('uint8')."
        )


def _wrong_range(name, received):
    return (
        f"{name} must hold images as uint8 in 0..255 or as floats in [-1, 1]. Received: {received}. "
        f"Convert with {name}.astype('uint8') or {name} / 127.5 - 1."
    )


def _fits(found, shape):
    return len(found) == len(shape) and all(f is None or f == s for f, s in zip(found, shape, strict=True))


def check_labels(name, labels, n, num_classes, one=True):
    """`labels` as int32 NumPy array `(n,)`, zeros where the network has no classes; raises ValueError.

    Args:
      labels: one label, or `(n,)`; None for a network without classes.   one: whether one label may stand for all.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError(
                f"{name} must be None for a network without classes. Received: {_brief(labels)}. Leave it out; "
                "models whose networks have num_classes take labels."
            )
        return np.zeros(n, "int32")
    if labels is None:
        raise ValueError(f"{name} must hold class labels, 0 to {num_classes - 1}. Received: None")
    found = np.asarray(labels)
    if not (found.shape == (n,) or one and found.shape == ()) or found.dtype.kind not in "iu":
        mends = {(n,): f". Give {name}.astype('int32').", (n, num_classes): f". Give np.argmax({name}, axis=-1)."}
        mends[n, 1] = f". Give {name}[:, 0]."
        raise ValueError(
            f"{name} must be {'an int, or ' * one}ints of shape ({n},). Received: {found.dtype} of shape "
            f"{found.shape}{mends.get(found.shape, '')}"
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
