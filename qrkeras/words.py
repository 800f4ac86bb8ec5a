"""Captions as words, and words as numbers."""

import collections
import dataclasses
import functools
import string

import numpy as np

STOP, OOV, NOTHING = 0, 1, -1  # the end; a word that is not in the vocabulary; what pads
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def tokens(caption):
    """Words of a caption: lower case, without ASCII punctuation, split at blanks.  Choice, as the released code."""
    return caption.lower().translate(_PUNCTUATION).split()


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers: STOP is 0, OOV 1, and `words[i]` is i + 2.

    It belongs to a model's configuration, not to data: a model keeps the words that it has learned.
    """

    words: tuple[str, ...]

    def __post_init__(self):
        if not self.words or len(set(self.words)) != len(self.words):
            twice = [word for word, count in collections.Counter(self.words).items() if count > 1]
            raise ValueError(f"words must be some, each once. Received: {twice[:3] or 'none'}")

    @classmethod
    def of(cls, captions, at_least=10):
        """Words that are in training captions `at_least` times, the most frequent first, equal ones by the alphabet.

        Args: captions: strings; those of training alone.   at_least: Choice of the paper: 10.
        Raises:
          ValueError: where no word is that frequent.
        """
        counts = collections.Counter(word for caption in captions for word in tokens(caption))
        words = [word for word, count in counts.items() if count >= at_least]
        if not words:
            raise ValueError(
                f"captions must have words that come {at_least} times or more. Received: {len(counts)} words, none of "
                "them that often. Lower at_least or give more captions."
            )
        return cls(tuple(sorted(words, key=lambda word: (-counts[word], word))))

    @functools.cached_property
    def _numbers(self):
        return {word: i + 2 for i, word in enumerate(self.words)}

    def __len__(self):
        """n_w, with OOV and STOP."""
        return len(self.words) + 2

    def encode(self, caption, length):
        """Numbers `(length + 1,)` int32 of a caption: its words, STOP, then NOTHING.

        A caption of more than `length` words is cut after them and loses its STOP; the last place is NOTHING then.

        Raises:
          ValueError: where the caption has no word.
        """
        ids = [self._numbers.get(word, OOV) for word in tokens(caption)]
        if not ids:
            raise ValueError(f"captions must have words. Received: {caption!r}. Leave it out.")
        ids = [*ids[:length], NOTHING] if len(ids) > length else [*ids, STOP]
        return np.array(ids + [NOTHING] * (length + 1 - len(ids)), "int32")

    def decode(self, ids):
        """The caption of numbers `(length,)`, to the first STOP."""
        said = []
        for i in ids:
            if i in (STOP, NOTHING):
                break
            said.append("<unknown>" if i == OOV else self.words[i - 2])
        return " ".join(said)
