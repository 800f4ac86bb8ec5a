"""Words and files inside a graph, for exports: numbers to strings and back, bytes to images."""

import string

import tensorflow as tf

from qrkeras.words import NOTHING, OOV, STOP

_PUNCTUATION = "[" + "".join("\\" + c for c in string.punctuation) + "]"


def spoken(ids, words):
    """Captions of numbers `(..., length)`: words to the first STOP, joined by blanks; strings `(...)`."""
    table = tf.constant(["", "<unknown>", *words])
    said = tf.cast(tf.math.cumprod(tf.cast(ids > STOP, "int32"), axis=-1), "bool")
    texts = tf.where(said, tf.gather(table, tf.maximum(ids, 0)), "")
    return tf.strings.strip(tf.strings.reduce_join(texts, axis=-1, separator=" "))


def written(captions, words, length):
    """Numbers `(n, length)` int32 of strings `(n,)`, as `Vocabulary.encode` has them; of no words, STOP alone."""
    plain = tf.strings.regex_replace(tf.strings.lower(captions, encoding="utf-8"), _PUNCTUATION, "")
    plain = tf.strings.regex_replace(plain, r"[\p{Z}\s]+", " ")  # what Python splits at, and TensorFlow does not
    split = tf.strings.split(plain)  # ragged
    # Compared with all words: a hash table would be a resource that a SavedModel has to track.
    known = split.flat_values[:, None] == tf.constant(words)[None]
    numbers = tf.where(tf.reduce_any(known, axis=1), tf.argmax(known, axis=1, output_type="int32") + 2, OOV)
    ids = split.with_flat_values(numbers)
    counts = split.row_lengths()
    found = ids.to_tensor(NOTHING, shape=(None, length))
    ended = tf.range(length, dtype=counts.dtype)[None] == counts[:, None]
    found = tf.where(ended, STOP, found)
    cut = (counts >= length)[:, None] & (tf.range(length) == length - 1)[None]
    return tf.where(cut, NOTHING, found)


def decoded_images(image_bytes, shape):
    """uint8 images `(n, *shape)` of JPEG, PNG, BMP or GIF files: the middle square, resized; EXIF turns nothing.

    A file that cannot be read fails its whole batch.
    """
    height, width, channels = shape

    def decoded(content):
        image = tf.io.decode_image(content, channels, expand_animations=False)
        side = tf.reduce_min(tf.shape(image)[:2])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
        resized = tf.image.resize(image, (height, width), "lanczos3", antialias=True)
        return tf.ensure_shape(tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), "uint8"), shape)

    return tf.map_fn(decoded, image_bytes, fn_output_signature=tf.TensorSpec(shape, "uint8"))
