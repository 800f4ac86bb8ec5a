import numpy as np
import pytest

from qrkeras.features import accuracy, fit_classifier
from qrkeras.features.classifier import Augmented, to_float


def noise(n, size=4, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels), "uint8")


def epoch_of(batches):
    """Images (as uint8) and labels of the epoch, in its order."""
    pairs = [batches[i] for i in range(len(batches))]
    images, labels = (np.concatenate(part) for part in zip(*pairs))
    return np.rint((images + 1) * 127.5).astype("uint8"), labels


def at_epoch(epoch, *arguments, **options):
    batches = Augmented(*arguments, **options)
    for _ in range(epoch):
        batches.on_epoch_end()
    return batches


def test_to_float():
    np.testing.assert_allclose(to_float(np.array([0, 51, 255], "uint8")), [-1, -0.6, 1], atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_shifts_are_crops_of_the_reflected_image(channels):
    images = noise(90, channels=channels)
    crops, labels = epoch_of(Augmented(images, np.arange(90), 30, flip=False, seed=0))
    # 4 // 16 = 0, so the shift is the least, 1: rows and columns 1 | 0 1 2 3 | 2, cut at 0, 1 or 2.
    border = np.array([1, 0, 1, 2, 3, 2])
    seen = set()
    for crop, label in zip(crops, labels, strict=True):
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(crop, images[label][border[y : y + 4]][:, border[x : x + 4]])
        ]
        assert len(found) == 1, "each image keeps its label"
        seen.update(found)
    assert len(seen) == 9, "all shifts occur"


def test_shift_grows_with_the_image():
    # 32 // 16 = 2: five places a side.
    image = np.zeros((64, 32, 32, 1), "uint8")
    image[:, 16, 16] = 255
    crops, _ = epoch_of(Augmented(image, np.zeros(64, int), 64, flip=False, seed=0))
    _, rows, columns, _ = np.nonzero(crops)
    assert set(rows) == set(columns) == {14, 15, 16, 17, 18}


def test_flip_alternates_between_epochs():
    # Dark left, bright right; a shift of 1 in 8 columns does not hide it.
    images = np.zeros((64, 8, 8, 1), "uint8")
    images[:, :, 4:] = 200
    mirrored = []
    for epoch in range(4):
        crops, labels = epoch_of(at_epoch(epoch, images, np.arange(64), 16, flip=True, seed=1))
        means = crops[np.argsort(labels)].mean(axis=(1, 3))
        mirrored.append(means[:, :4].sum(axis=1) > means[:, 4:].sum(axis=1))
    assert 16 < mirrored[0].sum() < 48, "about half"
    for epoch in (1, 2, 3):
        np.testing.assert_array_equal(mirrored[epoch], mirrored[0] ^ (epoch % 2 == 1))


def test_without_flip_nothing_is_mirrored():
    images = np.zeros((64, 8, 8, 1), "uint8")
    images[:, :, 4:] = 200
    for epoch in range(2):
        means = epoch_of(at_epoch(epoch, images, np.arange(64), 16, flip=False, seed=1))[0].mean(axis=(1, 3))
        assert (means[:, :4].sum(axis=1) < means[:, 4:].sum(axis=1)).all()


def test_an_epoch_is_a_permutation_without_its_remainder():
    orders = []
    for epoch in range(3):
        _, labels = epoch_of(at_epoch(epoch, noise(50), np.arange(50), 16, flip=False, seed=2))
        assert len(labels) == len(set(labels)) == 48  # 50 // 16 = 3 batches
        orders.append(tuple(labels))
    assert len(set(orders)) == 3


def test_a_batch_is_a_function_of_seed_epoch_and_index():
    arguments = noise(48), np.arange(48), 16
    one, other = (at_epoch(2, *arguments, flip=True, seed=3) for _ in range(2))
    backwards = [other[i] for i in (2, 1, 0)][::-1]
    for i in range(3):
        for a, b in zip(one[i], backwards[i], strict=True):
            np.testing.assert_array_equal(a, b)
    # Of one and the same image, so that the augmentation alone can differ.
    arguments = np.tile(noise(1), (48, 1, 1, 1)), np.arange(48), 16
    places = [(0, 2, 3), (1, 2, 3), (0, 1, 3), (0, 2, 4)]
    batches = [at_epoch(epoch, *arguments, flip=False, seed=seed)[index] for index, epoch, seed in places]
    assert len({images.tobytes() for images, _ in batches}) == 4


def two_classes(n, seed):
    """Dark images and bright ones, n of each."""
    random = np.random.default_rng(seed)
    images = np.concatenate([random.integers(0, 120, (n, 8, 8, 1)), random.integers(136, 256, (n, 8, 8, 1))])
    return images.astype("uint8"), np.repeat([0, 1], n)


def test_learns_what_is_easy_and_gives_it_again():
    train, test = two_classes(64, 0), two_classes(32, 1)
    options = {"num_classes": 2, "epochs": 4, "widths": (4,), "seed": 5, "verbose": 0}
    classifier = fit_classifier(*train, **options)
    assert accuracy(classifier, *test) == 1.0
    again = fit_classifier(*train, **options)
    for a, b in zip(classifier.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_fewest_images():
    images, labels = two_classes(8, 0)
    classifier = fit_classifier(images, labels, 2, epochs=1, widths=(4,), verbose=0)
    assert all(np.isfinite(weight).all() for weight in classifier.get_weights())


@pytest.mark.parametrize(
    "images, labels, told",
    [
        (noise(15), np.zeros(15, int), r"images must be at least 16 square images .*shape \(15, 4, 4, 1\) of uint8"),
        (noise(16)[:, :3], np.zeros(16, int), r"images must be .*shape \(16, 3, 4, 1\)"),
        (noise(16)[..., 0], np.zeros(16, int), r"images must be .*shape \(16, 4, 4\)"),
        (noise(16) / 255, np.zeros(16, int), r"images must be .*of float64"),
        (noise(16), np.zeros(15, int), r"labels must be 16 integers.*shape \(15,\)"),
        (noise(16), np.zeros(16), r"labels must be 16 integers.*of float64"),
        (noise(16), np.zeros((16, 1), int), r"labels must be 16 integers.*shape \(16, 1\)"),
        (noise(16), np.arange(16), r"labels must lie in \[0, 10\). Received: values from 0 to 15"),
        (noise(16), np.arange(16) % 10 - 1, r"Received: values from -1 to 8"),
    ],
)
def test_bad_input(images, labels, told):
    with pytest.raises(ValueError, match=told):
        fit_classifier(images, labels, 10, epochs=1, verbose=0)
