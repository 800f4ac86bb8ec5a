"""A captioner whose areas are boxes that come with images."""

import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import grid_corners
from qrkeras.models.captioner import known_boxes
from tests.support import tiny_captioner
from tests.support.going_on import reloaded
from tests.support.tiny_captioner import BOXES, CAPTIONS, IMAGES

CELLS = np.broadcast_to(
    grid_corners(4, 4)[:, [0, 2]][..., ::-1].reshape(16, 4), (16, 16, 4)
)  # (top, left, bottom, ...)


def given(model, n=16, boxes=BOXES):
    return {"captions": model.encode(CAPTIONS[:n]), "boxes": boxes[:n]}


def fit(model, epochs=1, **options):
    return model.fit(IMAGES, given(model), batch_size=8, epochs=epochs, verbose=0, **options)


def test_boxes_that_are_there():
    """What has no height or no width is none; of an image that has none the whole is there, behind the others."""
    boxes = np.float32([[[0, 0, 0.5, 1], [0.2, 0.2, 0.2, 0.9]], [[0, 0, 0, 0], [0.4, 0.5, 0.6, 0.3]]])
    found, there = known_boxes(boxes)
    np.testing.assert_array_equal(there, [[True, False, False], [False, False, True]])
    np.testing.assert_array_equal(found[:, 2], [[0, 0, 1, 1]] * 2)


def test_a_split_for_validation_has_its_own_captions_and_boxes():
    model = tiny_captioner.build(boxes=True)
    assert "val_loss" in fit(model, validation_split=0.25).history
    bad = {**given(model), "boxes": np.where(np.arange(16)[:, None, None] < 12, BOXES, np.float32(2))}
    with pytest.raises(ValueError, match="boxes.* must be in 0..1, shares of height and width. Received: 2 to 2"):
        model.fit(IMAGES, bad, batch_size=8, validation_split=0.25, verbose=0)


def test_boxes_that_are_the_cells_are_the_grid():
    boxed, grid = tiny_captioner.build(boxes=True), tiny_captioner.build()
    said, expected = boxed.caption(IMAGES[:4], 3, boxes=CELLS[:4]), grid.caption(IMAGES[:4], 3)
    assert [[caption for caption, _ in beams] for beams in said] == [[caption for caption, _ in b] for b in expected]
    cost = boxed.nats_per_word(IMAGES, CAPTIONS, boxes=CELLS)
    np.testing.assert_allclose(cost, grid.nats_per_word(IMAGES, CAPTIONS), rtol=1e-6)
    ids = grid.encode(CAPTIONS)
    costs = boxed.evaluate(IMAGES, {"captions": ids, "boxes": CELLS}, verbose=0), grid.evaluate(IMAGES, ids, verbose=0)
    np.testing.assert_allclose(*costs, rtol=1e-6)


def test_boxes_that_are_none_change_nothing():
    """The number of others that an image shares its batch with does not matter, nor does their place."""
    model = tiny_captioner.build(boxes=True)
    filled = np.concatenate([np.zeros((2, 1, 4), "float32"), BOXES[:2], np.zeros((2, 4, 4), "float32")], axis=1)
    few, many = (model.attend(IMAGES[:2], ["a red circle", "a"], boxes=boxes) for boxes in (BOXES[:2], filled))
    np.testing.assert_allclose(many[0][:, :, 1:4], few[0][:, :, :3], atol=1e-6)
    assert many[0][:, :, [0, 4, 5, 6, 7]].max() == 0 == few[0][:, :, 3].max()
    np.testing.assert_allclose(few[0].sum(-1), [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], atol=1e-5)
    assert np.isfinite(model.nats_per_word(IMAGES[:2], CAPTIONS[:2], boxes=np.zeros((2, 1, 4), "float32")))


@pytest.mark.long
def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    with reloaded(lambda: tiny_captioner.build(boxes=True), fit, tmp_path) as (half, again):
        assert again.caption(IMAGES[:3], boxes=BOXES[:3]) == half.caption(IMAGES[:3], boxes=BOXES[:3])


