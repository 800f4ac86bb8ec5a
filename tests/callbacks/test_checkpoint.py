import os
import pathlib
import zipfile

import keras
import numpy as np
import pytest

from qrkeras.callbacks import Checkpoint, checkpoints, load_latest


def model(value=1.0):
    built = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="layer")])
    built.layers[0].kernel.assign([[value]])
    return built


def save(directory, step, value=1.0):
    checkpoint = Checkpoint(directory, every=1)
    checkpoint.set_model(model(value))
    checkpoint.at_step(step, {})


def test_the_last_two_are_kept(tmp_path):
    # 9, 10 and 100: order is that of numbers, not of letters.
    for step in (9, 10, 100):
        save(tmp_path, step)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000100.keras", "step-00000010.keras"]
    assert len(list(tmp_path.iterdir())) == 2


def test_the_newest_is_loaded(tmp_path):
    save(tmp_path, 1, 3.0)
    save(tmp_path, 2, 4.0)
    assert float(load_latest(tmp_path).layers[0].kernel[0, 0]) == 4.0


def test_none_in_an_empty_folder(tmp_path):
    assert load_latest(tmp_path) is None


def test_a_torn_one_is_left_out_with_a_warning(tmp_path):
    save(tmp_path, 1, 3.0)
    (tmp_path / "step-00000002.keras").write_bytes(b"PK torn")
    with pytest.warns(UserWarning, match="step-00000002.keras cannot be read and is left out"):
        assert float(load_latest(tmp_path).layers[0].kernel[0, 0]) == 3.0


@pytest.mark.parametrize("member", ["model.weights.h5", "config.json"])
def test_a_flipped_bit_is_found_by_its_checksum(tmp_path, member):
    save(tmp_path, 1, 3.0)
    save(tmp_path, 2, 4.0)
    newest = tmp_path / "step-00000002.keras"
    content = bytearray(newest.read_bytes())
    with zipfile.ZipFile(newest) as archive:
        stored = archive.read(member)
    # A weight, and a letter of a name: both leave a file that HDF5 or JSON can read.
    wanted = np.float32(4.0).tobytes() if member.endswith("h5") else b"keras"
    place = content.index(stored) + stored.index(wanted)
    content[place + 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=f"step-00000002.keras .*{member} in it does not match its checksum"):
        assert float(load_latest(tmp_path).layers[0].kernel[0, 0]) == 3.0


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr("os.fsync", lambda file: done.append(os.readlink(f"/proc/self/fd/{file}")))
    monkeypatch.setattr("os.replace", lambda a, b: done.append("renamed") or pathlib.Path(a).rename(b))
    save(tmp_path, 1)
    assert done == [str(tmp_path / "tmp.keras"), "renamed", str(tmp_path)]


@pytest.mark.filterwarnings("ignore:.*cannot be read")
def test_only_torn_ones_are_an_error(tmp_path):
    (tmp_path / "step-00000002.keras").write_bytes(b"")
    with pytest.raises(ValueError, match="none of 1 can.*Put back a good copy or begin a new run directory"):
        load_latest(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved(tmp_path, value):
    save(tmp_path, 1)
    with pytest.raises(FloatingPointError, match="the weights .*kernel are not finite at step 2"):
        save(tmp_path, 2, value)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.keras"]


def test_what_was_left_by_a_killed_save_goes(tmp_path):
    (tmp_path / "tmp.keras").write_bytes(b"half")
    save(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.keras"]
