"""Images with captions: batches of both, captions as numbers of words."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable

import numpy as np

from qrkeras import kinds
from qrkeras.data import order, scenes
from qrkeras.data import scene_language as language
from qrkeras.data.fingerprint import of_files
from qrkeras.data.image_files import decode
from qrkeras.words import Vocabulary, tokens

TRAINED_ON = 5  # captions of an image that a batch holds
LONGEST = 19  # words; 99.3% of COCO's captions have no more


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionedImages:
    """`size` images, each with some captions.

    Args:
      name: what errors and logs call it.   shape: of one image, `(height, width, 3)`.   size: number of images.
      read: function from indices `(batch,)` int64 to images `(batch, *shape)` uint8.
      captions: function from an index to its captions, strings.
      vocabulary: of the training captions.   length: words of a caption at most, STOP among them.
      fingerprint: function that returns what tells these data from others; None for data that cannot change.
      judge: function from an index and a caption to whether it is (grammatical, right in what it names, true); None
        where nobody can tell.
      named: function from an index and a caption to `(first word, word behind the last, box)` of what it names and is
        there, boxes (top, left, bottom, right) in 0..1; None where no boxes are known.
    """

    name: str
    shape: tuple
    size: int
    read: Callable = dataclasses.field(repr=False)
    captions: Callable = dataclasses.field(repr=False)
    vocabulary: Vocabulary = dataclasses.field(repr=False)
    length: int = LONGEST + 1
    left_out: tuple[str, ...] = ()
    fingerprint: Callable = dataclasses.field(default=lambda: None, repr=False)
    judge: Callable | None = dataclasses.field(default=None, repr=False)
    named: Callable | None = dataclasses.field(default=None, repr=False)
    kind = kinds.CAPTIONED
    dtype = "uint8"
    num_classes = None

    def batches(self, batch_size, seed, start_step=0, share=(0, 1)):
        """Endless batches of images and five captions each; batch `k` is a function of (seed, k).

        Of more captions five are drawn, of fewer some come twice.

        Args: share: `(i, n)`: part i of n equal parts of every batch, the rest of which is not read.
        Returns: `tf.data.Dataset` of `(batch_size / n, *shape)` uint8 and `(batch_size / n, 5, length)` int32, from
          batch `start_step` on.
        """
        import tensorflow as tf

        order.check_batches(self, batch_size, seed, start_step)
        indices = order.shuffled(self.size, batch_size, seed, start_step)
        rows = order.rows(batch_size, share)
        count = rows.stop - rows.start

        def read(step, batch):
            made = functools.partial(self._read, seed, rows.start)
            given = tf.numpy_function(made, [step, batch[rows]], ["uint8", "int32"])
            shapes = (count, *self.shape), (count, TRAINED_ON, self.length)
            return tuple(tf.ensure_shape(value, shape) for value, shape in zip(given, shapes))

        steps = tf.data.Dataset.counter(start_step)
        pairs = tf.data.Dataset.zip(steps, indices)
        return pairs.map(read, num_parallel_calls=2, deterministic=True).prefetch(tf.data.AUTOTUNE)

    def _read(self, seed, first, step, batch):
        ids = []
        for place, index in enumerate(batch, first):
            of_one = self.captions(int(index))
            random = np.random.default_rng([seed % 2**32, int(step), place])
            chosen = np.resize(random.permutation(len(of_one))[:TRAINED_ON], TRAINED_ON)
            ids.append([self.vocabulary.encode(of_one[i], self.length - 1) for i in chosen])
        return self.read(batch), np.array(ids, "int32")

    def take(self, n=None):
        """The first n images, all of them where None: `(n, *shape)` uint8."""
        return self.read(np.arange(self.size if n is None else min(n, self.size)))


def generated(split="train"):
    """`scenes`: generated ones, which need no network.   Args: split: "train", "test" or "novel"."""
    known = {}

    def scene(index):
        if index not in known:
            known[index] = scenes.scene(split, index)
        return known[index]

    return CaptionedImages(
        name="scenes",
        shape=(scenes.SIDE, scenes.SIDE, 3),
        size=scenes.SPLITS[split],
        read=lambda indices: np.stack([scene(int(index)).image for index in indices]),
        captions=lambda index: scene(index).captions,
        vocabulary=Vocabulary(language.WORDS),
        length=language.LONGEST + 1,
        judge=lambda index, caption: language.judge(caption, scene(index).things),
        named=lambda index, caption: [
            (first, last, tuple(v / scenes.SIDE for v in thing.box))
            for first, last, thing in language.named(caption, scene(index).things)
        ],
    )


def folder(path, image_size, split="train"):
    """Your own photographs: images and a `captions.json` in COCO's layout.

    `captions.json` holds `images`, each with `id` and `file_name`, and `annotations`, each with `image_id` and
    `caption`. "test" is the tenth whose file name hashes to it (`order.held_out`). Images are cropped to their middle
    square and resized.

    Raises:
      ValueError: where the file is missing or damaged, an annotation names no image, a file is not there, an image has
        no caption, or there are no captions to learn from.
    """
    path = pathlib.Path(path).expanduser()
    place = path / "captions.json"
    try:
        content = json.loads(place.read_text())
        names = {image["id"]: image["file_name"] for image in content["images"]}
        said = [(note["image_id"], note["caption"]) for note in content["annotations"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"captions:FOLDER must hold captions.json in COCO's layout: images with id and file_name, annotations with "
            f"image_id and caption. Received: {place} ({type(error).__name__}: {error})"
        ) from error
    dangling = [number for number, _ in said if number not in names]
    if dangling:
        raise ValueError(
            f"annotations of captions.json must name images that it lists. Received: image_id {dangling[0]!r} in "
            f"{place}, one of {len(dangling)}. Leave them out, or list their images."
        )
    if image_size is None:
        raise ValueError("image_size must be given for captions:FOLDER, whose images differ. Received: None")
    captions = {}
    for number, caption in said:
        captions.setdefault(number, []).append(caption)
    silent = [caption for _, caption in said if not tokens(str(caption))]
    if silent:
        raise ValueError(
            f"captions must have words. Received: {silent[0]!r} in {place}, one of {len(silent)}. Leave them out."
        )
    missing = [name for name in names.values() if not (path / name).is_file()]
    if missing:
        raise ValueError(
            f"images of captions.json must lie beside it. Received: {missing[0]!r}, which is not in {path}, one of "
            f"{len(missing)}."
        )
    of_split = {"train": [], "test": []}
    for number in captions:
        of_split["test" if order.held_out(names[number]) else "train"].append(number)
    chosen = of_split[split]
    if not chosen:
        raise ValueError(f"captions:FOLDER must hold images with captions for {split!r}. Received: none in {place}")
    learned = [caption for number in of_split["train"] for caption in captions[number]]
    return CaptionedImages(
        name=f"captions:{path}",
        shape=(image_size, image_size, 3),
        size=len(chosen),
        read=lambda indices: np.stack([photograph(path / names[chosen[int(i)]], image_size) for i in indices]),
        captions=lambda index: captions[chosen[index]],
        vocabulary=Vocabulary.of(learned, at_least=min(10, 1 + len(learned) // 200)),
        left_out=tuple(name for number, name in names.items() if number not in captions),
        fingerprint=lambda: of_files({name: path / name for name in ("captions.json", *names.values())}),
    )


def photograph(file, image_size):
    """The middle square of an image file, `(image_size, image_size, 3)` uint8; grey ones as colour.

    Raises:
      ValueError: naming the file, if it cannot be read.
    """
    pixels = decode(file, image_size)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
