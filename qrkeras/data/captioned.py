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
from qrkeras.data.image_files import decode, header
from qrkeras.words import Vocabulary, tokens

TRAINED_ON = 5  # captions of an image that a batch holds
MOST_BOXES = 1_000  # of an image, outside of training: the paper's best
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
      boxes: function from an index to boxes of what may be things in it, the best first: `(n, (top, left, bottom,
        right))` in 0..1; None where no boxes are known.
      drawn: boxes of an image that a batch holds; 0: batches hold none.
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
    boxes: Callable | None = dataclasses.field(default=None, repr=False)
    drawn: int = 0
    kind = kinds.CAPTIONED
    dtype = "uint8"
    num_classes = None

    def batches(self, batch_size, seed, start_step=0, share=(0, 1)):
        """Endless batches of images and five captions each; batch `k` is a function of (seed, k).

        Of more captions five are drawn, of fewer some come twice.

        Args: share: `(i, n)`: part i of n equal parts of every batch, the rest of which is not read.
        Returns: `tf.data.Dataset` of `(batch_size / n, *shape)` uint8 and `(batch_size / n, 5, length)` int32, from
          batch `start_step` on; of `boxed` data of images and a dictionary of these `captions` and of `boxes`,
          `(batch_size / n, drawn, 4)` float32, drawn from each image's without repetition; zeros where it has fewer.
        """
        import tensorflow as tf

        order.check_batches(self, batch_size, seed, start_step)
        indices = order.shuffled(self.size, batch_size, seed, start_step)
        rows = order.rows(batch_size, share)
        count = rows.stop - rows.start

        def read(step, batch):
            made = functools.partial(self._read, seed, rows.start)
            given = tf.numpy_function(made, [step, batch[rows]], ["uint8", "int32", "float32"])
            shapes = (count, *self.shape), (count, TRAINED_ON, self.length), (count, self.drawn, 4)
            images, ids, boxes = (tf.ensure_shape(value, shape) for value, shape in zip(given, shapes))
            return images, {"captions": ids, "boxes": boxes} if self.drawn else ids

        steps = tf.data.Dataset.counter(start_step)
        pairs = tf.data.Dataset.zip(steps, indices)
        return pairs.map(read, num_parallel_calls=2, deterministic=True).prefetch(tf.data.AUTOTUNE)

    def _read(self, seed, first, step, batch):
        ids, boxes = [], np.zeros((len(batch), self.drawn, 4), "float32")
        for place, index in enumerate(batch, first):
            of_one = self.captions(int(index))
            random = np.random.default_rng([seed % 2**32, int(step), place])
            chosen = np.resize(random.permutation(len(of_one))[:TRAINED_ON], TRAINED_ON)
            ids.append([self.vocabulary.encode(of_one[i], self.length - 1) for i in chosen])
            if self.drawn:
                there = random.permutation(self.boxes(int(index)))[: self.drawn]
                boxes[place - first, : len(there)] = there
        return self.read(batch), np.array(ids, "int32"), boxes

    def boxed(self, drawn):
        """The same data with boxes beside the images, of which a batch holds so many.

        Raises:
          ValueError: where no boxes are known.
        """
        if self.boxes is None:
            raise ValueError(
                "data must have boxes, for areas that are proposals: scenes, or captions:FOLDER whose captions.json "
                f"has annotations with bbox. Received: {self.name}, which has none"
            )
        return dataclasses.replace(self, drawn=drawn)

    def given(self, n=None):
        """What a captioner is given of the first n images, all of them where None, by name: `images`, and of boxed data
        all their `boxes`, at most 1,000 each, zeros where an image has fewer."""
        images = self.take(n)
        if not self.drawn:
            return {"images": images}
        of_each = [self.boxes(i)[:MOST_BOXES] for i in range(len(images))]
        boxes = np.zeros((len(images), max(1, *map(len, of_each)), 4), "float32")
        for row, of_one in zip(boxes, of_each):
            row[: len(of_one)] = of_one
        return {"images": images, "boxes": boxes}

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
        boxes=lambda index: scenes.proposals(split, index, scene(index)),
    )


