"""Images from TensorFlow Datasets (TFDS), downloaded only if they are absent."""

import contextlib
import dataclasses
import difflib
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np

from qrkeras import kinds
from qrkeras.data.examples import fits_in_memory, from_arrays
from qrkeras.data.fingerprint import of_parts
from qrkeras.data.order import check_batches, rows, take
from qrkeras.data.resize import square_array
from qrkeras.machine import quiet

SHUFFLE_BLOCK = 8192
OPEN_SHARDS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """A stream of TFRecord shards, for data that does not fit in memory.

    The order is a function of (seed, step), but no full permutation: every epoch permutes the shards,
    reads 16 of them in turn and permutes the records in blocks of 8,192. To start at a step, the
    epoch's earlier records are read, not decoded: seconds to minutes for millions of images.

    Args:
      name: what errors and logs call it.
      shape: `(height, width, channels)` of one image.
      size: number of images.
      shards: TFDS file instructions: file name, records to skip, records to take.
      feature: TFDS image feature that decodes a record.
      label: TFDS class label feature, None for images without labels.
      crop: side of the square that is cut out before resizing; None: the largest.
      fingerprint: as of `Examples`.
    """

    name: str
    shape: tuple
    size: int
    shards: list = dataclasses.field(repr=False)
    feature: Any = dataclasses.field(repr=False)
    label: Any = dataclasses.field(default=None, repr=False)
    crop: int | None = None
    fingerprint: Callable = dataclasses.field(default=lambda: None, repr=False)

    kind = kinds.IMAGES
    dtype = "uint8"
    left_out = ()

    @property
    def num_classes(self):
        return None if self.label is None else self.label.num_classes

    def batches(self, batch_size, seed, start_step=0, share=(0, 1)):
        """Endless full batches; batch `k` is a function of (seed, k).

        Args:
          share: `(i, n)`: part i of n equal parts of every batch; records of the rest are read, not decoded.
        Returns: `tf.data.Dataset` of `(batch_size / n, *shape)` uint8, or of pairs of these and labels
          `(batch_size / n,)` int32, beginning at batch `start_step`.
        """
        import tensorflow as tf

        check_batches(self, batch_size, seed, start_step)
        own = rows(batch_size, share)
        first_epoch, offset = divmod(start_step * batch_size, self.size)

        def epoch_records(epoch):
            key = tf.stack([tf.cast(seed, "int64"), epoch])
            shards = tf.range(len(self.shards), dtype="int64")
            blocks = self._serialized(_shuffle(shards, key)).batch(SHUFFLE_BLOCK).enumerate()
            return (
                blocks.map(lambda block, records: _shuffle(records, tf.random.fold_in(key, block)))
                .prefetch(1)
                .unbatch()
            )

        records = tf.data.Dataset.counter(first_epoch).flat_map(epoch_records).skip(offset)
        records = records.batch(batch_size, drop_remainder=True).map(lambda batch: batch[own]).unbatch()
        return self._decoded(records).batch(own.stop - own.start, drop_remainder=True).prefetch(1)

    def evaluation_batches(self, batch_size):
        """One pass in the order of the files; the last batch may be smaller.

        Returns: `tf.data.Dataset` of `(<= batch_size, *shape)` uint8, or of pairs of these and labels.
        """
        import tensorflow as tf

        check_batches(self, min(batch_size, self.size))
        records = self._serialized(tf.range(len(self.shards), dtype="int64"), open_shards=1)
        return self._decoded(records).batch(batch_size).prefetch(1)

    def _serialized(self, shards, open_shards=OPEN_SHARDS):
        import tensorflow as tf

        files = tf.constant([os.fspath(shard.filename) for shard in self.shards])
        skip = tf.constant([shard.skip for shard in self.shards], "int64")
        take = tf.constant([shard.take for shard in self.shards], "int64")
        return tf.data.Dataset.from_tensor_slices(shards).interleave(
            lambda i: tf.data.TFRecordDataset(files[i]).skip(skip[i]).take(take[i]),
            cycle_length=open_shards,
            block_length=16,
            num_parallel_calls=open_shards,
            deterministic=True,
        )

    def _decoded(self, records):
        import tensorflow as tf
        import tensorflow_datasets as tfds

        labels = {} if self.label is None else {"label": self.label}
        features = tfds.features.FeaturesDict({"image": self.feature, **labels})

        def decode(record):
            example = features.deserialize_example(record)
            image = example["image"]
            if self.feature.shape != self.shape:
                image = tf.numpy_function(
                    lambda pixels: square_array(pixels, self.shape[0], self.crop), [image], tf.uint8
                )
            image = tf.ensure_shape(image, self.shape)
            return (image, tf.cast(example["label"], "int32")) if labels else image

        return records.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def records(
    tfds_name, image_size=None, split="train", data_dir=None, name=None, labels=False, crop=None, training="train"
):
    """Images of a TFDS dataset, from its feature "image"; labels from its class label "label".

    "test" is the dataset's split "test", else "validation", else the last tenth of "train" (which is
    then no part of "train"). Images that fit in memory together (`examples.IN_MEMORY_BYTES`)
    are decoded once into `Examples`, others streamed as `Records`.

    Args:
      tfds_name: as TFDS knows it, such as "cifar10" or "lsun/bedroom".
      image_size: centre-crop to a square and resize to this side; None if all sizes are equal.
      split: "train" or "test".
      data_dir: folder of prepared TFDS data; None is TFDS_DATA_DIR, else TFDS's own default.
      name: what errors and logs call it, `tfds:NAME` if None.
      labels: whether batches come with labels.
      crop: side of the square that `image_size` cuts out; None: the largest.
      training: the dataset's split that "train" stands for.

    Returns: `Examples` or `Records`, uint8.
    Raises:
      ValueError: where the dataset is unknown or has other features, or its files are damaged.
      RuntimeError: as `prepared`.
    """
    name = name or f"tfds:{tfds_name}"
    builder = _builder(tfds_name, data_dir)
    feature = _image_feature(builder, name)
    label = _label_feature(builder, name) if labels else None
    shape = _image_shape(feature, image_size, name)
    _prepare(builder, tfds_name)
    info = builder.info.splits[_split(builder, split, name, training)]
    if not info.num_examples:
        raise ValueError(f"split={split!r} of {name!r} in {builder.data_dir} holds no images.")

    def fingerprint():
        return fingerprint_of(builder)

    stream = Records(name, shape, info.num_examples, info.file_instructions, feature, label, crop, fingerprint)
    with whole(builder):
        unlabelled = labels and take(stream, 1)[1][0] < 0
    if unlabelled:
        raise ValueError(
            f"split={split!r} of {name!r} must have labels. Received: the label -1, with which TFDS marks images "
            f"whose class is not public. Load it without labels."
        )
    if not fits_in_memory(stream.size, shape):
        return stream
    with whole(builder):
        images, labels = take(stream) if labels else (take(stream), None)
    return dataclasses.replace(from_arrays(images, name, labels, stream.num_classes), fingerprint=fingerprint)


