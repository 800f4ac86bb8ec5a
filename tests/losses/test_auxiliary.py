"""Auxiliary images by hand, and that coarse levels are sums of fine ones."""

import numpy as np
import pytest

from qrkeras.losses import Auxiliary, discretized_logistic


def _image(*values, channels=1):
    side = int((len(values) // channels) ** 0.5)
    return np.array(values, "uint8").reshape(1, side, side, channels)


def test_by_default_it_is_the_image():
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(Auxiliary()(images), images)


def test_grey_then_size_then_levels_by_hand():
    # 0.299 x 255 = 76.2; 0.587 x 255 = 149.7; 0.114 x 255 = 29.1; white.
    red, green, blue, white = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    image = _image(*red, *green, *blue, *white, channels=3)
    np.testing.assert_array_equal(np.ravel(Auxiliary(grey=True)(image)), [76, 150, 29, 255])
    np.testing.assert_array_equal(np.ravel(Auxiliary(16, grey=True)(image)), [4, 9, 1, 15])
    # (76 + 150 + 29 + 255) / 4 = 127.5, rounded half up: level 8 of 16.
    assert np.ravel(Auxiliary(16, size=1, grey=True)(image)) == [8]


def test_a_mean_is_rounded_half_up():
    assert np.ravel(Auxiliary(size=1)(_image(0, 1, 2, 255))) == [65]  # of 64.5
    assert np.ravel(Auxiliary(size=1)(_image(0, 0, 0, 1))) == [0]


def test_squares_of_pixels_become_one():
    image = np.zeros((1, 4, 4, 2), "uint8")
    image[0, 2:, :2, 1] = 8
    np.testing.assert_array_equal(Auxiliary(size=2)(image)[0, ..., 1], [[0, 0], [8, 0]])
    assert not np.any(Auxiliary(size=2)(image)[..., 0])


def test_images_with_levels_of_their_own():
    levels = np.arange(16)
    spread = np.round(255 * levels / 16).astype("uint8")
    np.testing.assert_array_equal(np.ravel(Auxiliary(17)(_image(*spread))), levels)
    auxiliary = Auxiliary(17)
    np.testing.assert_allclose(auxiliary.lowest + auxiliary.step * levels, 2 * levels / 16 - 1, atol=1e-6)


@pytest.mark.parametrize("levels", [2, 16, 128])
def test_a_coarse_level_has_the_probability_of_its_fine_levels(levels):
    auxiliary, mean, log_scale = Auxiliary(levels), 0.3, -1.2
    coarse = np.exp(-auxiliary.nats(np.arange(levels), mean, log_scale))
    fine = np.exp(-np.asarray(discretized_logistic(np.arange(256), mean, log_scale)))
    np.testing.assert_allclose(coarse, fine.reshape(levels, -1).sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(coarse.sum(), 1.0, atol=1e-5)


def test_means_are_shown_as_large_as_images():
    shown = Auxiliary(size=1, grey=True).shown(np.array([[[[0.5]]]], "float32"), (2, 2, 3))
    np.testing.assert_array_equal(shown, np.full((1, 2, 2, 3), 0.5))


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"levels": 1}, None, "levels must be 2 to 256. Received: 1"),
        ({"size": 0}, None, "size must be at least 1"),
        ({"size": 3}, (8, 8, 3), "size must divide the image's side. Received: size=3 for images of 8 x 8"),
        ({"size": 16}, (8, 8, 3), "size must divide the image's side"),
        ({"grey": True}, (8, 8, 1), "grey must be False for images that have no red, green and blue"),
    ],
)
def test_bad_auxiliaries(options, shape, message):
    with pytest.raises(ValueError, match=message):
        Auxiliary(**options).shape_of(shape)
