import keras
import numpy as np
import pytest

from qrkeras.networks import image_classifier, whiten
from qrkeras.networks.classifier import Identity


def small(seed=0, **options):
    return image_classifier(8, 1, 4, **{"widths": (4, 6), "seed": seed, **options})


def images(n, channels, seed=0):
    """Correlated along rows, columns and channels."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (n, 8, 8, channels))
    return (noise + np.roll(noise, 1, axis=1) + 0.5 * np.roll(noise, 1, axis=2) + noise[..., :1]) / 4


@pytest.mark.parametrize("inputs, outputs", [(2, 4), (4, 2), (3, 3)])
def test_identity_passes_channels_on(inputs, outputs):
    layer = keras.layers.Conv2D(outputs, 3, padding="same", use_bias=False, kernel_initializer=Identity(5))
    x = np.random.default_rng(0).normal(size=(2, 5, 5, inputs)).astype("float32")
    passed = min(inputs, outputs)
    # A filter that is 1 at its centre and its own channel, 0 elsewhere, gives that channel back.
    np.testing.assert_array_equal(np.asarray(layer(x))[..., :passed], x[..., :passed])
    rest = np.asarray(layer.kernel)[..., passed:]
    # Glorot: |k| < sqrt(6 / (fan_in + fan_out)), fans 9 * inputs and 9 * outputs.
    assert np.all(np.abs(rest) <= np.sqrt(6 / (9 * inputs + 9 * outputs)))
    assert np.all(np.std(rest, axis=(0, 1, 2)) > 0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_whitened_patches_have_unit_second_moments(channels):
    classifier = image_classifier(8, channels, 4, (4,))
    x = images(250, channels)
    whiten(classifier, x)
    responses = np.asarray(classifier.get_layer("stem")(x.astype("float32")), "float64").reshape(-1, 8 * channels)
    half = 4 * channels
    np.testing.assert_allclose(responses[:, half:], -responses[:, :half], atol=1e-5)
    moments = responses[:, :half].T @ responses[:, :half] / len(responses)
    # Variances v, found patch by patch, become v / (v + 5e-4).
    corners = [x[:, y : 7 + y, z : 7 + z].reshape(-1, channels) for y in (0, 1) for z in (0, 1)]
    patches = np.concatenate(corners, axis=1)
    variances = np.linalg.eigvalsh(patches.T @ patches / len(patches))
    np.testing.assert_allclose(moments, np.diag(variances / (variances + 5e-4)), atol=1e-4)
    assert variances[0] > 5e-3 and np.trace(moments) > 0.9 * half, "nearly the identity"


def test_images_of_one_colour_are_whitened_to_finite_weights():
    classifier = small()
    whiten(classifier, np.zeros((20, 8, 8, 1)))
    assert all(np.isfinite(weight).all() for weight in classifier.get_weights())


def test_shapes_and_what_is_trained():
    classifier = small()
    assert classifier.output_shape == (None, 4)
    assert classifier.get_layer("features").output.shape == (None, 6)
    stem = classifier.get_layer("stem").kernel
    assert stem.shape == (2, 2, 1, 8)
    assert not any(weight is stem for weight in classifier.trainable_variables)


def test_weights_follow_from_the_seed():
    one, same, other = (small(seed).get_weights() for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    # What is random: the stem, the two filters more of the second block (4 to 6 channels), and the logits.
    assert sum(not np.array_equal(a, b) for a, b in zip(one, other, strict=True)) == 3


@pytest.mark.parametrize("size, widths", [(4, (4, 4)), (8, (4, 4, 4)), (2, (4,))])
def test_image_too_small(size, widths):
    # The stem takes one pixel, and every width halves: 2**n + 1 -> 2**n -> 1.
    least = 2 ** len(widths) + 1
    with pytest.raises(ValueError, match=f"at least {least} for {len(widths)} widths. Received: {size}. Give fewer"):
        image_classifier(size, 1, 2, widths)
    assert image_classifier(least, 1, 2, widths).get_layer("features").output.shape == (None, 4)


def test_saved_and_loaded(tmp_path):
    classifier = small(seed=3)
    x = images(20, 1)
    whiten(classifier, x)
    classifier.save(tmp_path / "classifier.keras")
    again = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(again.predict_on_batch(x), classifier.predict_on_batch(x))
    assert not again.get_layer("stem").trainable
