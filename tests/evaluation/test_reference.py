import dataclasses
import math
import os
import pwd
import sys
import warnings

import numpy as np
import pytest

from qrkeras import data, metrics
from qrkeras.evaluation import reference
from qrkeras.features import FeatureNetwork

module = sys.modules[reference.__module__]


class Counted:
    """Features of an image: its first pixels, as floats; logits: the first three of them. Counts its calls."""

    def __init__(self, dim=4, has_logits=True):
        self.calls = 0
        self.seen = []
        self.dim = dim
        self.has_logits = has_logits

    def __call__(self, images):
        self.calls += 1
        self.seen.append(len(images))
        found = images.reshape(len(images), -1)[:, : self.dim].astype("float32")
        return found, found[:, :3] / 100 if self.has_logits else None


def network(run=None, **changes):
    fields = {"name": "counted", "fingerprint": "f00d", "rule": "as they are", "channels": 1, "run": run or Counted()}
    return FeatureNetwork(**{**fields, **changes})


def pixels(n=250, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 1), "uint8")


def source(n=250, seed=0, name="mine"):
    return data.from_arrays(pixels(n, seed), name)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QRKERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "reference"


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def assert_same(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "moments":
            assert a.count == b.count
            np.testing.assert_array_equal(a.mean, b.mean)
            np.testing.assert_array_equal(a.covariance, b.covariance)
        else:
            np.testing.assert_equal(a, b)


def test_what_it_holds():
    found = reference(source(), "train", network(), verbose=0)
    features = pixels().reshape(250, 16)[:, :4].astype("float32")
    assert (found.data, found.split, found.count) == ("mine", "train", 250)
    np.testing.assert_array_equal(found.features, features)
    assert found.features.dtype == np.float32
    np.testing.assert_allclose(found.moments.mean, features.mean(axis=0, dtype="float64"), rtol=1e-12)
    np.testing.assert_allclose(found.moments.covariance, np.cov(features.T), rtol=1e-9)
    score = metrics.inception_score(features[:, :3] / 100)
    assert found.inception_score.mean == pytest.approx(score.mean)
    assert found.inception_score.std == pytest.approx(score.std)


def test_a_second_time_nothing_is_computed(folder):
    run = Counted()
    first = reference(source(), "train", network(run), verbose=0)
    assert run.seen == [100, 100, 50]
    second = reference(source(), "train", network(run), verbose=0)
    assert run.calls == 3
    assert_same(first, second)
    (kept,) = folder.iterdir()
    assert kept.name.startswith("mine-train-counted-") and kept.suffix == ".npz"


def test_without_logits(folder):
    for _ in range(2):
        found = reference(source(), "train", network(Counted(has_logits=False)), verbose=0)
        assert math.isnan(found.inception_score.mean) and math.isnan(found.inception_score.std)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"source": source(seed=1)},
        {"source": source(n=249)},
        {"source": source(name="other")},
        {"source": data.from_arrays(pixels().reshape(250, 2, 8, 1), "mine")},
        {"split": "test"},
        {"network": {"fingerprint": "beef"}},
        {"network": {"name": "other"}},
        {"network": {"rule": "bilinear to 8x8"}},
        {"images": 100},
    ],
)
def test_key(folder, change):
    run = Counted()
    reference(source(), "train", network(run), verbose=0)
    calls = run.calls
    changed = change.get("source", source()), change.get("split", "train"), network(run, **change.get("network", {}))
    reference(*changed, change.get("images", 50_000), verbose=0)
    assert run.calls > calls and len(list(folder.iterdir())) == 2
    reference(source(), "train", network(run), verbose=0)
    assert len(list(folder.iterdir())) == 2


def test_one_other_pixel_is_other_data():
    images = pixels()
    images[249, 3, 3, 0] ^= 1
    run = Counted()
    reference(source(), "train", network(run), verbose=0)
    reference(data.from_arrays(images, "mine"), "train", network(run), verbose=0)
    assert run.calls == 6


def test_names_that_are_no_file_names(folder):
    reference(source(name="folder:/a b/../ü*" + 300 * "x"), "train", network(), verbose=0)
    (kept,) = folder.iterdir()
    assert len(kept.name) < 150


def rebuilt(path, content):
    """What comes of a cache file with this content, whether it warned, and whether it is whole again."""
    path.write_bytes(content)
    run = Counted()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = reference(source(), "train", network(run), verbose=0)
    assert all("is damaged" in str(w.message) and "made anew" in str(w.message) for w in told)
    assert run.calls == (3 if told else 0)
    reference(source(), "train", network(run), verbose=0)
    assert run.calls == (3 if told else 0), "whole again"
    assert len(list(path.parent.iterdir())) == 1
    return found, bool(told)


