"""Beam search: the captions that are most probable, as far as a few at a time can tell."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree


class Beams(NamedTuple):
    """Captions `(images, width, length)` int32, the most probable first, STOP after their last word; and `log p`."""

    ids: Any
    scores: Any


def beam_search(state, predict, advance, width, length, stop, never=()):
    """The `width` captions of greatest `sum_t log p(w_t)` that a beam of that width finds.

    Choice, as the released code: no normalisation by length; captions that have ended keep their score and their place.
    The loop ends sooner only where all captions of all images have ended, and what has ended does not change: row i of
    the answer depends on row i alone.

    Args:
      state: `(images, 1, d)`, of which the first word is predicted.
      predict: states `(images, width, d)` -> `(log p (images, width, words), others)`, a structure of tensors
        `(images, width, ...)`.
      advance: `(states, ids (images, width), others)` -> the next states.
      width: captions that are kept.   length: words, STOP among them, at most.
      stop: id of STOP.   never: ids that no caption may hold.
    Returns: `Beams`.
    """
    rows = ops.shape(state)[0]
    state = ops.repeat(state, width, axis=1)
    ids = ops.full((rows, width, length), stop, dtype="int32")
    # Equal captions at the start: but one of them counts.
    scores = ops.zeros((rows, width)) + np.where(np.arange(width) == 0, 0, -np.inf).astype("float32")
    ended = ops.zeros((rows, width), "bool")

    def goes_on(t, ids, scores, ended, state):
        return ops.logical_and(t < length, ops.logical_not(ops.all(ended)))

    def step(t, ids, scores, ended, state):
        log_words, others = predict(state)
        words = log_words.shape[-1]
        log_words = ops.where(np.isin(np.arange(words), never), -np.inf, log_words)
        stays = np.where(np.arange(words) == stop, 0, -np.inf).astype("float32")
        log_words = ops.where(ended[..., None], stays, log_words)
        best, chosen = ops.top_k(ops.reshape(scores[..., None] + log_words, (rows, width * words)), width)
        parent, said = chosen // words, chosen % words

        def of_parents(x):
            return ops.take_along_axis(x, ops.reshape(parent, (rows, width, *[1] * (len(x.shape) - 2))), axis=1)

        ids = ops.where(ops.arange(length) == t, said[..., None], of_parents(ids))
        ended = ops.logical_or(of_parents(ended), said == stop)
        return t + 1, ids, best, ended, advance(of_parents(state), said, tree.map_structure(of_parents, others))

    _, ids, scores, _, _ = ops.while_loop(goes_on, step, (0, ids, scores, ended, state))
    return Beams(ids, scores)
