import pathlib

import numpy as np
import pytest

from qrkeras import data, networks
from qrkeras.features import accuracy, scenes, shipped

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data" / "tfds"


def test_digits_accuracy():
    images, labels = data.take(data.load("digits", split="test", labels=True))
    reached = accuracy(shipped.load("digits-cnn"), images, labels)
    print(f"digits-cnn: accuracy {reached:.4f} on {len(images)} held-out digits")
    assert reached >= 0.98


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no CIFAR-10 prepared by TFDS in {SHARED}")
def test_cifar10_accuracy():
    images, labels = data.take(data.load("cifar10", split="test", data_dir=SHARED, labels=True), 1_000)
    reached = accuracy(shipped.load("cifar10-cnn"), images, labels)
    print(f"cifar10-cnn: accuracy {reached:.4f} on {len(images):,} held-out images")
    assert reached >= 0.88


def test_accuracy_by_hand():
    class Judge:
        """Says that an image is of class 1 where its first pixel is bright."""

        def predict_on_batch(self, images):
            return np.stack([-images[:, 0, 0, 0], images[:, 0, 0, 0]], axis=1)

    images = np.zeros((5, 2, 2, 1), "uint8")
    images[3:] = 255
    # Said: 0 0 0 1 1; true: 0 1 0 1 1. The last batch is smaller.
    for batch_size in (2, 5, 500):
        assert accuracy(Judge(), images, [0, 1, 0, 1, 1], batch_size) == 0.8


@pytest.mark.parametrize("name", [*shipped.RECIPES, scenes.NAME])
def test_shipped_files_are_small(name):
    assert (shipped.FOLDER / f"{name}.npz").stat().st_size <= 4 * 2**20


def test_everything_shipped_has_its_recipe():
    assert {path.stem for path in shipped.FOLDER.iterdir()} == {*shipped.RECIPES, scenes.NAME}


def damaged(whole):
    torn = whole[: len(whole) // 2]
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    return {"torn": torn, "empty": b"", "flipped": bytes(flipped)}


@pytest.mark.parametrize("kind", ["torn", "empty", "flipped", "missing", "another network"])
def test_damaged_weights(tmp_path, kind):
    path = tmp_path / "weights.npz"
    if kind == "another network":
        shipped.save(networks.image_classifier(8, 1, 10, (4, 4)), path)
    elif kind != "missing":
        path.write_bytes(damaged((shipped.FOLDER / "digits-cnn.npz").read_bytes())[kind])
    with pytest.raises(ValueError, match="the weights of digits-cnn must be readable.*weights.npz.*rebuild digits-cnn"):
        shipped.load("digits-cnn", path)


def test_saved_as_float16_and_loaded(tmp_path):
    recipe = shipped.RECIPES["digits-cnn"]
    classifier = networks.image_classifier(8, 1, 10, recipe.widths, seed=1)
    path = tmp_path / "new" / "weights.npz"
    shipped.save(classifier, path)
    for one, other in zip(classifier.get_weights(), shipped.load("digits-cnn", path).get_weights(), strict=True):
        np.testing.assert_array_equal(one.astype("float16"), other)
    assert [p.name for p in path.parent.iterdir()] == ["weights.npz"]


def test_failed_save_leaves_the_old_weights(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    path.write_bytes(b"old")

    def full(file, *arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        shipped.save(networks.image_classifier(8, 1, 2, (4,)), path)
    assert [p.name for p in tmp_path.iterdir()] == ["weights.npz"] and path.read_bytes() == b"old"


def test_trained_weights_are_what_is_shipped(monkeypatch):
    tiny = shipped.Recipe("digits", 8, 1, 10, (4,), flip=False, epochs=1)
    monkeypatch.setitem(shipped.RECIPES, "tiny", tiny)
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")
    for weight in shipped.train("tiny", images, np.arange(32) % 10, verbose=0).get_weights():
        np.testing.assert_array_equal(weight, weight.astype("float16"))
