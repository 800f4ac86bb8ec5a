import sys

import numpy as np
import pytest

from qrkeras import data
from qrkeras.evaluation import class_scores

module = sys.modules[class_scores.__module__]


@pytest.fixture(scope="module")
def digits():
    """500 digits to stand for generated ones, 500 others to train on, 166 held out."""
    images, labels = data.take(data.load("digits", labels=True))
    test = data.take(data.load("digits", split="test", labels=True))
    return (images[:500], labels[:500]), (images[500:1000], labels[500:1000]), test


@pytest.fixture(scope="module", autouse=True)
def trained_once():
    """The classifier that is taught by the same real images each time is trained once."""
    kept, fit = {}, module.fit_classifier

    def remembered(images, labels, *arguments, **options):
        key = images.tobytes(), labels.tobytes(), str((arguments, options))
        if key not in kept:
            kept[key] = fit(images, labels, *arguments, **options)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit_classifier", remembered)
        yield


def scores(generated, train, test):
    return class_scores(generated, train, test, 10, epochs=8, flip=False, verbose=0)


def test_real_images_score_as_real_ones(digits):
    found = scores(*digits)
    assert found.samples == 500, "equally many"
    assert found.real > 0.85
    assert abs(found.gan_train - found.real) < 0.1
    assert abs(found.gan_test - found.real) < 0.1


def test_labels_that_do_not_belong(digits):
    (images, labels), train, test = digits
    # Of shuffled labels a tenth is right by chance.
    found = scores((images, np.random.default_rng(0).permutation(labels)), train, test)
    assert found.gan_test < 0.2 and found.gan_train < 0.4 and found.real > 0.7


def test_one_sample_of_each_class(digits):
    # Each class is shown well, fifty times the same: GAN-test is content, GAN-train is not.
    (images, labels), train, test = digits
    typical = []
    for label in range(10):
        own = images[labels == label].astype(float)
        typical.append(images[labels == label][np.square(own - own.mean(axis=0)).sum(axis=(1, 2, 3)).argmin()])
    found = scores((np.tile(np.stack(typical), (50, 1, 1, 1)), np.tile(np.arange(10), 50)), train, test)
    assert found.gan_test >= 0.9
    assert found.gan_train < found.real - 0.1


def test_sorted_images_are_drawn_not_cut_off(monkeypatch):
    # 200 real images, sorted by class, beside 40 generated ones: the first 40 would all be of class 0.
    trained = []
    monkeypatch.setattr(module, "fit_classifier", lambda images, labels, *_, **__: trained.append((images, labels)))
    monkeypatch.setattr(module, "accuracy", lambda classifier, images, labels: len(labels))
    labels = np.repeat(np.arange(4), 50)
    images = np.broadcast_to(labels.astype("uint8")[:, None, None, None], (200, 8, 8, 1))
    found = class_scores((images[::5], labels[::5]), (images, labels), (images, labels), 4)
    assert (found.samples, found.gan_train, found.gan_test, found.real) == (40, 200, 40, 200)
    real, generated = trained
    assert len(real[0]) == len(generated[0]) == 40
    assert set(real[1]) == {0, 1, 2, 3}
    np.testing.assert_array_equal(real[0][:, 0, 0, 0], real[1])  # each keeps its label
    np.testing.assert_array_equal(generated[1], labels[::5])


@pytest.mark.parametrize("size, widths", [(3, 1), (4, 1), (8, 2), (16, 3), (32, 3), (128, 3)])
def test_width_of_the_image_decides_the_blocks(monkeypatch, size, widths):
    used = []
    monkeypatch.setattr(module, "fit_classifier", lambda *_, **options: used.append(options["widths"]))
    monkeypatch.setattr(module, "accuracy", lambda *_: 0.0)
    pair = np.zeros((16, size, size, 1), "uint8"), np.zeros(16, int)
    class_scores(pair, pair, pair, 1)
    assert used == 2 * [(64, 128, 256)[:widths]]
    # As many as the image bears: 2**blocks + 1 pixels.
    assert size >= 2**widths + 1