def prepared(tfds_name, data_dir=None):
    """TFDS's builder of data that are there, or are downloaded.

    Raises:
      ValueError: for a name that TFDS does not know, or files in another format than "tfrecord".
      RuntimeError: where the data is neither there nor to be downloaded, saying where to put it.
    """
    builder = _builder(tfds_name, data_dir)
    _image_feature(builder, tfds_name)
    _prepare(builder, tfds_name)
    return builder


@contextlib.contextmanager
def whole(builder):
    """Within it a dataset's files are read; raises ValueError, naming their folder, where they are damaged or short."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, ValueError) as error:
        reason = quiet.said(error) if isinstance(error, tf.errors.OpError) else error
        raise ValueError(
            f"files of {builder.info.full_name} must be whole. Received: {builder.data_dir} ({reason}). Copy them "
            "there again, or remove that folder and they are prepared anew."
        ) from error


def data_root(data_dir):
    """The folder of prepared data: `data_dir`, else TFDS_DATA_DIR, else None for TFDS's default."""
    import tensorflow as tf

    source = "data_dir" if data_dir else "TFDS_DATA_DIR"
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
    if not data_dir:
        if os.path.expanduser("~").startswith("~"):  # TFDS would make a folder of this name
            raise ValueError(
                "data_dir must be given where there is no home folder for TFDS data. Received: None. Name one with "
                "--data.directory or TFDS_DATA_DIR."
            )
        return None
    root = os.path.expanduser(os.fspath(data_dir))
    if not tf.io.gfile.isdir(root):
        raise ValueError(
            f"{source} must name an existing folder of prepared TFDS data. Received: {root!r}. "
            f"Correct it, or create the folder to download into it."
        )
    return root


