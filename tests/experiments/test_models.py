"""The public face: models of presets and runs, exports, from `import qrkeras` alone."""

import numpy as np
import pytest
import tensorflow as tf

import qrkeras
from qrkeras import data, presets
from qrkeras.machine import devices


def test_a_preset_trains_and_is_exported(tmp_path):
    model = qrkeras.from_preset("nsgan-digits", seed=3)
    model.fit(np.zeros((32, 8, 8, 1), "uint8"), batch_size=16, verbose=0)
    path = qrkeras.export(model, tmp_path, "mine")
    sample = tf.saved_model.load(str(path)).signatures["sample"]
    found = sample(seed=tf.constant([[0, 0], [0, 1]]))["images"]
    np.testing.assert_array_equal(found, model.sample(2))


def test_no_data_are_needed_to_build_what_trains_on_your_own():
    assert qrkeras.from_preset("vae-squared-cifar10").example_shape == (32, 32, 3)
    assert qrkeras.from_preset("qrgan-cifar10", shape=(32, 32, 1)).example_shape == (32, 32, 1)


@pytest.mark.parametrize("name", ["ring8", "grid25", "digits", "photo-patches"])
@pytest.mark.parametrize("image_size", [None, 4])
def test_shapes_that_are_known_are_those_of_the_data(name, image_size):
    if name in ("ring8", "grid25") and image_size:
        return  # points have no size
    assert data.known_shape(name, image_size) == tuple(data.load(name, image_size).shape)


def test_shapes_that_are_known_are_those_of_presets():
    """But for those of any TFDS name, and of folders, whose images tell whether they are grey."""
    for name, preset in presets.PRESETS.items():
        if not preset.data.name.startswith(("tfds:", "captions:")):
            assert data.known_shape(preset.data.name, preset.data.image_size), name


def test_a_seed_decides_the_weights():
    one, same, other = (qrkeras.from_preset("qrgan-ring8", seed).get_weights()[0] for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_a_run_is_loaded(points_run):
    model = qrkeras.from_run(points_run.path)
    assert model.step == 20 and model.sample(3).shape == (3, 2)
    with pytest.raises(ValueError, match="RUN must hold a best model"):
        qrkeras.from_run(points_run.path, best=True)


def test_replicas_take_one_step_an_execution():
    assert presets.get("qrgan-ring8").steps_per_execution > 1
    with devices.strategy(devices.choose(2)).scope():
        assert qrkeras.from_preset("qrgan-ring8").steps_per_execution == 1
