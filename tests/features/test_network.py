import keras
import numpy as np
import pytest

from qrkeras import features, losses, models, networks
from qrkeras.features.network import fingerprint


def flat(size=4, channels=1):
    """A network whose features are its input."""
    return keras.Sequential([keras.Input((size, size, channels)), keras.layers.Flatten()])


def tiny(seed=0):
    return networks.image_classifier(8, 1, 3, (4,), seed)


def grey(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


def test_uint8_becomes_minus_one_to_one():
    images = np.array([0, 51, 204, 255], "uint8").reshape(1, 2, 2, 1)
    found, logits = features.from_keras(flat(2), "flat")(images)
    # x / 127.5 - 1, in the order of the pixels: the resize to their own size moves nothing.
    np.testing.assert_allclose(found, [[-1, -0.6, 0.6, 1]], atol=1e-6)
    assert logits is None and found.dtype == np.float32


def test_images_of_the_right_size_are_not_resized():
    images = grey(50, 8, 8, 3)
    found, _ = features.from_keras(flat(8, 3), "flat")(images)
    np.testing.assert_allclose(found, images.reshape(50, -1) / 127.5 - 1, atol=1e-6)


def test_resize_is_bilinear_with_antialiasing():
    # 4 to 2: the triangle is stretched to 2 pixels each way. Of the first output, centred at 1.0, the pixels at
    # 0.5, 1.5 and 2.5 weigh 3/4, 3/4 and 1/4: (3 * 0 + 3 * 0 + 210) / 7 = 30; by symmetry the second is 180.
    image = np.broadcast_to(np.array([0, 0, 210, 210], "uint8")[:, None], (1, 4, 4, 1))
    found, _ = features.from_keras(flat(2), "flat")(image)
    np.testing.assert_allclose((found + 1) * 127.5, [[30, 180, 30, 180]], atol=1e-3)


def test_network_of_any_size_takes_images_as_they_are():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D()])
    network = features.from_keras(model, "mean")
    images = grey(5, 4, 6, 1)
    np.testing.assert_allclose(network(images)[0][:, 0], images.mean(axis=(1, 2, 3)) / 127.5 - 1, atol=1e-6)
    assert network.rule == "[-1, 1]"


def test_grey_is_repeated_for_a_network_of_colour():
    images = grey(3, 4, 4, 1)
    found, _ = features.from_keras(flat(4, 3), "flat")(images)
    expected = np.stack([images[..., 0]] * 3, axis=-1).reshape(3, -1) / 127.5 - 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_colour_is_refused_by_a_network_of_grey():
    with pytest.raises(ValueError, match=r"1 channels for flat. Received: shape \(3, 4, 4, 3\). Choose another"):
        features.from_keras(flat(), "flat")(grey(3, 4, 4, 3))


@pytest.mark.parametrize(
    "images, told",
    [
        (np.full((2, 4, 4, 1), -0.25), r"shape \(2, 4, 4, 1\) of float64 from -0.25 to -0.25"),
        (np.full((2, 4, 4, 1), 300), r"of int64 from 300 to 300"),
        (np.zeros((4, 4, 1), "uint8"), r"shape \(4, 4, 1\) of uint8 from 0 to 0"),
        (np.zeros((0, 4, 4, 1)), r"shape \(0, 4, 4, 1\) of float64\."),
        (np.zeros((2, 4, 4, 1), bool), r"of bool\."),
    ],
)
def test_other_images_are_refused(images, told):
    with pytest.raises(ValueError, match=f"images must be .* uint8 in 0..255, generated ones quantised.*{told}"):
        features.from_keras(flat(), "flat")(images)


def test_the_mend_that_the_error_names_inverts_the_rule():
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    with pytest.raises(ValueError) as told:
        features.from_keras(flat(), "flat")(images / 127.5 - 1)
    mend = str(told.value).split("From [-1, 1]: ")[1].rstrip(".")
    mended = eval(mend, {"np": np, "images": images / 127.5 - 1})
    np.testing.assert_array_equal(mended, images)


