import json
import shutil

import numpy as np
import pytest
from PIL import Image

from qrkeras.data import fingerprint, load


@pytest.fixture
def images(tmp_path):
    """20 files of noise, in a folder and one below it."""
    rng = np.random.default_rng(0)
    (tmp_path / "images" / "deep").mkdir(parents=True)
    for i in range(20):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype="uint8")
        Image.fromarray(pixels).save(tmp_path / "images" / ("deep" if i % 2 else "") / f"{i:02}.bmp")
    return tmp_path / "images"


def of(folder, **options):
    return load(f"folder:{folder}", **options).fingerprint()


def test_the_same_wherever_they_lie_and_however_they_are_read(images, tmp_path):
    found = of(images)
    assert found["files"] == 20 == len(found["each"]) and "deep/01.bmp" in found["each"]
    assert found["bytes"] == sum(file.stat().st_size for file in images.rglob("*.bmp"))
    assert json.loads(json.dumps(found)) == found
    shutil.copytree(images, tmp_path / "moved", copy_function=shutil.copyfile)  # with new times
    (tmp_path / "moved" / "notes.txt").write_text("")
    assert of(tmp_path / "moved") == of(images, split="test") == of(images, image_size=4) == found


def replace(images):  # a file of the same size
    content = bytearray((images / "04.bmp").read_bytes())
    content[-1] ^= 1
    (images / "04.bmp").write_bytes(content)


def exchange(images):  # the same contents under other names
    (images / "00.bmp").rename(images / "x")
    (images / "02.bmp").rename(images / "00.bmp")
    (images / "x").rename(images / "02.bmp")


def rename(images):
    (images / "00.bmp").rename(images / "99.bmp")


def take_away(images):
    (images / "00.bmp").unlink()


@pytest.mark.parametrize("listed", [1_000, 5])
@pytest.mark.parametrize("change", [replace, exchange, rename, take_away])
def test_every_change_is_seen(images, monkeypatch, change, listed):
    monkeypatch.setattr(fingerprint, "LISTED", listed)
    before = of(images)
    assert ("each" in before) == (listed == 1_000)
    change(images)
    assert of(images)["digest"] != before["digest"]


def test_no_more_is_read_than_a_bound(images, monkeypatch):
    each = 54 + 8 * 24  # bytes of a file
    monkeypatch.setattr(fingerprint, "READ", 5 * each)
    hashed = [name for name, part in of(images)["each"].items() if " " in part]
    assert len(hashed) == 5 and hashed != sorted(of(images)["each"])[:5], "spread over the names"
    monkeypatch.setattr(fingerprint, "READ", 0)
    before = of(images)
    replace(images)
    assert of(images) == before
    take_away(images)
    assert of(images) != before


@pytest.mark.parametrize("name", ["ring8", "digits", "photo-patches"])
def test_data_that_cannot_change_has_none(name):
    assert load(name).fingerprint() is None
