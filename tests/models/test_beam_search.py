"""Beam search by hand, against all captions there are, and row by row."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.models.beam_search import beam_search

STOP, A, B, OOV = 0, 1, 2, 3


def by_hand(width):
    """First a .5, b .4, STOP .1; after a: a .3, b .3, STOP .4; after b: .05, .05, .9. The state is the last word."""
    after = np.log([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]]).astype("float32")  # STOP, a, b
    return beam_search(
        ops.zeros((1, 1, 1), "int32"),
        lambda state: (ops.take(after, state[..., 0], axis=0), ()),
        lambda state, ids, others: ids[..., None],
        width,
        2,
        STOP,
    )


def test_by_hand():
    """One beam goes by a, whose best caption is "a", 0.5 * 0.4; two find "b", 0.4 * 0.9."""
    one, two = by_hand(1), by_hand(2)
    np.testing.assert_array_equal(one.ids, [[[A, STOP]]])
    np.testing.assert_allclose(np.exp(one.scores), [[0.2]], rtol=1e-6)
    np.testing.assert_array_equal(two.ids, [[[B, STOP], [A, STOP]]])
    np.testing.assert_allclose(np.exp(two.scores), [[0.36, 0.2]], rtol=1e-6)


WORDS, LENGTH = 4, 3


def walk(seed, rows):
    """Words by their whole past: the state is `(row's table, the past as a number)`."""
    random = np.random.default_rng(seed)
    tables = np.log(random.dirichlet(np.ones(WORDS), (rows, WORDS**LENGTH))).astype("float32")

    def found(width, kept=slice(None), never=()):
        own = tables[kept]
        state = np.stack([np.arange(len(own)), np.zeros(len(own))], axis=-1).astype("int32")[:, None]
        return beam_search(
            ops.convert_to_tensor(state),
            lambda state: (tf.gather_nd(own, state), {"past": state[..., 1]}),
            lambda state, ids, others: ops.stack([state[..., 0], WORDS * others["past"] + ids + 1], axis=-1),
            width,
            LENGTH,
            STOP,
            never,
        )

    return tables, found


def best(table, never=()):
    """The most probable caption and its log p, by trying all of them."""
    found = {}
    for ids in itertools.product(range(WORDS), repeat=LENGTH):
        past, score, said = 0, 0.0, []
        for word in ids:
            if word in never:
                score = -np.inf
            score += table[past][word]
            past = WORDS * past + word + 1
            said.append(word)
            if word == STOP:
                break
        found[tuple(said + [STOP] * (LENGTH - len(said)))] = score
    return max(found.items(), key=lambda item: item[1])


@pytest.mark.parametrize("never", [(), (OOV,)])
def test_a_wide_beam_finds_the_best_of_all(never):
    tables, found = walk(0, rows=5)
    beams = found(WORDS**LENGTH, never=never)
    for i, table in enumerate(tables):
        ids, score = best(table, never)
        np.testing.assert_array_equal(beams.ids[i, 0], ids)
        np.testing.assert_allclose(beams.scores[i, 0], score, rtol=1e-5)
    told = np.asarray(beams.ids)[np.isfinite(beams.scores)]
    assert not np.isin(told, never).any()


def test_rows_do_not_depend_on_one_another():
    """Some rows end sooner than others: the loop goes on for these alone."""
    _, found = walk(1, rows=6)
    together = found(3)
    for i in range(6):
        alone = found(3, slice(i, i + 1))
        np.testing.assert_array_equal(together.ids[i], alone.ids[0])
        np.testing.assert_allclose(together.scores[i], alone.scores[0], rtol=1e-6)


def test_the_most_probable_comes_first():
    _, found = walk(2, rows=4)
    scores = np.asarray(found(4).scores)
    assert (np.diff(scores, axis=1) <= 0).all()
