"""What may come with images: class labels, or captions as numbers of words, and boxes with these. Errors name the
argument and the mend.

Each kind says what it is called, `says`, and of what its numbers are, `each`; shape, dtype, and range of one image's;
and `over(function, labels)` is `function` of each plain kind that it is made of and its part of the labels.
"""

import dataclasses

import numpy as np

from qrkeras.models.image_checks import check_labels, check_spec


@dataclasses.dataclass(frozen=True)
class ClassLabels:
    """One label for each image, in `[0, num_classes)`."""

    num_classes: int
    says, each, dtype = "labels", "classes", "int32"

    def over(self, function, labels):
        return function(self, labels)

    def check(self, name, labels, n):
        """The NumPy array of what is given; raises ValueError where it is not that."""
        return check_labels(name, labels, n, self.num_classes, one=False)

    def check_spec(self, spec):
        """Raises ValueError where batches of a dataset cannot be that."""
        check_spec(spec, (), whole_numbers=True, name="labels of x")

    @property
    def shape(self):
        """Of one image's."""
        return ()

    @property
    def least(self):
        return 0

    @property
    def most(self):
        return self.num_classes - 1


@dataclasses.dataclass(frozen=True)
class Captions:
    """Several captions for each image, of `length` numbers of words each: `[-1, num_words)`, -1 after its end."""

    length: int
    num_words: int
    says, each, dtype = "captions", "words", "int32"

    def over(self, function, labels):
        return function(self, labels)

    def check(self, name, ids, n):
        """The NumPy array of what is given; raises ValueError where it is not that."""
        found = np.asarray(ids)
        fits = found.size and found.shape[:1] == (n,) and found.shape[2:] == (self.length,)
        if not fits or found.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be ints of shape ({n}, captions, {self.length}), captions as the model's `encode` gives "
                f"them. Received: {found.dtype} of shape {found.shape}"
            )
        if found.min() < -1 or found.max() >= self.num_words:
            raise ValueError(
                f"{name} must hold numbers of the model's words, -1..{self.num_words - 1}. Received: {found.min()} to "
                f"{found.max()}. Encode captions with the model's own words."
            )
        return found

    def check_spec(self, spec):
        """Raises ValueError where batches of a dataset cannot be that."""
        check_spec(spec, self.shape, whole_numbers=True, name="captions of x")

    @property
    def shape(self):
        """Of one image's."""
        return (None, self.length)

    @property
    def least(self):
        return -1

    @property
    def most(self):
        return self.num_words - 1


@dataclasses.dataclass(frozen=True)
class Boxes:
    """Several boxes for each image, `(top, left, bottom, right)` in 0..1; what has no height or width is none."""

    says, each, dtype = "boxes", "boxes", "float32"
    shape, least, most = (None, 4), 0, 1

    def over(self, function, labels):
        return function(self, labels)

    def check(self, name, boxes, n):
        """The NumPy array of what is given; raises ValueError where it is not that."""
        found = np.asarray(boxes)
        if found.shape[:1] != (n,) or found.shape[2:] != (4,) or not found.size or found.dtype.kind != "f":
            raise ValueError(
                f"{name} must be floats of shape ({n}, boxes, 4), the areas that the model looks at: top, left, bottom "
                f"and right in 0..1, zeros for none. Received: {found.dtype} of shape {found.shape}"
            )
        if not (found.min() >= 0 and found.max() <= 1):
            raise ValueError(
                f"{name} must be in 0..1, shares of height and width. Received: {found.min():.4g} to {found.max():.4g}"
            )
        return found

    def check_spec(self, spec):
        """Raises ValueError where batches of a dataset cannot be that."""
        fits = spec.shape.rank is None or spec.shape[1:].is_compatible_with(self.shape)
        if not fits or not spec.dtype.is_floating:
            raise ValueError(
                f"boxes of x must be floats of shape (batch, any, 4). Received: {spec.dtype.name} of shape {spec.shape}"
            )


@dataclasses.dataclass(frozen=True)
class BoxedCaptions:
    """Captions and boxes: dictionaries of both, by these names."""

    captions: Captions
    boxes: Boxes = Boxes()
    says, each = "captions and boxes", "words"

    @property
    def most(self):
        return self.captions.most

    def over(self, function, labels):
        return {name: function(kind, labels[name]) for name, kind in self._kinds.items()}

    def check(self, name, labels, n):
        """NumPy arrays of the dictionary that is given; raises ValueError where it is not that."""
        self._check_names(name, labels)
        return self.over(lambda kind, part: kind.check(f"{name}[{kind.says!r}]", part, n), labels)

    def check_spec(self, spec):
        """Raises ValueError where batches of a dataset cannot be that."""
        self._check_names("labels of x", spec)
        self.over(lambda kind, part: kind.check_spec(part), spec)

    @property
    def _kinds(self):
        return {"captions": self.captions, "boxes": self.boxes}

    def _check_names(self, name, labels):
        if not isinstance(labels, dict) or labels.keys() != self._kinds.keys():
            told = sorted(labels) if isinstance(labels, dict) else type(labels).__name__
            raise ValueError(f"{name} must be a dictionary of captions and boxes. Received: {told}")
