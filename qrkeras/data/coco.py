"""Captioned images of TensorFlow Datasets, of which `coco_captions` is one: 123,287 photographs of COCO, five captions
or more each, in the splits of Karpathy & Li (2015)."""

import functools
import io
import struct

import numpy as np
from PIL import Image

from qrkeras.data import captioned
from qrkeras.data.records import fingerprint_of, prepared, whole
from qrkeras.words import Vocabulary, tokens

NAME = "coco_captions"
AT_LEAST = 10  # times that a word is in training captions


def captioned_records(image_size, split="train", data_dir=None, tfds_name=NAME):
    """The images of a TFDS dataset with features `image`, `captions/text` and `objects/bbox`, as `coco_captions` has.

    All files are read once as they are loaded, for their captions and to know where each image lies: of COCO a minute
    or more. Boxes are those that people drew around objects, and no method's proposals.

    Args: image_size: side of the middle square that is resized.   split: "train" or "test".
      data_dir: folder of prepared TFDS data; None: TFDS_DATA_DIR, else TFDS's own default.
    Raises:
      ValueError: without image_size, or where a file is damaged.
      RuntimeError: where the data is not prepared and cannot be downloaded, saying where to put it.
    """
    if image_size is None:
        raise ValueError(f"image_size must be given for {tfds_name}, whose images differ. Received: None")
    builder = prepared(tfds_name, data_dir)
    with whole(builder):
        found = {name: _Images(builder, name) for name in {"train", split}}
    images = found[split]
    return captioned.CaptionedImages(
        name=tfds_name,
        shape=(image_size, image_size, 3),
        size=len(images.captions),
        read=lambda indices: np.stack([images.image(int(i), image_size) for i in indices]),
        captions=lambda index: images.captions[index],
        vocabulary=Vocabulary.of([text for texts in found["train"].captions for text in texts], AT_LEAST),
        boxes=images.boxes,
        fingerprint=lambda: fingerprint_of(builder),
    )


class _Images:
    """A split's captions, and where in which file each image lies."""

    def __init__(self, builder, split):
        import tensorflow_datasets as tfds

        features = builder.info.features
        self.features = tfds.features.FeaturesDict({name: features[name] for name in ("captions", "objects")})
        self.captions, self.places, self._drawn = [], [], []
        self.boxes = functools.cache(self._boxes)  # an image is read for its size once
        info = builder.info.splits[split]
        for shard in info.file_instructions:
            for texts, boxes in self._told(shard):  # which refuses files that are damaged
                self.captions.append([text for text in (each.decode() for each in texts) if tokens(text)])
                self._drawn.append(boxes)
            places = list(_records(shard.filename))[shard.skip :][: shard.take]
            self.places += [(shard.filename, *place) for place in places]
        if len(self.captions) < info.num_examples:
            raise ValueError(f"split {split!r} must hold {info.num_examples} examples. Received: {len(self.captions)}")

    def _told(self, shard):
        """Captions and boxes of a file's records."""
        import tensorflow as tf

        def read(record):
            example = self.features.deserialize_example(record)
            return example["captions"]["text"], example["objects"]["bbox"]

        records = tf.data.TFRecordDataset(shard.filename).skip(shard.skip).take(shard.take)
        return records.map(read, num_parallel_calls=4, deterministic=True).as_numpy_iterator()

    def image(self, index, image_size):
        """`(image_size, image_size, 3)` uint8."""
        return captioned.photograph(self._file(index), image_size)

    def _boxes(self, index):
        """`(n, (top, left, bottom, right))` in 0..1 of the middle square."""
        with Image.open(self._file(index)) as image:
            width, height = image.size
        pixels = self._drawn[index] * (height, width, height, width)  # TFDS: (ymin, xmin, ymax, xmax) in 0..1
        inside = [captioned.middle_square(box, width, height) for box in pixels]
        return np.array([box for box in inside if box is not None], "float32").reshape(-1, 4)

    def _file(self, index):
        import tensorflow as tf

        path, start, length = self.places[index]
        with tf.io.gfile.GFile(path, "rb") as file:
            file.seek(start)
            example = tf.train.Example.FromString(file.read(length))
        return io.BytesIO(example.features.feature["image"].bytes_list.value[0])


def _records(path):
    """Start and length of each record of a TFRecord file: 8 bytes of length and 4 of check sum before it, 4 behind."""
    import tensorflow as tf

    with tf.io.gfile.GFile(path, "rb") as file:
        at = 0
        while header := file.read(12):
            (length,) = struct.unpack("<Q4x", header)
            yield at + 12, length
            at += 12 + length + 4
            file.seek(at)