def _builder(tfds_name, data_dir):
    import tensorflow_datasets as tfds

    root = data_root(data_dir)
    try:
        return tfds.builder(tfds_name, data_dir=root)
    except (AssertionError, ValueError) as error:  # unknown name; unknown configuration or version
        known = tfds.list_builders(with_community_datasets=False)
        nearest = difflib.get_close_matches(tfds_name, known, n=3)
        hint = f" Nearest names: {', '.join(nearest)}." if nearest else ""
        raise ValueError(
            f"tfds:NAME must be a TFDS dataset, with its configuration if it has any. "
            f"Received: {tfds_name!r} ({_first_line(error)}).{hint}"
        ) from None


def _prepare(builder, tfds_name):
    if builder.is_prepared():
        return
    try:
        _check_reachable(builder.url_infos)
        builder.download_and_prepare()
    except Exception as error:
        raise RuntimeError(
            f"TFDS data {tfds_name!r} is not in {builder.data_dir} and could not be downloaded "
            f"({_first_line(error)}). Either run this again where the network reaches its source, "
            f"or copy the data prepared elsewhere, so that {builder.data_dir} holds "
            f"dataset_info.json, features.json and the *.tfrecord-* files. Another place is given by "
            f"data_dir or the environment variable TFDS_DATA_DIR: the folder that holds "
            f"{builder.name}/. The image files themselves, however you come by them, are read with folder:PATH."
        ) from None


def _check_reachable(urls):
    """Raises OSError at once where the source cannot be reached; TFDS itself tries again for minutes."""
    if urls and not urllib.request.getproxies():
        source = urllib.parse.urlsplit(next(iter(urls)))
        port = source.port or {"http": 80}.get(source.scheme, 443)
        socket.create_connection((source.hostname, port), timeout=20).close()


def fingerprint_of(builder):
    """Of all splits: name and version of the data set, names and sizes of its files."""
    import tensorflow as tf

    files = [path for split in builder.info.splits.values() for path in split.filepaths]
    return {
        "dataset": builder.info.full_name,
        **of_parts({os.path.basename(path): tf.io.gfile.stat(os.fspath(path)).length for path in files}),
    }


def _image_feature(builder, name):
    feature = dict(builder.info.features).get("image")
    if feature is None:
        raise ValueError(f"{name!r} must have a feature 'image'. Received features: {sorted(builder.info.features)}")
    if feature.np_dtype != np.uint8 or len(feature.shape) != 3 or feature.shape[-1] not in (1, 3):
        raise ValueError(
            f"images of {name!r} must be uint8 with 1 or 3 channels. "
            f"Received: {np.dtype(feature.np_dtype).name} of shape {feature.shape}"
        )
    if builder.info.file_format.value != "tfrecord":
        raise ValueError(
            f"files of {name!r} must be in the format 'tfrecord'. Received: "
            f"{builder.info.file_format.value!r} in {builder.data_dir}. Prepare the data again with "
            f"tfds.builder(..., file_format='tfrecord') in another data_dir."
        )
    return feature


def _label_feature(builder, name):
    import tensorflow_datasets as tfds

    features = dict(builder.info.features)
    label = features.get("label")
    if not isinstance(label, tfds.features.ClassLabel) or not label.num_classes:
        found = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in sorted(features.items()))
        raise ValueError(
            f"{name!r} must have a feature 'label' of kind ClassLabel, with its number of classes, if labels are "
            f"asked for. Received features: {found}. Load it without labels."
        )
    return label


def _image_shape(feature, image_size, name):
    height, width, channels = feature.shape
    if image_size is not None:
        return (image_size, image_size, channels)
    if height is None or width is None:
        raise ValueError(
            f"image_size must be given for {name!r}, whose images differ in size. Received: None. "
            f"With image_size, images are centre-cropped to a square and resized."
        )
    return (height, width, channels)


def _split(builder, split, name, training):
    available = builder.info.splits
    if training not in available:
        raise ValueError(f"{name!r} must have a split {training!r}. It has: {sorted(available)}")
    held_out = next((other for other in ("test", "validation") if other in available), None)
    if held_out is None:
        return {"train": f"{training}[:90%]", "test": f"{training}[90%:]"}[split]
    return {"train": training, "test": held_out}[split]


def _first_line(error):
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _shuffle(values, key):
    import tensorflow as tf

    return tf.random.experimental.stateless_shuffle(values, seed=key)
