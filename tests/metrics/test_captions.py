"""Measures of captions by hand, and against the COCO server's code where it is installed."""

import shutil

import numpy as np
import pytest

from qrkeras.metrics import captions

# 1-grams: 9 of 10 (the square is "left of" where it is "above": of six words of the first, "above" is in no reference
# ... ); see the counts in the test.
SAID = ["a red circle above a blue square", "a green cross"]
REFERENCES = [
    ["a red circle left of a blue square", "the red disc is left of the square"],
    ["a green cross", "one green cross"],
]


def test_bleu_by_hand():
    """10 words; all but "above" are in a reference: 9/10. Bigrams: "circle above", "above a" are not: 6 of 8. Trigrams:
    "a red circle", "a blue square", "a green cross": 3 of 6. Four words in turn: 0 of 4. References have 8 + 3 words:
    brevity exp(1 - 11/10)."""
    short = np.exp(-0.1)
    expected = [0.9, (0.9 * 6 / 8) ** (1 / 2), (0.9 * 6 / 8 * 3 / 6) ** (1 / 3), 0]
    np.testing.assert_allclose(captions.bleu(SAID, REFERENCES), 100 * short * np.array(expected), rtol=1e-9)
    np.testing.assert_allclose(captions.bleu(SAID, REFERENCES), [81.435, 74.340, 62.998, 0], atol=1e-3)


def test_cider_by_hand():
    """N = 2, so that every word of one image alone has idf ln 2. "a" is in both images: 0. Of "a b b" only b counts.

    1-grams: c = 2 ln 2, r = ln 2 of b alone: min(c, r) r / (|c| |r|) = 1/2. Bigrams: c = {ab, bb}, r = {ab}: 1/sqrt 2.
    Lengths in bigrams 2 and 1: exp(-1/72). A quarter of the sum, times 10. "a d" shares with "a c" what counts nothing.
    """
    found = captions.cider_d(["a b b", "a d"], [["a b"], ["a c"]])
    np.testing.assert_allclose(found, [100 * (1 / 2 + 1 / np.sqrt(2)) / 4 * np.exp(-1 / 72) * 10, 0], rtol=1e-12)
    np.testing.assert_allclose(found[0], 297.614, atol=1e-3)
    assert not captions.cider_d(["a b"], [["a b"]]).any(), "one image: all idf are 0"


def test_rouge_by_hand():
    """Longest common subsequences of "a red circle above a blue square": "a red circle a blue square", 6 of 7 and 6 of
    8. P = 6/7, R = 6/8, F = 2.44 P R / (R + 1.44 P)."""
    precision, recall = 6 / 7, 6 / 8
    first = 2.44 * precision * recall / (recall + 1.44 * precision)
    np.testing.assert_allclose(captions.rouge_l(SAID, REFERENCES), [100 * first, 100], rtol=1e-12)
    # The best precision is with one reference, the best recall with the other.
    np.testing.assert_allclose(captions.rouge_l(["a b"], [["a b c d", "b"]]), [100], rtol=1e-12)
    assert captions.rouge_l(["", "x"], [["a"], ["b"]]).tolist() == [0, 0]


def test_as_the_coco_servers_code():
    coco = pytest.importorskip("pycocoevalcap.cider.cider", reason="pycocoevalcap IS NOT INSTALLED: not compared")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.rouge.rouge import Rouge

    random = np.random.default_rng(0)
    said = [" ".join(random.choice(list("abcdefg"), random.integers(3, 9))) for _ in range(60)]
    references = [
        [" ".join(random.choice(list("abcdefg"), random.integers(3, 9))) for _ in range(random.integers(2, 6))]
        for _ in said
    ]
    theirs = dict(enumerate(references)), {i: [one] for i, one in enumerate(said)}
    np.testing.assert_allclose(
        captions.cider_d(said, references), 100 * coco.Cider().compute_score(*theirs)[1], rtol=1e-9
    )
    np.testing.assert_allclose(captions.rouge_l(said, references), 100 * Rouge().compute_score(*theirs)[1], rtol=1e-9)
    expected = Bleu(4).compute_score(*theirs, verbose=0)[0]
    np.testing.assert_allclose(captions.bleu(said, references), 100 * np.array(expected), rtol=1e-9)


def test_meteor_is_measured_or_left_out(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert captions.meteor(SAID, REFERENCES) is None, "without Java there is no figure, and no 0"


@pytest.mark.long
@pytest.mark.skipif(shutil.which("java") is None, reason="NO JAVA: METEOR is not measured")
def test_meteor_of_what_is_said_as_a_reference_has_it():
    """A caption that is a reference has all chunks in one: 1 less the fragmentation penalty of one chunk, near 1."""
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap IS NOT INSTALLED: METEOR is not measured")
    assert captions.meteor(["a green cross"], [["one green cross", "a green cross"]]) > 95
    assert captions.meteor(SAID, REFERENCES) < 95


@pytest.mark.parametrize("measure", [captions.bleu, captions.rouge_l, captions.cider_d])
def test_what_is_measured_is_checked(measure):
    with pytest.raises(ValueError, match="captions must be one for each image.*a string"):
        measure("a b", [["a b"]])
    with pytest.raises(ValueError, match="captions must be one for each image.*2 captions, 1 references"):
        measure(["a", "b"], [["a b"]])
    with pytest.raises(ValueError, match="references must hold a list of strings.*'a b' at 0"):
        measure(["a"], ["a b"])
    with pytest.raises(ValueError, match=r"references must hold a list.*\[\] at 0"):
        measure(["a"], [[]])
