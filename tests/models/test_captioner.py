"""The captioner: its loss by hand, what trains, what it says, and that rows do not depend on one another."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import models, networks
from qrkeras.layers import grid_corners
from qrkeras.models.captioner import scored, thinned
from qrkeras.models.noise import NOISE, BatchNoise
from qrkeras.models.reports import Batch
from qrkeras.models.strings import spoken, written
from qrkeras.words import Vocabulary
from tests.support import tiny_captioner
from tests.support.going_on import reloaded
from tests.support.tiny_captioner import CAPTIONS, IMAGES, WORDS


def ids(model, n=16):
    return model.encode(CAPTIONS[:n])


def fit(model, epochs=1, **options):
    return model.fit(IMAGES, ids(model), batch_size=8, epochs=epochs, verbose=0, **options)


def test_the_loss_by_hand():
    """Mean over words and STOP, of all captions together; "thing" is no word of ours: fed, and not scored."""
    model = tiny_captioner.build()
    given = ids(model)
    log_words = model.decoder(*model.seen(IMAGES / 127.5 - 1)[:2], given)[0].numpy()
    # "a red circle STOP" counts four times, "a <unknown> STOP" twice.
    assert (given >= 0).sum() == 16 * (4 + 3)
    total = sum(-log_words[i, c, t] for i in range(16) for c, steps in ((0, (0, 1, 2, 3)), (1, (0, 2))) for t in steps)
    np.testing.assert_allclose(model.evaluate(IMAGES, given, batch_size=16, verbose=0), total / (16 * 6), rtol=1e-5)
    nats, words = model.nats(IMAGES, given, batch_size=5)
    np.testing.assert_array_equal(words, np.tile([4, 2], (16, 1)))
    np.testing.assert_allclose(nats.sum(), total, rtol=1e-5)


def test_what_pads_and_what_is_unknown_do_not_count():
    log_words = np.log(np.full((1, 1, 5), 0.5, "float32"))
    nats, words = scored(log_words, np.array([[[2, 1, 0, -1, -1]]]))
    np.testing.assert_allclose(nats, [2 * np.log(2)], rtol=1e-6)
    assert words == 2


@pytest.mark.parametrize(
    "areas",
    [None, pytest.param(tiny_captioner.patches, marks=pytest.mark.long)],
    ids=["grid", "transformers"],
)
def test_training_teaches_what_is_there(areas):
    """Images that are red or blue: a captioner tells them apart."""
    colours = np.arange(16) % 2
    images = np.zeros((16, 8, 8, 3), "uint8")
    images[np.arange(16), :, :, 2 * colours] = 255
    captions = [[f"a {('red', 'blue')[c]} circle"] for c in colours]
    model = tiny_captioner.build(areas=areas and areas(), dropout=0.0)
    model.compile(keras.optimizers.Adam(0.03))
    model.fit(images, model.encode(captions), batch_size=16, epochs=60, verbose=0)
    said = [of_image[0][0] for of_image in model.caption(images, beam=2)]
    assert said == [caption for [caption] in captions]


def test_stages_and_rates():
    """A frozen encoder stays; one with an optimizer of its own moves by that."""
    frozen, trained = tiny_captioner.build(frozen=True), tiny_captioner.build()
    before = [w.numpy() for w in frozen.encoder.weights]
    fit(frozen)
    fit(trained)
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.encoder.weights))
    moved = [np.abs(a - b).max() for a, b in zip(before, trained.encoder.weights)]
    # Two steps of Adam of rate 0.001: 0.002 at most.
    assert 1e-4 < max(moved) < 0.0021
    assert max(np.abs(w - v).max() for w, v in zip(frozen.decoder.weights, trained.decoder.weights)) < 0.05


def test_thinned_takes_one_cell_of_each_block():
    maps = np.arange(16.0).reshape(1, 4, 4, 1)
    found = thinned(maps, np.array([[[0.0, 0.3], [0.6, 0.99]]]))
    # Blocks 0 1 4 5, 2 3 6 7, 8 9 12 13, 10 11 14 15: the first cell, the second, the third, the fourth.
    np.testing.assert_array_equal(found[0, :, 0], [0, 3, 12, 15])


@pytest.mark.long
def test_cells_are_drawn_anew_and_in_training_alone():
    model, whole = tiny_captioner.build(thins=True, dropout=0.0), tiny_captioner.build(dropout=0.0)
    fit(model)
    fit(whole)
    assert not np.array_equal(model.decoder.weights[0], whole.decoder.weights[0])
    batch, losses = Batch(IMAGES[:4], ids(model, 4)), {}
    for step in (0, 1, 0):
        model.random_state.assign([model.seed, step])
        for training in (True, False):
            loss = model.measures(batch, BatchNoise(model, 4, NOISE, 0), training)["loss"]
            losses.setdefault((step, training), set()).add(float(loss))
    assert all(len(of_step) == 1 for of_step in losses.values())
    assert losses[0, True] != losses[1, True] and losses[0, False] == losses[1, False]
    assert model.looked_at(ids(model, 1), IMAGES[:1])[1].shape == (1, 2, 5, 16)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"thins": True, "frozen": True}, id="thinned, frozen"),
        pytest.param({}, id="full", marks=pytest.mark.long),
        pytest.param({"areas": tiny_captioner.patches}, id="transformers", marks=pytest.mark.long),
        pytest.param({"area_dim": 0}, id="baseline", marks=pytest.mark.long),
    ],
)
def test_a_reloaded_model_goes_on_as_if_never_stopped(options, tmp_path):
    def make():
        return tiny_captioner.build(**{k: v() if callable(v) else v for k, v in options.items()})

    with reloaded(make, fit, tmp_path) as (half, again):
        assert again.caption(IMAGES[:3]) == half.caption(IMAGES[:3])
        assert again.words == WORDS


def test_a_row_says_the_same_alone():
    model = tiny_captioner.build()
    together, alone = model.caption(IMAGES[:4], beam=3), model.caption(IMAGES[2:3], beam=3)
    assert [said for said, _ in together[2]] == [said for said, _ in alone[0]]
    np.testing.assert_allclose([p for _, p in together[2]], [p for _, p in alone[0]], rtol=1e-5)


def test_scores_are_log_p_of_what_is_said():
    model = tiny_captioner.build()
    for image, beams in zip(IMAGES[:3], model.caption(IMAGES[:3], beam=4)):
        for said, score in beams:
            if not said or len(said.split()) == 5:
                continue  # encode refuses the one, and cuts the other's STOP
            nats, _ = model.nats(image[None], model.encode([[said]]))
            np.testing.assert_allclose(-score, nats[0, 0], rtol=1e-4)


def test_where_a_caption_looks():
    model = tiny_captioner.build()
    attention, corners = model.attend(IMAGES[:2], ["a red circle", "a"])
    assert attention.shape == (2, 5, 16)
    np.testing.assert_allclose(attention.sum(-1), [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], atol=1e-5)
    np.testing.assert_allclose(corners[0], grid_corners(4, 4))
    with pytest.raises(ValueError, match="attend needs a model with areas. Received: a baseline"):
        tiny_captioner.build(area_dim=0).attend(IMAGES[:1], ["a"])


def test_strings_in_a_graph_are_those_of_the_vocabulary():
    vocabulary = Vocabulary(WORDS)
    texts = ["A red, circle!", "blue thing", "a a a a a", "a a a a a a", "a a a a"]
    expected = np.stack([vocabulary.encode(text, 4) for text in texts])
    np.testing.assert_array_equal(written(tf.constant(texts), WORDS, 5), expected)
    said = [text.decode() for text in spoken(tf.constant(expected), WORDS).numpy()]
    assert said == [vocabulary.decode(row) for row in expected]
    words = ("école", "rouge")
    for text in ("École rouge", "école\u00a0ROUGE", "  école\t\u2003rouge\n"):
        expected = Vocabulary(words).encode(text, 4)
        np.testing.assert_array_equal(expected[:3], [2, 3, 0])
        np.testing.assert_array_equal(written(tf.constant([text]), words, 5)[0], expected)


def test_captions_are_a_list_for_each_image():
    model = tiny_captioner.build()
    for use, message in (
        (
            lambda: model.attend(IMAGES[:2], "ab"),
            "captions must be a list of 2 strings, one for each image. Received: 'ab'",
        ),
        (lambda: model.attend(IMAGES[:1], ["a", "a"]), "captions must be a list of 1 strings"),
        (lambda: model.nats_per_word(IMAGES[:3], [["a"]]), "captions must be as many lists as images, 3. Received: 1"),
        (lambda: model.encode([]), "captions must be lists of strings, a list for each image"),
        (lambda: model.encode(["a red circle"]), "captions must be lists of strings, a list for each image"),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("options", [{"area_dim": 0}, {"boxes": True}])
def test_cells_alone_are_thinned(options):
    with pytest.raises(ValueError, match="thins must be False for areas that are no cells of a grid"):
        tiny_captioner.build(thins=True, **options)


def test_export(tmp_path):
    """The same strings in a process that knows TensorFlow alone."""
    model = tiny_captioner.build()
    model.export(tmp_path / "export", verbose=False)
    np.save(tmp_path / "images.npy", IMAGES[:3])
    script = (
        "import json, sys, numpy as np, tensorflow as tf\n"
        "served, images = tf.saved_model.load(sys.argv[1]).signatures, np.load(sys.argv[2])\n"
        "said = served['caption'](images=tf.constant(images))\n"
        "files = tf.stack([tf.io.encode_png(image) for image in images])\n"
        "scored = served['score'](images=tf.constant(images), caption=tf.constant(['a red circle'] * 3))\n"
        "told = {name: value.numpy().tolist() for name, value in said.items() if value.dtype != tf.string}\n"
        "told['captions'] = [[c.decode() for c in row] for row in said['captions'].numpy()]\n"
        "told['words'] = [[c.decode() for c in row] for row in said['words'].numpy()]\n"
        "read = served['caption_bytes'](image_bytes=files)['captions']\n"
        "told['same'] = bool(tf.reduce_all(read == said['captions']))\n"
        "told['nats'] = scored['nats_per_word'].numpy().tolist()\n"
        "told['default'] = sorted(served['serving_default'].structured_outputs)\n"
        "assert 'qrkeras' not in sys.modules\n"
        "print(json.dumps(told))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "export"), str(tmp_path / "images.npy")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    expected = model.caption(IMAGES[:3])
    assert told["captions"] == [[said for said, _ in beams] for beams in expected]
    np.testing.assert_allclose(told["scores"], [[score for _, score in beams] for beams in expected], rtol=1e-4)
    assert [" ".join(words).split() for words in told["words"]] == [beams[0][0].split() for beams in expected]
    assert told["same"] and told["default"] == ["areas", "attention", "captions", "scores", "words"]
    assert np.shape(told["attention"]) == (3, 5, 16) and np.shape(told["areas"]) == (3, 16, 4, 2)
    nats, words = model.nats(IMAGES[:3], model.encode([["a red circle"]] * 3))
    np.testing.assert_allclose(told["nats"], (nats / words)[:, 0], rtol=1e-4)


def test_lists_of_captions():
    model = tiny_captioner.build()
    two = model.encode([["a red circle", "a square"], ["a circle"]])
    assert two.shape == (2, 2, 5) and (two[1, 1] == -1).all()
    np.testing.assert_array_equal(model.encode([["a red circle"], []])[1], [[-1] * 5])
    for captions in ("a circle", [], [[]], ["a circle"], [["a"], None], [[1, 2]], [["a", 3]]):
        with pytest.raises(ValueError, match="captions must be lists of strings, a list for each image, and at least"):
            model.encode(captions)
    with pytest.raises(
        ValueError, match=r"ids must be ints of shape \(2, captions, 5\), captions as the model's `encode`"
    ):
        model.nats(IMAGES[:2], [["a circle"], ["a square"]])
    with pytest.raises(ValueError, match="ids must hold numbers of the model's words"):
        model.nats(IMAGES[:2], np.full((2, 1, 5), 99))


def test_captions_that_are_none_are_refused():
    model = tiny_captioner.build()
    for y, message in (
        (None, r"y must be ints of shape \(16, captions, 5\)"),
        (np.zeros((16, 5), "int32"), r"y must be ints of shape .* Received: int32 of shape \(16, 5\)"),
        (np.zeros((16, 2, 5)), "Received: float64"),
        (np.full((16, 2, 5), 7), r"y must hold numbers of the model's words, -1..6. Received: 7 to 7"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(IMAGES, y, verbose=0)
    data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8)
    with pytest.raises(ValueError, match=r"x must be a dataset of \(images, captions\), for a network of 7 words"):
        model.fit(data, verbose=0)
    with pytest.raises(ValueError, match=r"captions of x must be whole numbers of shape \(batch, any, 5\)"):
        model.fit(tf.data.Dataset.zip(data, data), verbose=0)


@pytest.mark.long
def test_datasets_train_as_arrays_do():
    ends = []
    for as_dataset in (False, True):
        model = tiny_captioner.build()
        if as_dataset:
            data = tf.data.Dataset.from_tensor_slices((IMAGES, ids(model))).batch(8)
            model.fit(data, verbose=0)
        else:
            fit(model, shuffle=False)
        ends.append([w.numpy() for w in model.weights])
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)  # Adam's first steps are as long for rounding


def test_parts_must_fit():
    model = tiny_captioner.build()
    for arguments, message in (
        ((model.encoder, model.decoder, WORDS[:3], 5), "decoder must have num_words=5: 3 words, STOP"),
        ((model.encoder, model.decoder, WORDS, 1), "length must be at least 2"),
        ((model.encoder, networks.CaptionDecoder(7, 7, 4), WORDS, 5), "decoder must have area_dim=5"),
        ((keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]), model.decoder, WORDS, 5),
         "encoder must give three outputs"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            models.Captioner(*arguments)
    for images, message in ((IMAGES[:, :4], "images must hold"), (IMAGES.astype("float32"), "uint8")):
        with pytest.raises(ValueError, match=message):
            model.caption(images)
    with pytest.raises(ValueError, match="beam must be at least 1. Received: 0"):
        model.caption(IMAGES, beam=0)
