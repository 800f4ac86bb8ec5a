"""Generated scenes with captions: two or three things, what is said of them, and where each is.

A stand-in for photographs where there is no network: scene i is a function of (split, i), and every sentence can be
judged (`scene_language.judge`).
"""

import dataclasses
import functools
import zlib

import numpy as np
from PIL import Image

from qrkeras.data import scene_language as language
from qrkeras.data.scene_language import COLOURS, DIGITS, KINDS, Thing

SIDE = 64
PIXELS = {"small": (12, 15), "large": (20, 24)}
RGB = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (50, 80, 230), "yellow": (230, 210, 50),
       "purple": (150, 50, 190), "white": (245, 245, 245)}  # fmt: skip
NOVEL = tuple((COLOURS[i % 6], KINDS[(2 * i + i // 6) % 15]) for i in range(8))
SPLITS = {"train": 20_000, "test": 1_000, "novel": 1_000}
APART = 2
PROPOSALS = 20


@dataclasses.dataclass(frozen=True)
class Scene:
    """Args: image: `(64, 64, 3)` uint8.   things: its objects.   references: five captions, as pairs (word, thing's
    index or None)."""

    image: np.ndarray
    things: tuple[Thing, ...]
    references: tuple

    @property
    def captions(self):
        return [" ".join(word for word, _ in reference) for reference in self.references]

    def boxes(self, reference):
        """For each word of a reference the box of what it speaks of, (top, left, bottom, right) in 0..1, or None."""
        return [None if index is None else tuple(v / SIDE for v in self.things[index].box) for _, index in reference]


def scene(split, index):
    """Scene `index` of "train", "test" or "novel".

    Grey noise; two things (70%) or three, of different kinds and apart: circle, square, triangle, cross, diamond (60%),
    or one of scikit-learn's digits, of which the last tenth of each class is in no training scene; six colours; small,
    12 to 15 pixels, or large, 20 to 24. Eight of the 90 pairs of colour and kind, NOVEL, are in no scene of training
    or test; each scene of "novel" has one or more.

    Raises:
      ValueError: for another split or index.
    """
    if split not in SPLITS or not 0 <= index < SPLITS[split]:
        most = "; ".join(f"{name}: 0..{size - 1}" for name, size in SPLITS.items())
        raise ValueError(f"split and index must be one of {most}. Received: {split!r}, {index!r}")
    random = np.random.default_rng([zlib.crc32(split.encode()), index])
    image = _noise(random)
    things = []
    count = 2 if random.random() < 0.7 else 3
    while len(things) < count:
        thing = _thing(random, things, must_be_novel=split == "novel" and not things, training=split != "novel")
        if thing is None:
            things = []  # no room is left: begin anew
            continue
        things.append(thing)
    for thing in things:
        _paint(image, thing, random, training=split == "train")
    return Scene(np.rint(image).astype("uint8"), tuple(things), tuple(language.references(things, random)))


def proposals(split, index, of):
    """Boxes of what may be things in a scene: `(20, (top, left, bottom, right))` in 0..1, in an order that is drawn.

    Choice: those of its things, and others of such sizes anywhere: what a method of recall 1 and poor precision would
    propose, which knows no caption.

    Args: of: the scene itself.
    """
    random = np.random.default_rng([zlib.crc32(f"boxes of {split}".encode()), index])
    count = PROPOSALS - len(of.things)
    pixels = random.integers(PIXELS["small"][0], PIXELS["large"][1] + 1, (count, 2))
    corners = random.integers(0, SIDE - pixels + 1)
    others = np.concatenate([corners, corners + pixels], axis=1)
    boxes = np.concatenate([[thing.box for thing in of.things], others])
    return (random.permutation(boxes) / SIDE).astype("float32")


def single(index):
    """A scene with one thing, for what an encoder learns first: its image, and the places of its colour in COLOURS and
    of its kind in KINDS. Neither NOVEL pairs nor digits of the test are among them."""
    random = np.random.default_rng([zlib.crc32(b"single"), index])
    image = _noise(random)
    thing = _thing(random, [], must_be_novel=False, training=True)
    _paint(image, thing, random, training=True)
    return np.rint(image).astype("uint8"), COLOURS.index(thing.colour), KINDS.index(thing.kind)


def _noise(random):
    return np.clip(random.normal(random.uniform(90, 150), 12, (SIDE, SIDE, 1)), 0, 255).repeat(3, axis=2)


def _thing(random, others, must_be_novel, training):
    while True:
        kinds = tuple(language.SHAPES) if random.random() < 0.6 else DIGITS
        kind, colour = kinds[random.integers(len(kinds))], COLOURS[random.integers(6)]
        novel = (colour, kind) in NOVEL
        if novel != must_be_novel and (must_be_novel or training):
            continue
        if all(kind != other.kind for other in others):
            break
    size = "small" if random.random() < 0.5 else "large"
    pixels = int(random.integers(PIXELS[size][0], PIXELS[size][1] + 1))
    for _ in range(50):
        top, left = (int(v) for v in random.integers(0, SIDE - pixels + 1, 2))
        box = (top, left, top + pixels, left + pixels)
        if all(_is_apart(box, other.box) for other in others):
            return Thing(colour, kind, size, box)
    return None


def _is_apart(box, other):
    return (
        box[0] >= other[2] + APART
        or other[0] >= box[2] + APART
        or box[1] >= other[3] + APART
        or other[1] >= box[3] + APART
    )


def _paint(image, thing, random, training):
    top, left, bottom, right = thing.box
    pixels = bottom - top
    if thing.kind in DIGITS:
        images = _digits(DIGITS.index(thing.kind), training)
        chosen = Image.fromarray(images[random.integers(len(images))])
        cover = np.asarray(chosen.resize((pixels, pixels), Image.BILINEAR)) / 255
    else:
        y, x = np.meshgrid(*[(np.arange(pixels) + 0.5) / pixels * 2 - 1] * 2, indexing="ij")
        cover = {
            "circle": x**2 + y**2 <= 1,
            "square": np.ones_like(x, bool),
            "triangle": np.abs(x) <= (y + 1) / 2,
            "cross": (np.abs(x) <= 0.34) | (np.abs(y) <= 0.34),
            "diamond": np.abs(x) + np.abs(y) <= 1,
        }[thing.kind]
    cover = np.asarray(cover, "float64")[..., None]
    there = image[top:bottom, left:right]
    image[top:bottom, left:right] = (1 - cover) * there + cover * np.array(RGB[thing.colour])


@functools.cache
def _digits(digit, training):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images[bunch.target == digit] * (255 / 16)).astype("uint8")
    first = len(images) - len(images) // 10
    return images[:first] if training else images[first:]
