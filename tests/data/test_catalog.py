import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from qrkeras.data import NAMES, load


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("grid-25", "grid25"),
        ("cifar", "cifar10"),
        ("digit", "digits"),
        ("lsun_bedroom", "lsun-bedroom"),
        ("imagenet", "imagenet32"),
        ("photos-patches", "photo-patches"),
    ],
)
def test_unknown_names_get_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"Received: '{name}'. Did you mean '{hint}'?") as error:
        load(name)
    assert all(known in str(error.value) for known in NAMES)


def test_incomplete_names_are_refused():
    for name in ("folder:", "tfds:", "xyz:abc", None):
        with pytest.raises(ValueError, match="name must be one of"):
            load(name)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="split must be 'train' or 'test'. Received: 'valid'"):
        load("ring8", split="valid")
    with pytest.raises(ValueError, match="image_size must be a positive integer or None. Received: 0"):
        load("digits", image_size=0)


def test_cats_come_from_a_folder(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=f"'cats' must lie in the folder {tmp_path}/cats"):
        load("cats", image_size=8, data_dir=tmp_path)
    (tmp_path / "cats").mkdir()
    for i in range(20):
        Image.fromarray(np.full((10, 12, 3), i, "uint8")).save(tmp_path / "cats" / f"{i}.png")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    cats = load("cats", image_size=8)
    assert (cats.name, cats.shape) == ("cats", (8, 8, 3))
    assert cats.size + load("cats", image_size=8, split="test").size == 20
    with pytest.raises(ValueError, match="labels must be False for 'cats'"):
        load("cats", image_size=8, labels=True)


def test_importing_data_leaves_tensorflow_alone():
    code = "import qrkeras.data, sys; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["cifar10", "cats", "tfds:mnist"])
def test_no_home_for_data(tmp_path, monkeypatch, name):
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match="data_dir must be given where there is no home.*--data.directory or TFDS_DATA_DIR"
    ):
        load(name)
    with pytest.raises(ValueError, match="must name an existing folder of images. Received: '~/images'"):
        load("folder:~/images")
    assert list(tmp_path.iterdir()) == []
