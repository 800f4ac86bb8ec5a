import hashlib
import socket
import time

import numpy as np
import pytest
import tensorflow as tf

from qrkeras import features, networks
from qrkeras.features import inception


@pytest.mark.parametrize(
    "name, hint",
    [
        ("cifar-cnn", "Did you mean 'cifar10-cnn'?"),
        ("digit-cnn", "Did you mean 'digits-cnn'?"),
        ("Inception", "Did you mean 'inception'?"),
        ("resnet", "Received: 'resnet'."),
        ("model.h5", "Received: 'model.h5'."),
        (None, "Received: None."),
    ],
)
def test_unknown_names(name, hint):
    with pytest.raises(ValueError) as told:
        features.load(name)
    assert str(told.value).startswith("features must be one of inception, cifar10-cnn, digits-cnn, FILE.keras.")
    assert str(told.value).endswith(hint)


def test_shipped_by_name():
    network = features.load("digits-cnn")
    found, logits = network(np.zeros((3, 8, 8, 1), "uint8"))
    assert (network.name, network.channels) == ("digits-cnn", 1)
    assert found.shape == (3, 64) and logits.shape == (3, 10)
    # It is the same at every start: the statistics that it made before still hold.
    assert features.load("digits-cnn").fingerprint == network.fingerprint


def test_file(tmp_path):
    classifier = networks.image_classifier(8, 1, 3, (4,), seed=2)
    classifier.save(tmp_path / "inception.keras")
    network = features.load(str(tmp_path / "inception.keras"))
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), "uint8")
    expected = features.from_keras(classifier, "expected")
    np.testing.assert_allclose(network(images)[0], expected(images)[0], atol=1e-6)
    assert network.fingerprint == expected.fingerprint
    assert network.name == "inception.keras", "no figure of it passes for one of Inception"


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="features must name an existing .keras file. Received: .*none.keras"):
        features.load(str(tmp_path / "none.keras"))


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_torn_file(tmp_path, kept):
    path = tmp_path / "torn.keras"
    networks.image_classifier(8, 1, 3, (4,)).save(path)
    assert path.stat().st_size > 6000
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="features must name a Keras model that can be read. Received: .*torn.keras"):
        features.load(str(path))


def test_file_of_an_unfit_model(tmp_path):
    networks.mlp(2, 3, width=2, hidden_layers=1).save(tmp_path / "points.keras")
    with pytest.raises(ValueError, match="the feature network points.keras must take one batch of square images"):
        features.load(str(tmp_path / "points.keras"))


@pytest.fixture
def offline(monkeypatch, tmp_path):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))


def test_inception_without_network(offline, tmp_path):
    start = time.monotonic()
    with pytest.raises(RuntimeError) as told:
        features.load("inception")
    message = str(told.value)
    assert "Name or service not known" in message and "\n" not in message
    assert "Either run this where the network reaches TF-Hub" in message
    assert f"copy the folder here and set TFHUB_CACHE_DIR to it (now: {tmp_path})" in message
    assert "cifar10-cnn or digits-cnn" in message
    assert time.monotonic() - start < 120


def test_inception_does_not_wait_for_a_silent_server(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(inception, "URL", f"http://127.0.0.1:{server.getsockname()[1]}/inception/1")
        monkeypatch.setattr(inception, "PATIENCE", 0.5)
        monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
        monkeypatch.setenv("no_proxy", "*")
        start = time.monotonic()
        with pytest.raises(RuntimeError, match="could not be loaded.*timed out"):
            features.load("inception")
    assert time.monotonic() - start < 120
    assert socket.getdefaulttimeout() is None, "others wait as before"


def in_cache(cache):
    """Where tensorflow_hub looks for a module: the folder named by its address' SHA-1."""
    return cache / hashlib.sha1(inception.URL.encode()).hexdigest()


def test_damaged_inception(offline, tmp_path):
    in_cache(tmp_path).mkdir()
    (in_cache(tmp_path) / "saved_model.pb").write_bytes(b"torn")
    with pytest.raises(RuntimeError, match="Inception could not be loaded"):
        features.load("inception")


def test_inception_from_a_cache_directory(offline, tmp_path):
    class Tiny(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
        def __call__(self, images):
            return {"pool_3": images[:, :1, :1, :], "logits": tf.reduce_mean(images, axis=(1, 2))[:, :2]}

    tf.saved_model.save(Tiny(), str(in_cache(tmp_path)))
    network = features.load("inception")
    images = np.zeros((3, 5, 5, 3), "uint8")
    images[:, 0, 0] = [[0, 51, 255], [102, 153, 204], [1, 2, 3]]
    found, logits = network(images)
    # Images are in [-1, 1] when they reach the module, and (3, 1, 1, 3) from it becomes (3, 3).
    np.testing.assert_allclose(found, images[:, 0, 0] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(logits, images.mean(axis=(1, 2))[:, :2] / 127.5 - 1, atol=1e-6)
    grey, _ = network(images[..., :1])
    np.testing.assert_allclose(grey, np.repeat(images[:, 0, 0, :1], 3, axis=1) / 127.5 - 1, atol=1e-6)
    assert network.name == "inception" and "299x299" in network.rule


def test_names_are_those_that_load():
    assert set(features.NAMES) == {"inception", "cifar10-cnn", "digits-cnn", "FILE.keras"}
