"""`.keras` files that bring code along: none of it runs, wherever such files are read."""

import json
import pathlib
import shutil
import zipfile

import keras
import pytest

import qrkeras
from qrkeras import features
from qrkeras.callbacks import checkpoint
from qrkeras.experiments import runs, train

# A program in a configuration: the layer that applies it, or the object that is made while the file is read.
LAMBDA = "the code of a function, in a Lambda layer"
TOUCH = {"args": ["touch", "{ran}"]}
OUTSIDE = {
    "a class of another module": {"module": "subprocess", "class_name": "Popen", "config": TOUCH},
    "a function of another module": {"module": "os", "class_name": "function", "config": "system"},
    "a builtin function": {"module": "builtins", "class_name": "function", "config": "exec"},
    "a name that is not registered": {"module": None, "class_name": "subprocess>Popen", "config": TOUCH},
}
KINDS = [LAMBDA, *OUTSIDE]


def hostile(path, kind):
    """Writes a model to `path` that makes the file `path`.ran if its code is run; returns that file."""
    ran = pathlib.Path(f"{path}.ran")
    layers = [keras.layers.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4, name="last")]
    code = eval(f"lambda x: __import__('pathlib').Path({str(ran)!r}).touch() or x")
    if kind == LAMBDA:
        layers.insert(2, keras.layers.Lambda(code, output_shape=(64,)))
    keras.Sequential(layers).save(path)
    ran.unlink(missing_ok=True)  # saving has run it
    if kind != LAMBDA:
        replaced = json.loads(json.dumps(OUTSIDE[kind]).replace("{ran}", str(ran)))
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        config["config"]["layers"][-1]["config"]["activation"] = replaced
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    return ran


def of_features(path, run):
    features.load(str(path))


def of_checkpoint(path, run):
    checkpoint.load(path)


def of_newest(path, run):
    for old in checkpoint.checkpoints(run / "checkpoints"):
        shutil.copy(path, old)
    with pytest.warns(UserWarning, match="cannot be read and is left out"):
        train.load_model(runs.load(run))


def of_best(path, run):
    shutil.copy(path, run / "best.keras")
    train.load_model(runs.load(run), best=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [of_features, of_checkpoint, of_newest, of_best])
def test_no_code_of_a_file_is_run(kind, read, tmp_path, images_run):
    run = shutil.copytree(images_run.path, tmp_path / "run")
    ran = hostile(tmp_path / "hostile.keras", kind)
    with pytest.raises((ValueError, TypeError)) as told:
        read(tmp_path / "hostile.keras", run)
    assert not ran.exists(), "its code has run"
    if read is not of_newest:  # which has warned of it, and tells that there is no other
        expected = "safe_mode|unsafe|Could not|not be|allowed|deserializ"
        assert any(word in str(told.value) for word in expected.split("|")), told.value


def test_the_hostile_file_would_run_outside_safe_mode(tmp_path):
    ran = hostile(tmp_path / "hostile.keras", LAMBDA)
    keras.saving.load_model(tmp_path / "hostile.keras", safe_mode=False)(keras.ops.zeros((1, 8, 8, 1)))
    assert ran.exists()


def test_nothing_in_the_package_leaves_safe_mode():
    words = "safe_mode", "unsafe_deserialization", "allow_pickle=True", "pickle.", "import pickle", "import marshal"
    for file in pathlib.Path(qrkeras.__file__).parent.rglob("*.py"):
        text = file.read_text()
        if file.name == "torch_file.py":  # its own Unpickler says what a file may name: tests/features
            text = text.replace("import pickle\n", "").replace("class _Unpickler(pickle.Unpickler):", "")
        for word in words:
            assert word not in text, (file, word)
