import numpy as np
import pytest

from qrkeras.metrics import InceptionEstimate, InceptionScore, inception_score


def test_by_hand():
    # p = (3/4, 1/4) and (1/4, 3/4), mean (1/2, 1/2): KL = 3/4 log(3/2) + 1/4 log(1/2) for both.
    score = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    logits = np.log([[3, 1], [1, 3]])
    assert inception_score(logits, splits=1) == InceptionEstimate(pytest.approx(score, rel=1e-14), 0.0)
    # Logits are known up to a constant.
    assert inception_score(logits + [[700], [-30]], splits=1).mean == pytest.approx(score, rel=1e-12)


def test_extremes():
    # Sure of its class, each class as often: the number of classes. Always unsure, or always the same: 1.
    sure = 1000.0 * np.eye(10)
    assert inception_score(np.repeat(sure, 20, axis=0), splits=1).mean == pytest.approx(10, rel=1e-12)
    assert inception_score(np.zeros((20, 10))) == InceptionEstimate(pytest.approx(1, rel=1e-12), pytest.approx(0))
    assert inception_score(np.repeat(sure[:1], 20, axis=0)).mean == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("classes", [[0, 0, 0, 1], [0, 0, 1]])
def test_each_split_is_scored_alone(classes):
    # Of each two rows one is in either split: whichever it is, one has the first class alone, a score of 1, the other
    # both, a score of 2. Mean 3/2, standard deviation 1/2.
    logits = 1000.0 * np.eye(2)[classes]
    assert inception_score(logits, splits=2) == InceptionEstimate(pytest.approx(1.5), pytest.approx(0.5))


@pytest.mark.parametrize("arranged", [np.tile, np.repeat])
def test_classes_in_turn_or_sorted_come_to_every_split(arranged):
    # 10 of equal share; 500 rows of a split have it but for chance, which takes (10 - 1) / (2 * 500) of it.
    logits = 1000.0 * np.eye(10)[arranged(np.arange(10), 500)]
    score = inception_score(logits)
    assert score.mean == pytest.approx(10, rel=0.015) and score.std < 0.1


def test_tfgan_agrees():
    import tensorflow as tf

    from tests.support.tfgan import classifier_metrics

    logits = 3 * np.random.default_rng(0).standard_normal((500, 10)).astype("float32")
    theirs = classifier_metrics().classifier_score_from_logits(tf.constant(logits))
    assert inception_score(logits, splits=1).mean == pytest.approx(float(theirs), rel=1e-6)


def test_order_does_not_matter_within_a_split():
    logits = np.random.default_rng(0).standard_normal((200, 10))
    shuffled = np.random.default_rng(1).permutation(logits)
    assert inception_score(shuffled, 1).mean == pytest.approx(inception_score(logits, 1).mean, rel=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="logits must have at least 10 rows. Received: 9"):
        inception_score(np.zeros((9, 3)))
    with pytest.raises(ValueError, match="InceptionScore of 10 splits needs at least 10 rows of logits. Received: 9"):
        InceptionScore().update(np.zeros((9, 3))).result()
    with pytest.raises(ValueError, match="splits must be an integer of at least 1. Received: 0"):
        inception_score(np.zeros((9, 3)), splits=0)
