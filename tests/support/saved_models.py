"""Small SavedModels with the signatures of an export, whose every answer can be worked out by hand."""

import pathlib
import tempfile

import tensorflow as tf

SIZE = 4  # images are 4 x 4 x 1


class Painter(tf.Module):
    """A sample is `10 * seed[0] + seed[1] + shift` in every pixel, a quantile `round(255 * tau)`, a score the mean."""

    def __init__(self, shift=0):
        super().__init__()
        self.shift = tf.constant(shift)

    def sample(self, seed):
        value = 10 * seed[:, 0] + seed[:, 1] + self.shift
        return {"images": tf.cast(value[:, None, None, None] + tf.zeros((SIZE, SIZE, 1), tf.int32), tf.uint8)}

    def sample_png(self, seed):
        images = self.sample(seed)["images"]
        return {"png_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

    def inpaint(self, images, mask, seed):
        return {"images": tf.where(mask[..., None] > 0, images, self.sample(seed)["images"])}

    def inpaint_quantile(self, images, mask, tau):
        check = tf.debugging.Assert(tf.reduce_all((tau > 0) & (tau < 1)), ["tau must be in (0, 1). Received:", tau])
        with tf.control_dependencies([check]):
            value = tf.cast(tf.round(255 * tau), tf.uint8)[:, None, None, None]
        return {"images": tf.where(mask[..., None] > 0, images, value)}

    def score(self, images):
        mean = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2, 3))
        return {"quantiles": tf.stack([mean, 2 * mean], axis=1)}


INPUTS = {
    "seed": tf.TensorSpec((None, 2), "int32", "seed"),
    "images": tf.TensorSpec((None, SIZE, SIZE, 1), "uint8", "images"),
    "mask": tf.TensorSpec((None, SIZE, SIZE), "int32", "mask"),
    "tau": tf.TensorSpec((None,), "float32", "tau"),
}
TAKES = {
    "sample": ["seed"],
    "sample_png": ["seed"],
    "inpaint": ["images", "mask", "seed"],
    "inpaint_quantile": ["images", "mask", "tau"],
    "score": ["images"],
}


def painter(path, shift=0, signatures=tuple(TAKES)):
    """Writes a `Painter` with its signatures, the first also as `serving_default`; returns `path`."""
    module = Painter(shift)
    made = {
        name: tf.function(getattr(module, name)).get_concrete_function(**{key: INPUTS[key] for key in TAKES[name]})
        for name in signatures
    }
    return put(path, module, {**made, "serving_default": made[signatures[0]]})


def function(path, call, *specs, **signatures):
    """Writes `call`, of tensors named by their specs, as `serving_default`; returns `path`."""
    module = tf.Module()
    module.call = tf.function(call, input_signature=specs)
    return put(path, module, {"serving_default": module.call, **signatures})


def put(path, module, signatures):
    """Writes a SavedModel beside its place, then renames it, as an export does."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as temporary:
        tf.saved_model.save(module, f"{temporary}/model", signatures)
        pathlib.Path(temporary, "model").rename(path)
    return path