def folder(path, image_size, split="train"):
    """Your own photographs: images and a `captions.json` in COCO's layout.

    `captions.json` holds `images`, each with `id` and `file_name`, and `annotations`, each with `image_id` and
    `caption`. Annotations may also have a `bbox`, `[x, y, width, height]` in pixels, with or without a caption: boxes
    of what may be things, the best first; their images have `width` and `height`. "test" is the tenth whose file name
    hashes to it (`order.held_out`). Images are cropped to their middle square and resized.

    Raises:
      ValueError: where the file is missing or damaged, an annotation names no image, a file is not there or no image
        that can be used, a box is none, or there are no captions to learn from.
    """
    path = pathlib.Path(path).expanduser()
    place = path / "captions.json"
    try:
        content = json.loads(place.read_text())
        names = {image["id"]: image["file_name"] for image in content["images"]}
        notes = content["annotations"]
        said = [(note["image_id"], note["caption"]) for note in notes if "bbox" not in note or "caption" in note]
        dangling = [note["image_id"] for note in notes if note["image_id"] not in names]
        for text in (*names.values(), *(caption for _, caption in said)):
            if not isinstance(text, str):
                raise TypeError(f"{text!r} is no string")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"captions:FOLDER must hold captions.json in COCO's layout: images with id and file_name, annotations with "
            f"image_id and caption. Received: {place} ({type(error).__name__}: {error})"
        ) from error
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
    silent = [caption for _, caption in said if not tokens(caption)]
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
        mend = (
            "Add images" if split == "train" else "The tenth whose file names hash to it is; add images, or rename some"
        )
        raise ValueError(
            f"captions:FOLDER must hold images with captions for {split!r}. Received: none in {place}. {mend}."
        )
    for number in chosen:
        header(path / names[number])  # refuses what cannot be used before anything is trained
    boxes = _boxes(content, place)
    learned = [caption for number in of_split["train"] for caption in captions[number]]
    return CaptionedImages(
        name=f"captions:{path}",
        shape=(image_size, image_size, 3),
        size=len(chosen),
        read=lambda indices: np.stack([photograph(path / names[chosen[int(i)]], image_size) for i in indices]),
        captions=lambda index: captions[chosen[index]],
        vocabulary=Vocabulary.of(learned, at_least=min(10, 1 + len(learned) // 200)),
        boxes=(lambda index: boxes.get(chosen[index], NO_BOXES)) if boxes else None,
        left_out=tuple(name for number, name in names.items() if number not in captions),
        fingerprint=lambda: of_files({name: path / name for name in ("captions.json", *names.values())}),
    )


NO_BOXES = np.zeros((0, 4), "float32")


def _boxes(content, place):
    """Boxes of annotations, image's number -> `(n, 4)` in the middle square; what lies outside of it is left out."""
    sizes = {image["id"]: (image.get("width"), image.get("height")) for image in content["images"]}
    found = {}
    for note in content["annotations"]:
        if "bbox" not in note:
            continue
        box, (width, height) = note["bbox"], sizes[note["image_id"]]
        try:
            left, top, across, down = (float(value) for value in box)
            side = min(width, height)
        except (TypeError, ValueError):
            across = down = side = 0
        if not (across > 0 and down > 0 and side > 0):
            raise ValueError(
                f"bbox must be [x, y, width, height] in pixels, of images with width and height. Received: {box} of an "
                f"image of {width} x {height} in {place}"
            )
        inside = middle_square((top, left, top + down, left + across), width, height)
        if inside is not None:
            found.setdefault(note["image_id"], []).append(inside)
    return {number: np.array(boxes, "float32") for number, boxes in found.items()}


def middle_square(box, width, height):
    """A box (top, left, bottom, right) in pixels as shares of the middle square; None where it lies outside of that."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    inside = np.clip((np.array(box) - (top, left, top, left)) / side, 0, 1)
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else None


def photograph(file, image_size):
    """The middle square of an image file, `(image_size, image_size, 3)` uint8; grey ones as colour.

    Raises:
      ValueError: naming the file, if it cannot be read or is transparent, as `image_files.header`.
    """
    header(file)
    pixels = decode(file, image_size)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
