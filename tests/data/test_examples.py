import dataclasses

import numpy as np
import pytest

from qrkeras.data import from_arrays, take


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


def test_labels_stay_with_their_examples():
    # Point i has the label i % 3, in every order; the order is the one without labels.
    points = np.arange(10, dtype="float32")[:, None]
    plain, data = from_arrays(points), from_arrays(points, labels=np.arange(10) % 3)
    assert (plain.num_classes, data.num_classes) == (None, 3)
    assert [tuple(spec.shape) for spec in data.batches(4, seed=0).element_spec] == [(4, 1), (4,)]
    assert [spec.dtype for spec in data.batches(4, seed=0).element_spec] == ["float32", "int32"]
    whole = list(data.batches(4, seed=0).take(10).as_numpy_iterator())
    for start_step in (0, 1, 7):
        resumed = list(data.batches(4, seed=0, start_step=start_step).take(3).as_numpy_iterator())
        unlabelled = list(plain.batches(4, seed=0, start_step=start_step).take(3).as_numpy_iterator())
        for i, (batch, labels) in enumerate(resumed):
            np.testing.assert_array_equal(labels, batch[:, 0] % 3)
            np.testing.assert_array_equal(batch, unlabelled[i])
            np.testing.assert_array_equal(batch, whole[start_step + i][0])
    batches = list(data.evaluation_batches(4).as_numpy_iterator())
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), np.arange(10) % 3)


def test_number_of_classes_may_be_given():
    assert from_arrays(np.zeros((2, 1)), labels=[0, 3]).num_classes == 4
    assert from_arrays(np.zeros((2, 1)), labels=[0, 3], num_classes=10).num_classes == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0, 1, 0]}, r"one for each of its 2 examples. Received: int64 of shape \(3,\)"),
        ({"labels": [0.0, 1.0]}, "must be integers.*Received: float64"),
        ({"labels": np.eye(2, dtype="int32")}, r"labels.argmax\(axis=1\)"),
        ({"labels": ["cat", "dog"]}, "return_inverse"),
        ({"labels": [0, -1]}, "must be at least 0. Received: -1 in 1 of 2 examples, the first at index 1"),
        ({"labels": [0, 3], "num_classes": 3}, "larger than every label, and the largest is 3. Received: 3"),
        ({"labels": [0, 1], "num_classes": 2.0}, "num_classes of 'arrays' must be an integer.*Received: 2.0"),
        ({"num_classes": 3}, "must be None where labels are None. Received: 3"),
    ],
)
def test_from_arrays_refuses_labels(arguments, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(np.zeros((2, 1)), **arguments)


@pytest.mark.parametrize("n", [None, 1, 255, 256, 257, 600, 1000])
def test_take_gives_the_first_examples(n):
    # 600 examples are taken in batches of 256, 256 and 88.
    points = np.arange(600, dtype="float32")[:, None]
    taken = take(from_arrays(points), n)
    assert isinstance(taken, np.ndarray)
    np.testing.assert_array_equal(taken, points[:n])
    examples, labels = take(from_arrays(points, labels=np.arange(600) % 7), n)
    np.testing.assert_array_equal(examples, points[:n])
    np.testing.assert_array_equal(labels, (np.arange(600) % 7)[:n])
    assert (examples.dtype, labels.dtype) == ("float32", "int32")


@pytest.mark.parametrize("n", [0, -1, 2.0, "all"])
def test_take_refuses(n):
    with pytest.raises(ValueError, match=f"n must be a positive integer or None. Received: {n!r}"):
        take(from_arrays(np.zeros((2, 1))), n)


def test_batches_are_split_among_replicas():
    # The batch given to `batches` is the global one; here two halves, on one device in turn.
    data = from_arrays(np.arange(8, dtype="float32")[:, None])
    whole = next(data.batches(4, seed=1).as_numpy_iterator())
    halves = data.batches(4, seed=1).rebatch(2).take(2).as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(list(halves)), whole)


@pytest.mark.parametrize("labelled", [False, True])
def test_parts_of_workers_are_the_batch_and_no_more_is_read(labelled):
    values = np.arange(12, dtype="float32")[:, None]
    whole = from_arrays(values, labels=np.arange(12) if labelled else None)
    read = []

    def recorded(indices):
        read.append(tuple(indices.shape))
        return whole.read(indices)

    data = dataclasses.replace(whole, read=recorded)

    def rows(share, start):
        batches = data.batches(6, 0, start, share).take(3).as_numpy_iterator()
        return [np.concatenate([np.ravel(part) for part in (batch if labelled else (batch,))]) for batch in batches]

    for start in (0, 3):
        parts = [rows((i, 3), start) for i in range(3)]
        for k, batch in enumerate(rows((0, 1), start)):
            together = np.stack([part[k] for part in parts]).reshape(3, -1, 2)
            np.testing.assert_array_equal(together.transpose(1, 0, 2).ravel(), batch)
    assert read == [(2,)] * 3 + [(6,)] + [(2,)] * 3 + [(6,)]
    for share in ((3, 3), (0, 4), (-1, 2)):
        with pytest.raises(ValueError, match="share must be a part i of n that divides batch_size=6. Received: "):
            data.batches(6, 0, share=share)