@pytest.mark.long
def test_datasets_train_as_arrays_do():
    ends = []
    for as_dataset in (False, True):
        model = tiny_captioner.build(boxes=True)
        if as_dataset:
            model.fit(tf.data.Dataset.from_tensor_slices((IMAGES, given(model))).batch(8), verbose=0)
        else:
            fit(model, shuffle=False)
        ends.append([w.numpy() for w in model.weights])
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)  # Adam's first steps are as long for rounding


@pytest.mark.long
def test_an_export_takes_boxes(tmp_path):
    model = tiny_captioner.build(boxes=True)
    model.export(tmp_path / "export", verbose=False)
    served = tf.saved_model.load(tmp_path / "export").signatures
    boxes, images = tf.constant(BOXES[:2]), tf.constant(IMAGES[:2])
    said = served["caption"](images=images, boxes=boxes)
    expected = model.caption(IMAGES[:2], boxes=BOXES[:2])
    assert [[c.decode() for c in row] for row in said["captions"].numpy()] == [[c for c, _ in b] for b in expected]
    assert said["attention"].shape == (2, 5, 4) and said["areas"].shape == (2, 4, 4, 2)
    none = served["caption"](images=images, boxes=boxes[:, :0])  # the whole image
    assert np.isfinite(none["scores"].numpy()).all()
    files = tf.stack([tf.io.encode_png(image) for image in IMAGES[:2]])
    assert (served["caption_bytes"](image_bytes=files, boxes=boxes)["captions"] == said["captions"]).numpy().all()
    words = tf.constant(["a red circle", "a"])
    nats = served["score"](images=images, boxes=boxes, caption=words)["nats_per_word"]
    sums, counts = model.nats(IMAGES[:2], model.encode([["a red circle"], ["a"]]), boxes=BOXES[:2])
    np.testing.assert_allclose(nats, (sums / counts)[:, 0], rtol=1e-4)


def test_boxes_that_cannot_be_used_are_refused():
    model, grid = tiny_captioner.build(boxes=True), tiny_captioner.build()
    for boxes, message in (
        (None, "boxes must be given: the areas that this model looks at"),
        (BOXES[:1], r"boxes must be floats of shape \(2, boxes, 4\).* Received: float32 of shape \(1, 3, 4\)"),
        (BOXES[:2, :, :3], r"Received: float32 of shape \(2, 3, 3\)"),
        (64 * BOXES[:2], "boxes must be in 0..1, shares of height and width. Received"),
        (np.full((2, 1, 4), np.nan), "boxes must be in 0..1"),
    ):
        with pytest.raises(ValueError, match=message):
            model.caption(IMAGES[:2], boxes=boxes)
    with pytest.raises(ValueError, match="boxes must be None for a model whose areas are no boxes"):
        grid.caption(IMAGES[:2], boxes=BOXES[:2])
    with pytest.raises(ValueError, match="y must be a dictionary of captions and boxes. Received: ndarray"):
        model.fit(IMAGES, model.encode(CAPTIONS), verbose=0)
    with pytest.raises(ValueError, match=r"y\['boxes'\] must be in 0..1"):
        model.fit(IMAGES, given(model, boxes=-BOXES), verbose=0)
    with pytest.raises(ValueError, match=r"boxes of x must be floats of shape \(batch, any, 4\). Received: int64"):
        whole = {**given(model), "boxes": BOXES.astype("int64")}
        model.fit(tf.data.Dataset.from_tensor_slices((IMAGES, whole)).batch(8), verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="boxes must be in 0..1. Received"):
        late = given(model, boxes=np.concatenate([BOXES[:8], 2 + BOXES[8:]]))
        model.fit(tf.data.Dataset.from_tensor_slices((IMAGES, late)).batch(8), verbose=0)
    with pytest.raises(ValueError, match="boxes must be False for a decoder without areas"):
        tiny_captioner.build(area_dim=0, boxes=True)
