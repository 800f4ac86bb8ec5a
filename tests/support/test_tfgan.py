import subprocess
import sys

import pytest

from tests.support.tfgan import classifier_metrics


def run(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_the_module_and_nothing_else():
    found = classifier_metrics()
    assert found.__name__ == "tensorflow_gan.python.eval.classifier_metrics"
    assert callable(found.frechet_classifier_distance_from_activations)
    assert classifier_metrics() is found


def test_the_package_is_left_as_it_was():
    # Its own import fails after ours as it does alone: on `tf.estimator`, which is gone.
    own = "\ntry:\n    import tensorflow_gan\n    print('works')\nexcept Exception as error:\n    print(repr(error))\n"
    ours = "from tests.support.tfgan import classifier_metrics\nclassifier_metrics()\n"
    left = "import sys\nassert not [name for name in sys.modules if name.startswith('tensorflow_gan')]\n"
    assert "estimator" in run(ours + left + own)


def test_what_stood_there_before_is_put_back(monkeypatch):
    before = object()
    monkeypatch.setitem(sys.modules, "tensorflow_gan", before)
    assert classifier_metrics.__wrapped__().kernel_classifier_distance
    assert sys.modules["tensorflow_gan"] is before
    assert "tensorflow_gan.python" not in sys.modules


def test_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="tensorflow_gan is not installed: pip install 'tensorflow-gan"):
        classifier_metrics.__wrapped__()
