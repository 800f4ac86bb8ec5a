import numpy as np
import pytest

from qrkeras.data import load, take


def test_digits():
    # 0..16 times 255 / 16: the largest value, 16, becomes 255, and 8 becomes 127.5, rounded to even.
    train, test = load("digits"), load("digits", split="test")
    assert train.shape == test.shape == (8, 8, 1)
    assert train.size + test.size == 1797
    assert 0.08 < test.size / 1797 < 0.12
    images = np.concatenate(list(train.evaluation_batches(500).as_numpy_iterator()))
    levels = np.unique(images)
    assert len(levels) == 17
    assert {0, 128, 255} <= set(levels)
    held = np.concatenate(list(test.evaluation_batches(500).as_numpy_iterator()))
    seen = {image.tobytes() for image in images}
    assert not any(image.tobytes() in seen for image in held)


def test_digits_are_enlarged():
    assert load("digits", image_size=16).shape == (16, 16, 1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_of_digits(split):
    from sklearn.datasets import load_digits

    images, labels = take(load("digits", split=split, labels=True))
    np.testing.assert_array_equal(images, take(load("digits", split=split)))
    # An image names its row in scikit-learn's set, which holds the label.
    bunch = load_digits()
    rows = {np.rint(image * 255 / 16).astype("uint8").tobytes(): i for i, image in enumerate(bunch.images)}
    assert len(rows) == 1797
    np.testing.assert_array_equal(labels, bunch.target[[rows[image.tobytes()] for image in images]])
    assert load("digits", split=split, labels=True).num_classes == 10


@pytest.fixture(scope="module")
def photos():
    """Both photographs halved: the mean of each 2 x 2 block; the odd last row is left out."""
    from sklearn.datasets import load_sample_images

    images = np.stack(load_sample_images().images)[:, :426].astype("float64")
    return images.reshape(2, 213, 2, 320, 2, 3).mean(axis=(2, 4))


def test_photo_patches_are_crops_of_the_halved_photographs(photos):
    # Rows 0, 4 .. 196 of 214 are 50; columns 0, 4 .. 240 of 256 are 61, columns 0 .. 48 of 64 are 13.
    train, test = load("photo-patches"), load("photo-patches", split="test", labels=True)
    assert (train.shape, train.dtype, train.name) == ((16, 16, 3), "uint8", "photo-patches")
    assert (train.size, test.size) == (61 * 50 * 2, 13 * 50 * 2)
    crops, (held, photo) = take(train), take(test)
    # Down each column, the photographs in turn: crop 2 (50 c + r) + p begins at row 4 r, column 4 c.
    for c, r, p in ((0, 0, 0), (0, 0, 1), (0, 49, 0), (60, 3, 1)):
        expected = photos[p, 4 * r : 4 * r + 16, 4 * c : 4 * c + 16]
        np.testing.assert_allclose(crops[2 * (50 * c + r) + p], expected, atol=0.51)
    for c, r, p in ((0, 0, 0), (12, 49, 1)):
        expected = photos[p, 4 * r : 4 * r + 16, 256 + 4 * c : 256 + 4 * c + 16]
        np.testing.assert_allclose(held[2 * (50 * c + r) + p], expected, atol=0.51)
    assert test.num_classes == 2
    np.testing.assert_array_equal(photo, np.arange(1300) % 2)


def test_photo_patches_hold_out_whole_columns_of_pixels():
    # The last training crop begins at column 240 and ends before 256, where the first test crop begins:
    # at size 64, one column of test crops begins there and none further right.
    for size, train_columns, test_columns in ((16, 61, 13), (64, 49, 1)):
        rows = len(range(0, 214 - size + 1, 4))
        assert load("photo-patches", size).size == 2 * rows * train_columns
        assert load("photo-patches", size, split="test").size == 2 * rows * test_columns
    crops = {crop.tobytes() for crop in take(load("photo-patches", 32))}
    assert not any(crop.tobytes() in crops for crop in take(load("photo-patches", 32, split="test")))


def test_photo_patches_refuse_large_crops():
    with pytest.raises(ValueError, match="image_size must be at most 64 for 'photo-patches'.*Received: 65"):
        load("photo-patches", image_size=65)
