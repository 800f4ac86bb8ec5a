import json
import subprocess
import sys

import numpy as np
import pytest

from qrkeras import serving, train

# What a reader of an export has: TensorFlow alone, in a process of its own.
READER = """
import json, sys
import numpy as np, tensorflow as tf
out = {}
for kind, path in json.loads(sys.argv[1]).items():
    loaded = tf.saved_model.load(path)
    seeds = tf.constant(np.stack([np.full(6, 5), np.arange(6)], axis=1), "int32")
    sample = loaded.signatures["sample"]
    name, = sample.structured_outputs
    out[kind + " name"] = name
    out[kind] = sample(seed=seeds)[name].numpy().tolist()
    out[kind + " default"] = loaded.signatures["serving_default"](seed=seeds)[name].numpy().tolist()
    out[kind + " alone"] = [sample(seed=seeds[i : i + 1])[name].numpy()[0].tolist() for i in range(6)]
    out[kind + " reversed"] = sample(seed=seeds[::-1])[name].numpy()[::-1].tolist()
    out[kind + " signatures"] = sorted(loaded.signatures)
    out[kind + " inputs"] = str(sample.structured_input_signature)
    try:
        sample(seed=tf.zeros([3], "int32"))
        out[kind + " wrong rank"] = "accepted"
    except Exception as error:
        out[kind + " wrong rank"] = str(error)
out["modules"] = [name for name in sys.modules if name.startswith("qrkeras")]
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def models(points_run, images_run):
    return {"points": train.load_model(points_run), "images": train.load_model(images_run)}


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    base = tmp_path_factory.mktemp("export")
    for kind, model in models.items():
        assert serving.export_model(model, base / "made", kind) == base / "made" / kind / "1"
    return base / "made"


@pytest.fixture(scope="module")
def read(base, models):
    paths = json.dumps({kind: str(base / kind / "1") for kind in models})
    done = subprocess.run([sys.executable, "-c", READER, paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def close(one, other, kind):
    # Sums of products may be ordered by batch size: points differ in the last bits, pixels by a level at most.
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1 if kind == "images" else 1e-6)


@pytest.mark.parametrize("kind", ["points", "images"])
def test_plain_tensorflow_reads_it(read, models, kind):
    assert read["modules"] == [], "a reader needs no qrkeras"
    assert read[f"{kind} signatures"] == ["sample", "serving_default"]
    assert read[f"{kind} name"] == {"points": "samples", "images": "images"}[kind]
    assert "(None, 2)" in read[f"{kind} inputs"] and "'seed'" in read[f"{kind} inputs"]
    assert read[f"{kind} wrong rank"] != "accepted"


@pytest.mark.parametrize("kind", ["points", "images"])
def test_it_draws_what_the_model_draws(read, models, kind):
    expected = models[kind].sample(6, seed=5)
    assert expected.shape == {"points": (6, 2), "images": (6, 8, 8, 1)}[kind]
    assert len(np.unique(expected, axis=0)) > 1
    close(read[kind], expected, kind)
    close(read[f"{kind} default"], expected, kind)


@pytest.mark.parametrize("kind", ["points", "images"])
def test_a_row_does_not_depend_on_its_batch(read, kind):
    close(read[f"{kind} alone"], read[kind], kind)
    close(read[f"{kind} reversed"], read[kind], kind)


def test_only_versions_lie_in_the_folder(base):
    assert [path.name for path in (base / "points").iterdir()] == ["1"]


@pytest.fixture
def quick(monkeypatch):
    def write(model, path):
        path.mkdir()
        (path / "saved_model.pb").write_text("new")

    monkeypatch.setattr(serving, "_write", write)


def test_versions_count_up_and_are_never_overwritten(quick, tmp_path):
    export = [serving.export_model(None, tmp_path, "gan", version).name for version in (None, None, 7, None)]
    assert export == ["1", "2", "7", "8"]
    with pytest.raises(ValueError, match="version must be a free one. Received: 7"):
        serving.export_model(None, tmp_path, "gan", 7)
    with pytest.raises(ValueError, match="version must be a positive integer. Received: 0"):
        serving.export_model(None, tmp_path, "gan", 0)
    assert sorted(path.name for path in (tmp_path / "gan").iterdir()) == ["1", "2", "7", "8"]


def test_folders_that_are_no_versions_do_not_count(quick, tmp_path):
    for name in (".abc", "latest", "3.tmp"):
        (tmp_path / "gan" / name).mkdir(parents=True)
    assert serving.export_model(None, tmp_path, "gan").name == "1"


@pytest.mark.parametrize(
    "error, raised", [(OSError(28, "No space left on device"), ValueError), (TypeError("x"), TypeError)]
)
def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch, error, raised):
    def write(model, path):
        path.mkdir()
        raise error

    monkeypatch.setattr(serving, "_write", write)
    with pytest.raises(raised, match="No space left|x"):
        serving.export_model(None, tmp_path, "gan")
    assert list((tmp_path / "gan").iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="base_dir must be a folder that can be written. .*Not a directory"):
        serving.export_model(None, tmp_path / "file", "gan")
