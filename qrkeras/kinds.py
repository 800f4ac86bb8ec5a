"""Kinds of examples. What data are, is asked here, and nowhere by the length of a shape."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of examples.

    Attributes:
      name: plural, as texts call them.   one: singular.
      served: name and dtype under which an export takes and gives them.
    """

    name: str
    one: str
    served: tuple[str, str]


POINTS = Kind("points", "example", ("samples", "float32"))
IMAGES = Kind("images", "image", ("images", "uint8"))
CAPTIONED = Kind("images with captions", "image with captions", ("images", "uint8"))


def of(shape):
    """The kind of examples of `shape`, without the batch: images have three axes, all else is points."""
    return IMAGES if len(shape) == 3 else POINTS
