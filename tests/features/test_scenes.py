"""The shipped encoder of scenes: what it was trained for, and how."""

import numpy as np
import pytest

from qrkeras.data import scenes as data
from qrkeras.features import encoders, scenes


def test_colours_are_told_by_its_vector():
    """Scenes that it has not seen: the nearest mean of 600 others names the colour."""
    images, colours, _ = zip(*(data.single(scenes.UNSEEN + i) for i in range(900)))
    vectors = np.asarray(scenes.load()(np.stack(images).astype("float32") / 127.5 - 1)[2])
    colours = np.array(colours)
    means = np.stack([vectors[:600][colours[:600] == colour].mean(0) for colour in range(6)])
    found = np.linalg.norm(vectors[600:, None] - means, axis=-1).argmin(1)
    assert (found == colours[600:]).mean() > 0.6  # chance is 1 in 6


@pytest.mark.long
def test_it_learns_in_few_steps():
    _, classifier = scenes.train(steps=60, verbose=0)
    assert scenes.accuracies(classifier, 200)["colour_by_map"] > 0.5


def test_encoders_by_name(tmp_path):
    assert [tuple(shape) for shape in encoders.load("scenes-cnn").output_shape] == [
        (None, 8, 8, 96), (None, 8, 8, 96), (None, 128),
    ]  # fmt: skip
    encoders.load("new", seed=3).save(tmp_path / "own.keras")
    assert encoders.load(str(tmp_path / "own.keras")).count_params() == encoders.load("new").count_params()
    for name, message in (
        ("scenes", "encoder must be one of scenes-cnn, efficientnet-lite0, vgg16, new.*Did you mean 'scenes-cnn'"),
        (str(tmp_path / "none.keras"), "encoder must name an existing .keras file"),
    ):
        with pytest.raises(ValueError, match=message):
            encoders.load(name)
    (tmp_path / "torn.keras").write_bytes(b"torn")
    with pytest.raises(ValueError, match="encoder must name a Keras model that can be read"):
        encoders.load(str(tmp_path / "torn.keras"))
