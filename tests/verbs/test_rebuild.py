import numpy as np
import pytest

from qrkeras import cli, data, networks
from qrkeras.features import accuracy, shipped
from qrkeras.verbs import rebuild


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """One recipe, of seconds, in a package folder of its own."""
    recipe = shipped.Recipe("digits", 8, 1, 10, (8, 16), flip=False, epochs=4)
    monkeypatch.setattr(shipped, "RECIPES", {"tiny-cnn": recipe})
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    return tmp_path


def test_rebuild(tiny):
    (told,) = rebuild.rebuild("tiny-cnn", seed=1)
    path = tiny / "weights" / "tiny-cnn.npz"
    test = data.take(data.load("digits", split="test", labels=True))
    # What is said is true of the file that was written.
    reached = accuracy(shipped.load("tiny-cnn"), *test)
    begins = (
        f"{path}: accuracy {reached:.4f} on {len(test[0])} held-out images of digits, trained on 1,631 for 4 epochs"
    )
    assert told.startswith(begins) and told.endswith("seed 1") and reached > 0.3


def test_elsewhere(tiny, monkeypatch):
    untrained = networks.image_classifier(8, 1, 10, (8, 16))
    monkeypatch.setattr(shipped, "train", lambda *_: untrained)
    path = tiny / "new" / "mine.npz"
    (told,) = rebuild.rebuild("tiny-cnn", output=path)
    assert told.startswith(f"{path}: ") and not (tiny / "weights").exists()
    with np.load(path) as file:
        assert all(file[key].dtype == np.float16 for key in file.files)


@pytest.fixture
def refused(capsys, monkeypatch):
    def fit(*_):
        raise AssertionError("it must refuse before it trains")

    monkeypatch.setattr(shipped, "train", fit)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["rebuild", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert stopped.value.code == 2 and out == "" and err.count("\n") == 1
        return err

    return run


def test_unknown_name(refused):
    told = refused("cifar-cnn")
    assert told == "qrkeras rebuild: name must be one of cifar10-cnn, digits-cnn, scenes-cnn. Received: 'cifar-cnn'\n"


def test_output_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("")
    told = refused("digits-cnn", "--output", tmp_path / "file" / "mine.npz")
    assert told.startswith("qrkeras rebuild: output must be a file in a folder that can be written. Received: ")


def test_output_that_is_no_weights(refused, tmp_path):
    (tmp_path / "thesis.tex").write_text("words")
    assert "output must end in .npz" in refused("digits-cnn", "--output", tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "words"


def test_data_that_is_not_to_be_had(refused, tmp_path):
    assert "must name an existing folder" in refused("cifar10-cnn", "--data-dir", tmp_path / "nowhere")
