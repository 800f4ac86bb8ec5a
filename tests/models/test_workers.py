"""Workers, each a process of its own, train as one device does: every class of model, by plain `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.models import replicas
from tests.models.test_replicas import BUILDS, POINT_GANS, strategy
from tests.support.cluster_models import trained
from tests.support.workers import Workers

LATENT = ("VAE", "AIQNVAE", "hierarchical VAE", "importance-weighted VAE", "VQ-VAE", "AIQN of a frozen VAE")
DEAR = ("PixelCNNPlusPlus", "variational dequantisation", "AGAVE")
REST = tuple(name for name in BUILDS if name not in (*POINT_GANS, *LATENT, *DEAR))
FEW = ("gan", "batch normalisation", "PixelCNN", "VAE")


def assert_alike(names, folder, count=2, steps=10, batch_size=8, precision="float32", each=1, replicas=1, atol=1e-5):
    """Trains models on workers and on replicas in one process; all must end alike, the workers to the last bit."""
    options = ["--steps", steps, "--batch-size", batch_size, "--precision", precision, "--each", each]
    workers = Workers(["tests.support.cluster_models", folder, *options, "--models", *names], folder, count)
    keras.config.set_dtype_policy(precision)
    try:
        expected = {name: trained(name, strategy(replicas), steps, batch_size) for name in names}
    finally:
        keras.config.set_dtype_policy("float32")
    assert workers.ended(1800) == [0] * count, workers.told(0)[-3000:]
    for name in names:
        found = [np.load(folder / f"{name}-{i}.npz") for i in range(count)]
        assert [value.split()[0] for value in found[0]] == [value.split()[0] for value in expected[name]]
        for (key, one), *several in zip(expected[name].items(), *(each.values() for each in found), strict=True):
            np.testing.assert_allclose(several[0], one, rtol=2e-5, atol=atol, err_msg=f"{name}: {key}")
            for other in several[1:]:
                np.testing.assert_array_equal(other, several[0], err_msg=f"{name}: {key}")


@pytest.mark.long
@pytest.mark.parametrize("names", [tuple(POINT_GANS), LATENT, REST, *((name,) for name in DEAR)], ids=" ".join)
def test_two_workers_train_as_one_device(names, tmp_path):
    assert_alike(names, tmp_path)


@pytest.mark.long
def test_three_workers(tmp_path):
    assert_alike(FEW, tmp_path, count=3, batch_size=12)


@pytest.mark.long
def test_two_devices_of_each_of_two_workers(tmp_path):
    assert_alike(FEW, tmp_path, each=2)


@pytest.mark.long
def test_mixed_precision(tmp_path):
    # Gradients of a layer's weights are rounded to 8 bits on each replica, those of one device once: replicas compare.
    # Even so another order of summation, by as many threads, turns a rounding here and there: 1.5e-5 was met.
    assert_alike(FEW, tmp_path, precision="mixed_bfloat16", replicas=2, atol=1e-4)


def test_keras_still_takes_means_of_scalars_over_rows(monkeypatch):
    """The day this fails, `replicas.reported` has nothing left to mend."""
    from keras.src.backend.tensorflow import trainer

    one = tf.distribute.MultiWorkerMirroredStrategy()  # of one worker, which Keras takes for several
    monkeypatch.setattr(type(one.extended), "_in_multi_worker_mode", lambda self: True)
    with pytest.raises(ValueError, match="Invalid reduction dimension 0"):
        trainer.reduce_per_replica({"loss": tf.constant(3.0)}, one, "auto")
    assert trainer.reduce_per_replica({"loss": tf.constant([3.0])}, one, "auto")["loss"] == 3.0
    assert replicas.reported({"loss": tf.constant(3.0)})["loss"].shape == ()
