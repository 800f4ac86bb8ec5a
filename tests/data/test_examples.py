import numpy as np
import pytest

from qrkeras.data import from_arrays, load


def test_from_arrays_keeps_images_as_they_are():
    images = np.arange(5 * 2 * 2 * 3, dtype="uint8").reshape(5, 2, 2, 3)
    data = from_arrays(images, "tiny")
    assert (data.name, data.shape, data.dtype, data.size) == ("tiny", (2, 2, 3), "uint8", 5)
    batches = list(data.evaluation_batches(2).as_numpy_iterator())
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), images)
    assert batches[0].dtype == np.uint8
    assert len(next(iter(data.evaluation_batches(100)))) == 5


def test_batches_are_permuted_epochs_of_static_shape():
    data = from_arrays(np.arange(6, dtype="float64")[:, None])
    dataset = data.batches(3, seed=0)
    assert dataset.element_spec.shape == (3, 1)
    assert dataset.element_spec.dtype == "float32"
    epochs = np.concatenate(list(dataset.take(4).as_numpy_iterator())).reshape(2, 6)
    np.testing.assert_array_equal(np.sort(epochs), [range(6), range(6)])
    resumed = next(data.batches(3, seed=0, start_step=3).as_numpy_iterator())
    np.testing.assert_array_equal(resumed[:, 0], epochs[1, 3:])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 2)), r"must hold at least one example. Received: \(0, 2\)"),
        (np.array([[0.0], [np.nan]]), "NaN or infinity in 1 of 2 examples, the first at index 1"),
        (np.array([[np.inf]]), "must be finite"),
        (np.zeros((2, 4, 4, 3), "float32"), "Convert images in"),
        (np.zeros((2, 4, 4, 3), "int32"), "must be uint8 images in 0..255 or floating-point"),
        (np.zeros((2, 4, 4), "uint8"), "need array.*None"),
        (np.zeros((2, 4, 4, 4), "uint8"), "an alpha channel is left out"),
    ],
)
def test_from_arrays_refuses(array, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(array)


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


def test_batches_are_split_among_replicas():
    # The batch given to `batches` is the global one; here two halves, on one device in turn.
    data = from_arrays(np.arange(8, dtype="float32")[:, None])
    whole = next(data.batches(4, seed=1).as_numpy_iterator())
    halves = data.batches(4, seed=1).rebatch(2).take(2).as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(list(halves)), whole)
