"""The decoder of captions: against its equations step by step, and what each row of Table B.1 holds."""

import keras
import numpy as np
import pytest
from keras import ops

from qrkeras.networks import CaptionDecoder

SIZES = {"num_words": 7, "image_dim": 6, "area_dim": 5, "word_dim": 4, "state_dim": 3, "dropout": 0.0, "seed": 1}
ROWS = {
    "baseline": {"area_dim": 0, "feedback": "none"},
    "wr": {"by_state": False, "feedback": "none"},
    "rh": {"feedback": "none"},
    "conditional": {"feedback": "conditional"},
    "full": {},
}
RANDOM = np.random.default_rng(0)
VECTOR, AREAS = RANDOM.normal(size=(2, 6)).astype("float32"), RANDOM.normal(size=(2, 9, 5)).astype("float32")
IDS = RANDOM.integers(0, 7, (2, 3, 4)).astype("int32")


def decoder(row="full", **changes):
    return CaptionDecoder(**{**SIZES, **ROWS[row], **changes})


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_loops(made, row, image, caption):
    """`log p` of each word, from eqs. B.1 to B.7 in float64, and `p(r|h)`."""
    w = {weight.path.split("/", 1)[1]: np.float64(weight) for weight in made.weights}
    h = unit(VECTOR[image]) @ w["first/kernel"]
    areas, found, looked = unit(AREAS[image]), [], []
    words = w["attention/words"]
    for word in IDS[image, caption]:
        scores = (words @ (w["attention/word_state"].T @ h + w["attention/word"]))[:, None]
        if row != "baseline":
            scores = scores + words @ w["attention/word_area"].T @ areas.T
            wanted = w["attention/area"] + (w["attention/area_state"].T @ h if row != "wr" else 0)
            scores = scores + (areas @ wanted)[None]
        joint = np.exp(scores) / np.exp(scores).sum()
        found.append(np.log(joint[word].sum()))
        looked.append(joint.sum(0))
        given = words[word]
        if row == "full":
            given = np.concatenate([given, joint.sum(0) @ areas])
        if row == "conditional":
            given = np.concatenate([given, joint[word] / joint[word].sum() @ areas])
        x, r, bias = (w[f"cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
        parts = given @ x + bias
        update = sigmoid(parts[:3] + h @ r[:, :3])
        reset = sigmoid(parts[3:6] + h @ r[:, 3:6])
        new = np.tanh(parts[6:] + (reset * h) @ r[:, 6:])  # reset before the product: Chung 2014
        h = update * h + (1 - update) * new
    return found, looked


@pytest.mark.parametrize("row", ROWS)
def test_against_the_equations(row):
    made = decoder(row)
    for weight in made.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    log_words, log_areas = made(VECTOR, None if row == "baseline" else AREAS, IDS)
    for image in range(2):
        for caption in range(3):
            words, areas = by_loops(made, row, image, caption)
            np.testing.assert_allclose(log_words[image, caption], words, rtol=1e-4)
            if row != "baseline":
                np.testing.assert_allclose(np.exp(log_areas[image, caption]), areas, atol=1e-5)
    assert (log_areas is None) == (row == "baseline")


def test_without_descriptors_it_is_the_baseline():
    """R = 0, whatever the feedback: nothing is fed, and words are scored by the state alone."""
    full, baseline = decoder("rh"), decoder("baseline")
    given = {weight.path.split("/", 1)[1]: weight for weight in full.weights}
    for weight in baseline.weights:
        weight.assign(given[weight.path.split("/", 1)[1]])
    np.testing.assert_allclose(full(VECTOR, 0 * AREAS, IDS)[0], baseline(VECTOR, None, IDS)[0], atol=1e-6)


def test_what_follows_a_captions_end_changes_nothing_before_it():
    made = decoder()
    other = IDS.copy()
    other[:, :, 2:] = -1
    np.testing.assert_array_equal(made(VECTOR, AREAS, IDS)[0][..., :2], made(VECTOR, AREAS, other)[0][..., :2])


def test_a_word_is_predicted_before_it_is_fed():
    made = decoder()
    other = IDS.copy()
    other[:, :, 1] = (IDS[:, :, 1] + 1) % 7
    one, two = made(VECTOR, AREAS, IDS), made(VECTOR, AREAS, other)
    np.testing.assert_array_equal(one[0][..., 0], two[0][..., 0])
    np.testing.assert_array_equal(
        one[1][:, :, :2], two[1][:, :, :2], err_msg="attention of step 1 does not know word 1"
    )
    assert np.abs(one[1][:, :, 2] - two[1][:, :, 2]).max() > 1e-5


def test_dropout_is_on_the_state_before_the_score_and_on_the_input():
    made = decoder(dropout=0.5)
    asked = {}

    def uniforms(name, shape):
        asked[name] = shape
        return ops.ones((2, *shape))  # nothing is dropped, and all is doubled

    doubled = made(VECTOR, AREAS, IDS, uniforms=uniforms)[0]
    assert asked == {"states": (3, 4, 3), "inputs": (3, 4, 9)}
    assert np.abs(doubled - made(VECTOR, AREAS, IDS)[0]).max() > 1e-4
    dropped = made(VECTOR, AREAS, IDS, uniforms=lambda name, shape: ops.zeros((2, *shape)))[0]
    # Each word is that of h = 0, whatever was said before it; areas have their say.
    words = made.predict_next(ops.zeros((2, 3, 3)), made.look(AREAS)).words
    expected = ops.take_along_axis(words, IDS, axis=-1)
    np.testing.assert_allclose(dropped, expected, atol=1e-5)
    assert np.abs(made(VECTOR, AREAS, IDS)[0] - expected).max() > 1e-2


def test_it_is_saved(tmp_path):
    made = decoder("conditional")
    made.save(tmp_path / "decoder.keras")
    loaded = keras.models.load_model(tmp_path / "decoder.keras")
    np.testing.assert_array_equal(made(VECTOR, AREAS, IDS)[0], loaded(VECTOR, AREAS, IDS)[0])


def test_the_papers_size():
    """n_w 6,327, d 512, d_I 4,096: 8,484,864 weights in the spec's count, the GRU 2,360,832 of them."""
    made = CaptionDecoder(6_327, 4_096, 512, seed=0)
    assert made.cell.count_params() == 2_360_832
    assert made.count_params() == 8_484_864


def test_arguments_are_checked():
    for changes, message in (
        ({"feedback": "soft"}, "feedback must be one of none, conditional, marginal. Received: 'soft'"),
        ({"area_dim": 0}, 'feedback must be "none" where area_dim is 0'),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            decoder(**changes)


@pytest.mark.parametrize("row", ROWS)
def test_in_bfloat16_probabilities_are_float32(row):
    whole, half = decoder(row), decoder(row, dtype="mixed_bfloat16")
    areas = None if row == "baseline" else AREAS
    for a, b in zip(whole(VECTOR, areas, IDS), half(VECTOR, areas, IDS), strict=True):
        if a is not None:
            assert keras.backend.standardize_dtype(b.dtype) == "float32"
            np.testing.assert_allclose(a, b, atol=0.05)
