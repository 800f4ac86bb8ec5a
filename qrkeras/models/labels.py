"""What may come with images: class labels, or captions as numbers of words. Errors name the argument and the mend."""

import dataclasses

import numpy as np

from qrkeras.models.image_checks import check_labels, check_spec


@dataclasses.dataclass(frozen=True)
class ClassLabels:
    """One label for each image, in `[0, num_classes)`."""

    num_classes: int
    says, each = "labels", "classes"

    def check(self, name, labels, n):
        """Raises ValueError where an array is not that."""
        check_labels(name, labels, n, self.num_classes)

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
    says, each = "captions", "words"

    def check(self, name, ids, n):
        """Raises ValueError where an array is not that."""
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
