"""What `fit` and `evaluate` take: Keras' own ways to hand data over, and what may be wrong with it."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.models.feed import Feed
from qrkeras.models.labels import BoxedCaptions, Captions, ClassLabels
from tests.support import tiny_models
from tests.support.tiny_models import BUILDERS, IMAGES, LABELS, POINTS
from tests.support.weights import assert_equal, weights

BROKEN = POINTS.copy()
BROKEN[17, 1] = np.nan  # the third batch of 8
UNIT = IMAGES.astype("float32") / 127.5 - 1
dataset = tf.data.Dataset.from_tensor_slices


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays, self.epochs = arrays, 0

    def __len__(self):
        return len(self.arrays[0]) // 8

    def __getitem__(self, index):
        batch = tuple(x[8 * index : 8 * index + 8] for x in self.arrays)
        return batch if len(batch) > 1 else batch[0]

    def on_epoch_end(self):
        self.epochs += 1


def generator(*arrays):
    return (Batches(*arrays)[i] for i in range(len(Batches(*arrays))))


def unknown_rank(*arrays):
    types = tuple(tf.as_dtype(x.dtype) for x in arrays)
    return tf.data.Dataset.from_generator(
        lambda: generator(*arrays), output_types=types if len(types) > 1 else types[0]
    )


WAYS = {
    "tf.data": lambda *arrays: dataset(arrays if len(arrays) > 1 else arrays[0]).batch(8),
    "unknown rank": unknown_rank,
    "PyDataset": Batches,
    "generator": generator,
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS)
FAMILIES = pytest.mark.parametrize("family", BUILDERS)


@pytest.fixture(scope="module")
def compiled():
    """A model of each family, which no test trains."""
    models = {family: tiny_models.build(family) for family in BUILDERS}
    for model in models.values():
        model.compile(run_eagerly=True)
    yield models
    assert all(model.step == 0 for model in models.values()), "nothing was trained on"


@pytest.fixture(scope="module", params=["points", "PixelCNN"])
def trained(request):
    """A family, its data, and weights after an epoch on arrays."""
    arrays = [x for x in tiny_models.data(request.param) if x is not None]
    return request.param, arrays, weights(fit(request.param, *arrays))


def fit(family, x, y=None, **options):
    model = tiny_models.build(family)
    model.compile(run_eagerly=True)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0, **options)
    return model


@EVERY_WAY
def test_every_way_trains_as_arrays_do(way, trained):
    family, arrays, expected = trained
    model = fit(family, WAYS[way](*arrays))
    assert model.step == 3
    for a, b in zip(weights(model), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_py_dataset_is_asked_for_every_epoch_and_told_of_its_end():
    batches = Batches(POINTS)
    assert fit("points", batches, epochs=2).step == 6
    assert batches.epochs >= 2


def test_evaluation_data_comes_in_every_way():
    model = fit("points", POINTS)
    expected = model.evaluate(POINTS, batch_size=8, verbose=0)
    for way in WAYS.values():
        np.testing.assert_allclose(model.evaluate(way(POINTS), verbose=0), expected, rtol=1e-5)
    history = model.fit(POINTS, batch_size=8, verbose=0, validation_data=WAYS["tf.data"](POINTS)).history
    assert {"val_d_loss", "val_g_loss"} <= set(history)
    assert "val_d_loss" in model.fit(POINTS, batch_size=8, verbose=0, validation_split=0.5).history


@FAMILIES
@pytest.mark.parametrize("argument", ["sample_weight", "class_weight"])
def test_weights_of_examples_and_classes_are_refused(compiled, family, argument):
    x, y = tiny_models.data(family)
    weight = {argument: {0: 1.0} if argument == "class_weight" else np.ones(24)}
    calls = ["fit", "train_on_batch"] + (["evaluate", "test_on_batch"] if argument == "sample_weight" else [])
    for call in calls:
        with pytest.raises(ValueError, match=f"{argument} must be None: every example counts alike"):
            getattr(compiled[family], call)(x, y, **weight)


@FAMILIES
def test_triples_are_refused(compiled, family):
    x = tiny_models.data(family)[0]
    for data in (WAYS["tf.data"](x, LABELS, LABELS), Batches(x, LABELS, LABELS), generator(x, LABELS, LABELS)):
        with pytest.raises(ValueError, match="x must give .* without sample weights.*Received: triples"):
            compiled[family].fit(data)
    with pytest.raises(ValueError, match="validation_data: sample_weight must be None"):
        compiled[family].fit(*tiny_models.data(family), validation_data=(x, LABELS, LABELS))


@pytest.mark.parametrize("family", [family for family in BUILDERS if family != "PixelCNN"])
def test_labels_that_a_model_does_not_use_are_refused(compiled, family):
    model, x = compiled[family], tiny_models.data(family)[0]
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="y must be None for a network without classes"):
            call(x, LABELS)
    for way in ("tf.data", "PyDataset", "generator"):
        with pytest.raises(ValueError, match="x must give examples alone, for a network without classes"):
            model.fit(WAYS[way](x, LABELS))
    with pytest.raises(ValueError, match="validation_data: y must be None"):
        model.fit(x, validation_data=(x, LABELS))


@EVERY_WAY
def test_labels_that_a_model_needs(compiled, way):
    for call in (compiled["PixelCNN"].fit, compiled["PixelCNN"].evaluate):
        with pytest.raises(ValueError, match=r"\(images, labels\), for a network of 4 classes"):
            call(WAYS[way](IMAGES))
    with pytest.raises(ValueError, match=r"y must be None where x is a \w+. Received: ndarray. Labels come with x"):
        compiled["PixelCNN"].fit(WAYS[way](IMAGES, LABELS), LABELS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS + 1, r"must be in 0\.\.3"),
        (LABELS.astype("float32"), r"labels of x must be whole numbers.*float32|y must be ints of shape"),
        (np.eye(4, dtype="int32")[LABELS], r"whole numbers of shape \(batch,\).*argmax|ints of shape \(8,\)"),
    ],
)
@EVERY_WAY
def test_labels_that_are_none(compiled, way, labels, message):
    # Of whole numbers in a tf.data.Dataset of known shape the values are seen as they come.
    errors = (ValueError, tf.errors.InvalidArgumentError) if way == "tf.data" else ValueError
    with pytest.raises(errors, match=message):
        compiled["PixelCNN"].fit(WAYS[way](IMAGES, labels), verbose=0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, None], r"y must be ints of shape \(24,\). Received: int32 of shape \(24, 1\). Give y\[:, 0\]\."),
        (np.eye(4)[LABELS], r"Received: float64 of shape \(24, 4\). Give np.argmax\(y, axis=-1\)\."),
        (LABELS * 1.0, r"Received: float64 of shape \(24,\). Give y.astype\('int32'\)\."),
        (LABELS[:5], r"Received: int32 of shape \(5,\)$"),
        (3, r"y must be ints of shape \(24,\). Received: int64 of shape \(\)$"),
    ],
)
def test_labels_in_another_form_are_told_the_mend(compiled, labels, message):
    with pytest.raises(ValueError, match=message):
        compiled["PixelCNN"].fit(IMAGES, labels)


def test_one_label_may_stand_for_all_samples(compiled):
    with pytest.raises(ValueError, match=r"labels must be an int, or ints of shape \(2,\).*Give labels\[:, 0\]"):
        compiled["PixelCNN"].sample(2, labels=[[0], [1]])
    with pytest.raises(ValueError, match=r"labels must be in 0\.\.3. Received: -1 to -1"):
        compiled["PixelCNN"].sample(2, labels=-1)


def test_lists_of_labels_train_as_arrays_do():
    expected = weights(fit("PixelCNN", IMAGES, LABELS))
    assert_equal(weights(fit("PixelCNN", IMAGES, LABELS.tolist())), expected)
    lists = ((x, y.tolist()) for x, y in generator(IMAGES, LABELS))
    for a, b in zip(weights(fit("PixelCNN", lists)), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "names", "code"),
    [
        (None, ("image", "label"), "batch['image']"),
        (ClassLabels(4), ("id", "image", "label"), "(batch['image'], batch['label'])"),
        (ClassLabels(4), ("x", "y"), "(batch['x'], batch['y'])"),
        (Captions(3, 5), ("captions", "image"), "(batch['image'], batch['captions'])"),
        (Captions(3, 5), ("image",), "(batch['image'], batch['captions'])"),
        (
            BoxedCaptions(Captions(3, 5)),
            ("image", "captions", "boxes"),
            "(batch['image'], {name: batch[name] for name in ('captions', 'boxes')})",
        ),
    ],
)
def test_dictionaries_are_told_what_to_pick(labels, names, code):
    feed = Feed("Model", (8, 8, 1), labels)
    with pytest.raises(ValueError, match=re.escape(f"by x.map(lambda batch: {code}).")):
        feed.checked(dataset(dict.fromkeys(names, IMAGES)).batch(8))


@pytest.mark.parametrize("family", ["images", "PixelIQN", "VAE"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.astype("float32"), r"Received: float32.*onvert"),
        (IMAGES / np.float32(255), r"looks like \[0, 1\]. Convert with 2 \* x - 1|Received: float32"),
        (IMAGES.astype("int32"), r"Received: int32.*astype\('uint8'\)"),
        (np.full_like(UNIT, np.nan), "x must be finite.*example 0|Received: float32"),
        (IMAGES[:, :4], r"images of shape \(8, 8, 1\), which the network takes. Received: \(4, 8, 1\)"),
        (IMAGES[..., 0], r"images of shape \(8, 8, 1\).*Received: \(8, 8\)"),
    ],
)
@EVERY_WAY
def test_images_in_another_form_are_refused_before_training(compiled, family, way, images, message):
    with pytest.raises(ValueError, match=message):
        compiled[family].fit(WAYS[way](images))
    with pytest.raises(ValueError, match=message):
        compiled[family].evaluate(images)
    with pytest.raises(ValueError, match=f"validation_data: .*({message})"):
        compiled[family].fit(IMAGES, validation_data=WAYS[way](images))


def test_one_bright_image_is_no_range():
    model = tiny_models.image_gan()
    assert np.isfinite(model.realism(np.ones((1, 8, 8, 1), "float32"))).all()
    fit("images", WAYS["generator"](np.concatenate([UNIT[:8], np.ones_like(UNIT[:8])])))


@EVERY_WAY
def test_a_later_batch_is_checked_too(way):
    model = tiny_models.gan()
    model.compile(run_eagerly=True)
    # Those that Python gives pass through TensorFlow's from_generator, which tells Python's error.
    with pytest.raises((tf.errors.OpError, ValueError), match="x must be finite"):
        model.fit(WAYS[way](BROKEN), verbose=0, shuffle=False)
    assert model.step <= 2 and all(np.isfinite(w).all() for w in model.get_weights())
    late = UNIT.copy()
    late[20] = 200.0
    images = tiny_models.image_gan()
    images.compile(run_eagerly=True)
    with pytest.raises((tf.errors.OpError, ValueError), match=r"images .*floats in \[-1, 1\]"):
        images.fit(WAYS[way](late), verbose=0, shuffle=False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            dataset({"image": IMAGES, "label": LABELS}).batch(8),
            r"not dictionaries. Received keys: \['image', 'label'\]",
        ),
        (dataset(((IMAGES, IMAGES), LABELS)).batch(8), "x must give batches of examples. Received: "),
        (dataset(IMAGES), r"Received: \(8, 1\). It has no batches: x.batch\(64\) makes them"),
        (dataset(IMAGES).take(0).batch(8).map(lambda x: tf.cast(x, "float32")), "x must hold at least one batch"),
        (dataset(tf.RaggedTensor.from_row_lengths([1, 2, 3], [1, 2])), "x must give dense tensors. Received: Ragged"),
        (dataset(["a", "b"]).batch(2), "x must hold images of shape"),
        ((batch for batch in ()), "x must give at least one batch. Received: an exhausted generator"),
        (({"image": IMAGES} for _ in range(2)), "not dictionaries. Received keys: .'image'."),
        ({"image": IMAGES}, "x must be a NumPy array or a tensor of images, .* Received: dict"),
        ([IMAGES], "Received: list"),
        (None, "x must be a NumPy array .* Received: NoneType"),
        (np.array(0), "x must hold images of shape"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_structures_that_are_no_images(compiled, data, message):
    with pytest.raises(ValueError, match=message):
        compiled["images"].fit(data)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (BROKEN, "x must be finite. Received: NaN or infinity, first in example 17"),
        (POINTS.astype(str), "x must hold numbers. Received"),
        (POINTS.astype("complex64"), "x must hold numbers. Received: complex64"),
        (POINTS[:, :1], r"examples of shape \(2,\), which the network takes. Received: \(1,\). Build the networks"),
    ],
)
def test_points_that_are_none(compiled, points, message):
    with pytest.raises(ValueError, match=message):
        compiled["points"].fit(points)


def test_checks_cost_uint8_images_nothing(compiled):
    """The pipeline of what cannot be wrong stays as it is."""
    images = dataset(IMAGES).batch(8)
    for family in ("images", "PixelIQN", "VAE"):
        assert compiled[family]._checked(images, None, None) == (images, None)


def test_a_last_batch_smaller_than_the_discriminators_steps_trains():
    model = tiny_models.gan()
    model.compile(update="alternating", discriminator_steps=3)
    model.fit(POINTS[:9], batch_size=8, shuffle=False, verbose=0)  # 8 examples, then 1
    assert model.step == 2 and int(model.discriminator_optimizer.iterations.numpy()) == 6
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_replicas_refuse_what_they_cannot_share():
    from qrkeras.machine import devices

    with devices.strategy(devices.choose(2)).scope():
        model = tiny_models.gan()
        model.compile(update="alternating", discriminator_steps=3)
    for data in (Batches(POINTS), generator(POINTS), dataset(POINTS).batch(12)):
        with pytest.raises(ValueError, match="x must come in batches that 2 replicas can share.*unknown size"):
            model.fit(data)
    for options in ({"batch_size": 8}, {"batch_size": 12, "validation_split": 0.1}):
        with pytest.raises(ValueError, match=r"2 replicas can share evenly, 3 updates each.*Give a multiple of 6"):
            model.fit(POINTS, **options)


def test_what_is_stopped_without_xla_is_stopped_with_it():
    model = tiny_models.gan()
    with pytest.warns(UserWarning, match="XLA leaves the checks inside a step out") as warned:
        model.compile(update="alternating", discriminator_steps=2, jit_compile=True)
    assert len(warned) == 1
    before = weights(model)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be finite"):
        model.fit(dataset(np.full((8, 2), np.nan, "float32")).batch(8), verbose=0)
    assert_equal(weights(model), before)
    model.fit(POINTS, batch_size=8, verbose=0)
    assert model.step == 3
    model.discriminator.trainable_variables[-1].assign([np.nan] * 4)
    with pytest.raises(FloatingPointError, match="d_loss is not finite at step 4: nan"):
        model.fit(POINTS, batch_size=8, verbose=0)
    assert model.step == 4
