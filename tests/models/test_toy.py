"""A model of one equation: what a subclass writes, and what it is given."""

import keras
import numpy as np
import pytest

from qrkeras import networks
from tests.support.toy_family.model import Sorted

IMAGES = np.random.default_rng(0).integers(90, 110, (32, 4, 4, 1)).astype("uint8")


def toy(**options):
    model = Sorted(networks.mlp(1, 16, width=8, seed=1), (4, 4, 1), **options)
    model.compile(keras.optimizers.Adam(0.02))
    return model


@pytest.fixture(scope="module")
def fitted():
    model = toy(seed=3)
    history = model.fit(IMAGES, batch_size=16, epochs=30, shuffle=False, verbose=0).history
    return model, history


def test_it_fits_and_samples(fitted):
    model, history = fitted
    assert set(history) == {"loss", "worst"} and history["loss"][-1] < 0.2 * history["loss"][0]
    many = model.sample(6, seed=5)
    assert many.shape == (6, 4, 4, 1) and many.dtype == np.uint8
    assert abs(many.mean() - IMAGES.mean()) < 15
    np.testing.assert_array_equal(model.sample(3, seed=5, batch_size=2), many[:3])
    with pytest.raises(ValueError, match="labels must be None"):
        model.sample(2, labels=1)
    with pytest.raises(ValueError, match="way must be \"prior\" for Sorted. Received: 'flow'"):
        model.sample(2, way="flow")
    assert set(model.signatures()) == {"sample"}


def test_it_evaluates_alike_every_time(fitted):
    model, _ = fitted
    first, again = (model.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True) for _ in range(2))
    assert first == again and set(first) == {"loss", "worst"}
    assert first["worst"] ** 2 > first["loss"]


def test_what_was_saved_goes_on_as_if_never_stopped(tmp_path):
    whole, half = toy(power=3), toy(power=3)
    whole.fit(IMAGES, batch_size=16, epochs=4, shuffle=False, verbose=0)
    half.fit(IMAGES, batch_size=16, epochs=2, shuffle=False, verbose=0)
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    assert again.power == 3 and again.step == 4
    again.fit(IMAGES, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(again.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.sample(4), whole.sample(4))


def test_bad_data_is_refused_as_by_every_model(fitted):
    with pytest.raises(ValueError, match="x must hold uint8 images"):
        fitted[0].fit(IMAGES.astype("float32"), verbose=0)
