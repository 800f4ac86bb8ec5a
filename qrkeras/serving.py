"""Trained generators as SavedModels that plain TensorFlow and TF Serving load, with no qrkeras in the process."""

import pathlib
import tempfile

import keras
import tensorflow as tf


def export_model(model, base_dir, name, version=None):
    """Writes `base_dir/name/version`, a SavedModel with the signature `sample`, also as `serving_default`.

    `sample`: `seed` int32 `(batch, 2)` -> `images` uint8 `(batch, height, width, channels)`, or `samples` float32
    `(batch, d)` for points. Row i depends on seed i and on nothing else, so that requests may share a batch.

    Args:
      model: `GAN`.   base_dir: folder that the server watches; made where it is not there.
      name: of the served model.   version: positive int, not there yet; None: the next free one.
    Returns: path of the version.
    Raises:
      ValueError: where the version exists or the folder cannot be written.
    """
    folder = pathlib.Path(base_dir) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(p.name) for p in folder.iterdir() if p.name.isdigit()]
        version = max(taken, default=0) + 1 if version is None else version
        if version < 1:
            raise ValueError(f"version must be a positive integer. Received: {version}")
        target = folder / str(version)
        if target.exists():
            raise ValueError(
                f"version must be a free one. Received: {version}, and {target} exists. Leave it out for the next."
            )
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as temporary:
            _write(model, pathlib.Path(temporary) / "model")
            (pathlib.Path(temporary) / "model").rename(target)
    except OSError as error:
        raise ValueError(
            f"base_dir must be a folder that can be written. Received: {base_dir} ({error.strerror or error})"
        ) from error
    return target


def _write(model, path):
    output = "images" if len(model.example_shape) == 3 else "samples"

    def sample(seed):
        return {output: model.draw(seed)}

    archive = keras.export.ExportArchive()
    archive.track(model.generator)
    for endpoint in ("sample", "serving_default"):
        archive.add_endpoint(endpoint, sample, [tf.TensorSpec((None, 2), "int32", name="seed")])
    archive.write_out(str(path), verbose=False)