def test_torn_file(folder):
    first = reference(source(), "train", network(), verbose=0)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for content in (b"", b"PK", whole[:100], whole[: len(whole) // 2], whole[:-1], whole[: len(whole) // 2] * 2):
        found, warned = rebuilt(path, content)
        assert warned
        assert_same(found, first)


def test_flipped_bits(folder):
    first = reference(source(), "train", network(), verbose=0)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    noticed = 0
    for place in np.random.default_rng(0).integers(0, len(whole), 20):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        found, warned = rebuilt(path, bytes(flipped))
        assert_same(found, first)  # a flip in the archive's dates does no harm
        noticed += warned
    assert noticed > 10


def test_numbers_that_do_not_fit_their_checksum(folder):
    first = reference(source(), "train", network(), verbose=0)
    (path,) = folder.iterdir()
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    arrays["mean"] = arrays["mean"] + 1e-9
    np.savez(path, **arrays)  # a sound archive of other numbers
    found, warned = rebuilt(path, path.read_bytes())
    assert warned
    assert_same(found, first)


def test_another_archive_is_damaged(folder):
    reference(source(), "train", network(), verbose=0)
    (path,) = folder.iterdir()
    np.savez(path, features=np.zeros(3))
    assert rebuilt(path, path.read_bytes())[1]


def test_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QRKERAS_CACHE", str(tmp_path / "file" / "below"))
    run = Counted()
    for time in (1, 2):
        with pytest.warns(UserWarning) as told:
            found = reference(source(), "train", network(run), verbose=0)
        (one,) = told
        assert "cannot be kept" in str(one.message) and "Set QRKERAS_CACHE" in str(one.message)
        assert found.count == 250 and run.calls == 3 * time


@pytest.mark.parametrize("place", ["np.savez", "os.replace"])
def test_failed_write_leaves_no_file(folder, monkeypatch, place):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"np.savez": (np, "savez"), "os.replace": (os, "replace")}[place], full)
    with pytest.warns(UserWarning, match="cannot be kept in .*No space left on device"):
        assert reference(source(), "train", network(), verbose=0).count == 250
    assert list(folder.iterdir()) == []


def test_interrupted_write_leaves_no_file(folder, monkeypatch):
    def interrupt(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        reference(source(), "train", network(), verbose=0)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("cache", [None, "~/mine", "file/below"])
def test_no_folder_is_said_once_and_nothing_is_made(tmp_path, monkeypatch, cache):
    """No HOME, and a user whom the system does not know."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("QRKERAS_CACHE") if cache is None else monkeypatch.setenv("QRKERAS_CACHE", cache)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        assert reference(source(), "train", network(), verbose=0).count == 250
        assert reference(source(), "test", network(), verbose=0).count == 250
    (one,) = told
    assert "cannot be kept" in str(one.message) and "Set QRKERAS_CACHE" in str(one.message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_home_folder_where_nothing_else_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("QRKERAS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    reference(source(), "train", network(), verbose=0)
    assert len(list((tmp_path / ".cache" / "qrkeras" / "reference").iterdir())) == 1


def test_kept_rows_spread_evenly(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 10)
    monkeypatch.setattr(module, "BATCH_SIZE", 7)
    images = np.broadcast_to(np.arange(25, dtype="uint8")[:, None, None, None], (25, 4, 4, 1))
    found = reference(data.from_arrays(images), "train", network(), verbose=0)
    # (i + 1) * 10 / 25 = 0.4 (i + 1) passes an integer at i = 2 (1.2), 4 (2.0), 7 (3.2), 9 (4.0), and so on.
    np.testing.assert_array_equal(found.features[:, 0], [2, 4, 7, 9, 12, 14, 17, 19, 22, 24])
    assert found.moments.count == 25 and found.moments.mean[0] == pytest.approx(12)


def test_large_data_is_drawn_not_cut_off(monkeypatch):
    monkeypatch.setattr(module, "BATCH_SIZE", 16)
    # Sorted: the first 40 would be below 40.
    images = np.broadcast_to(np.arange(200, dtype="uint8")[:, None, None, None], (200, 4, 4, 1))
    run = Counted()
    found = reference(data.from_arrays(images), "train", network(run), 40, verbose=0)
    assert found.count == found.moments.count == len(found.features) == 40
    assert run.seen == [16, 16, 8]
    values = found.features[:, 0]
    assert len(set(values)) == 40 and values.min() < 40 and values.max() > 160
    monkeypatch.setenv("QRKERAS_CACHE", os.environ["QRKERAS_CACHE"] + "-again")
    assert_same(reference(data.from_arrays(images), "train", network(), 40, verbose=0), found)


def test_too_few_images():
    with pytest.raises(ValueError, match="the test images of 'mine' must be at least 4 .*Received: 3. Add images"):
        reference(source(3), "test", network(), verbose=0)
    few, enough = (reference(source(n), "test", network(), verbose=0) for n in (9, 10))
    assert (few.count, enough.count) == (9, 10)
    assert math.isnan(few.inception_score.mean) and enough.inception_score.mean >= 1, "of ten splits"
    with pytest.raises(ValueError, match="evaluate_references must be at least 10 .*Received: 9"):
        reference(source(), "test", network(), 9, verbose=0)


def test_features_that_are_not_finite_are_named_and_not_kept(folder):
    def broken(images):
        found = np.ones((len(images), 2), "float32")
        if len(images) == 50:
            found[7] = np.nan
        return found, None

    with pytest.raises(ValueError, match="features of batch 3 must be finite. Received: NaN in 1 of 50 rows.*row 7"):
        reference(source(), "train", network(broken), verbose=0)
    assert not folder.exists()
