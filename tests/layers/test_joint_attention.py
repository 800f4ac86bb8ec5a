"""The joint score against sums by hand and by loops."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.layers import JointAttention, joint_marginals, log_areas_given


def layer():
    """W = R = I (2 x 2), h = 1, th_wh = (0, ln 2)', th_wr = [[0, ln 2], [0, 0]], th_rh = (0, ln 3)'.

    a = (0, ln 2), M = [[0, ln 2], [0, 0]], b = (0, ln 3): exp s = [[1, 6], [2, 6]], of sum 15.
    """
    made = JointAttention(2, 2, 1, 2)
    made.build()
    made.words.assign(np.eye(2))
    made.word_state.assign([[0, np.log(2)]])
    made.word_area.assign([[0, 0], [np.log(2), 0]])  # R th_wr' : area 1 speaks for word 0
    made.area_state.assign([[0, np.log(3)]])
    return made


STATE, AREAS = np.ones((1, 1, 1), "float32"), np.eye(2, dtype="float32")[None]


def probabilities(attention, there=None):
    log_words, log_areas, scores = attention(STATE, AREAS, attention.match(AREAS), there)
    return np.exp(log_words[:, 0]), np.exp(log_areas[:, 0]), scores


def test_by_hand():
    words, areas, scores = probabilities(layer())
    np.testing.assert_allclose(words, [[7 / 15, 8 / 15]], rtol=1e-6)
    np.testing.assert_allclose(areas, [[1 / 5, 4 / 5]], rtol=1e-6)
    np.testing.assert_allclose(-np.log(words[0, 0]), 0.76214, atol=1e-5)
    given = log_areas_given(layer().match(AREAS)[:, :1], scores)  # exp s of word 0: (1, 6)
    np.testing.assert_allclose(np.exp(given[:, 0]), [[1 / 7, 6 / 7]], rtol=1e-6)


def test_gradient_by_hand():
    """d(-log p(w_0)) / dS_wr = p(w, r) - 1[w = 0] p(r|w_0): [[1/15 - 1/7, 6/15 - 6/7], [2/15, 6/15]] over 105."""
    scores = tf.Variable(np.log([[1, 6], [2, 6]]).astype("float32"))
    with tf.GradientTape() as tape:
        loss = -joint_marginals(ops.zeros(2), scores, ops.zeros(2))[0][0]
    np.testing.assert_allclose(tape.gradient(loss, scores), np.array([[-8, -48], [14, 42]]) / 105, atol=1e-6)


def test_loops_agree():
    random = np.random.default_rng(0)
    a, m, b = random.normal(size=(3, 5)), random.normal(size=(3, 5, 4)), random.normal(size=(3, 4))
    log_words, log_areas = joint_marginals(a.astype("float32"), m.astype("float32"), b.astype("float32"))
    for i in range(3):
        joint = np.array([[np.exp(a[i, w] + m[i, w, r] + b[i, r]) for r in range(4)] for w in range(5)])
        joint /= joint.sum()
        np.testing.assert_allclose(np.exp(log_words[i]), joint.sum(1), rtol=1e-5)
        np.testing.assert_allclose(np.exp(log_areas[i]), joint.sum(0), rtol=1e-5)


def test_scores_far_apart_are_no_nan():
    """a = 0, M = [[0, 200], [0, 0]], b = (0, -120): products of exponentials overflow, and 0 * inf is NaN."""
    log_words, log_areas = joint_marginals(
        np.zeros(2, "float32"), np.float32([[0, 200], [0, 0]]), np.float32([0, -120])
    )
    # s = [[0, 80], [0, -120]]: all mass lies on word 0 and area 1; log p of word 1 is log 2 - 80 less 1e-35.
    np.testing.assert_allclose(log_words, [0, -80], atol=1e-4)
    np.testing.assert_allclose(log_areas, [np.log(2) - 80, 0], atol=1e-4)


def test_without_areas_words_alone():
    """For R = 0 all M and b are 0, and p(w) = softmax(a), the baseline's."""
    attention = layer()
    nothing = np.zeros((1, 3, 2), "float32")
    joint, areas, _ = attention(STATE, nothing, attention.match(nothing))
    alone, no_areas, _ = attention(STATE)
    np.testing.assert_allclose(joint, alone, atol=1e-6)
    np.testing.assert_allclose(np.exp(alone[:, 0]), [[1 / 3, 2 / 3]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(areas), np.full((1, 1, 3), 1 / 3), rtol=1e-6)
    assert no_areas is None


def test_areas_that_are_not_there_change_nothing():
    attention = layer()
    more = np.concatenate([AREAS, np.full((1, 1, 2), 50, "float32")], axis=1)
    there = np.array([[True, True, False]])
    log_words, log_areas, _ = attention(STATE, more, attention.match(more), there)
    words, areas, _ = probabilities(attention)
    np.testing.assert_allclose(np.exp(log_words[:, 0]), words, rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_areas[:, 0]), [[*areas[0], 0]], rtol=1e-6)


def test_without_the_state_areas_are_scored_alike_in_every_state():
    attention = JointAttention(4, 3, 2, 5, by_state=False)
    attention.build()
    attention.area.assign(np.arange(5.0))
    areas = np.random.default_rng(1).normal(size=(2, 6, 5)).astype("float32")
    scores = attention.area_scores(np.float32([[[1, 2]], [[3, -4]]]), areas)
    np.testing.assert_allclose(scores[:, 0], areas @ np.arange(5), rtol=1e-4, atol=1e-5)
    assert not any("area_state" in weight.path for weight in attention.weights)


@pytest.mark.parametrize("name", ["num_words", "word_dim", "state_dim"])
def test_sizes_are_checked(name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        JointAttention(**{"num_words": 2, "word_dim": 2, "state_dim": 1, name: 0})