def test_rule_names_the_resize():
    assert features.from_keras(flat(4), "flat").rule == "bilinear to 4x4, [-1, 1]"


def test_fingerprint_is_that_of_the_weights():
    classifier = tiny()
    first = features.from_keras(classifier, "a").fingerprint
    assert features.from_keras(tiny(), "b").fingerprint == first
    weights = classifier.get_weights()
    weights[-1][0, 0] += 1e-6
    classifier.set_weights(weights)
    assert features.from_keras(classifier, "a").fingerprint != first


def test_fingerprint_tells_shapes_types_and_order_apart():
    zeros = [np.zeros((2, 3)), np.zeros((3, 2)), np.zeros((2, 3), "float32"), np.ones((2, 3))]
    prints = {fingerprint([array]) for array in zeros} | {fingerprint(zeros[:2]), fingerprint(zeros[1::-1])}
    assert len(prints) == 6 and all(len(found) == 16 for found in prints)


def test_layer_of_features_and_logits():
    classifier = tiny()
    images = grey(5, 8, 8, 1)
    found, logits = features.from_keras(classifier, "tiny")(images)
    x = images.astype("float32") / 127.5 - 1
    np.testing.assert_allclose(logits, classifier.predict_on_batch(x), atol=1e-5)
    pooled = keras.Model(classifier.input, classifier.get_layer("features").output).predict_on_batch(x)
    np.testing.assert_allclose(found, pooled, atol=1e-5)


def test_model_without_a_layer_of_features():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    images = grey(4, 8, 8, 1)
    found, logits = features.from_keras(model, "dense")(images)
    np.testing.assert_allclose(found, model.predict_on_batch(images.astype("float32") / 127.5 - 1), atol=1e-5)
    assert logits is None


def test_model_that_ends_in_its_features_has_no_logits():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.GlobalMaxPooling2D(name="features")(inputs))
    found, logits = features.from_keras(model, "headless")(grey(4, 8, 8, 1))
    assert found.shape == (4, 1) and logits is None


def test_layers_are_run_as_in_use():
    # Batch normalisation by its moving statistics, no dropout: a row does not depend on the others.
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(keras.layers.Flatten()(inputs)))
    network = features.from_keras(keras.Model(inputs, x), "normal")
    images = grey(6, 4, 4, 1)
    np.testing.assert_array_equal(network(images)[0][:2], network(images[:2])[0])


def unfit():
    inputs = keras.Input((8, 8, 1))
    pooled = keras.layers.GlobalMaxPooling2D()(inputs)
    gan = models.GAN(
        networks.mlp(2, 2, width=2, hidden_layers=1), networks.mlp(2, 1, width=2, hidden_layers=1), 2,
        losses.NonSaturating(),
    )  # fmt: skip
    return {
        "oblong": (keras.Sequential([keras.Input((8, 6, 1)), keras.layers.Flatten()]), "one batch of square images"),
        "two channels": (flat(8, 2), "one batch of square images"),
        "points": (networks.mlp(2, 1), "one batch of square images"),
        "two inputs": (keras.Model([inputs, keras.Input((3,))], pooled), "one input and one output.*2 and 1"),
        "two outputs": (keras.Model(inputs, [pooled, pooled + 1]), "one input and one output.*1 and 2"),
        "a map": (keras.Model(inputs, keras.layers.ReLU()(inputs)), "one vector for each image.*End it with a pooling"),
        "a GAN": (gan, "one input and one output. Received: GAN"),
        "unbuilt": (keras.Sequential([keras.layers.Flatten()]), "one input and one output"),
    }


@pytest.mark.parametrize("kind", unfit())
def test_unfit_models(kind):
    model, told = unfit()[kind]
    with pytest.raises(ValueError, match=f"the feature network mine must .*{told}"):
        features.from_keras(model, "mine")
