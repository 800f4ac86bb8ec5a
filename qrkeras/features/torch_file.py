"""Weights in files of torch's first format, read without torch."""

import collections
import pickle
from typing import NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _View(NamedTuple):
    """A tensor: elements of a storage, from `offset` on, at `strides`."""

    storage: str
    offset: int
    shape: tuple
    strides: tuple


def load(path):
    """Tensors of a `state_dict` that torch saved before its version 1.6: name -> array.

    The file holds pickles, which here may name dictionaries and tensors and nothing else, so that reading runs no code:
    a magic number, a version, sizes of types, the tensors, the order of storages; then the storages, each its length in
    8 bytes and its elements. The order of elements is that of a tensor's strides, which need not be rows first.

    Raises:
      ValueError: where the file is missing, damaged or something else.
    """
    try:
        with open(path, "rb") as file:
            if _Unpickler(file).load() != MAGIC:
                raise ValueError("it begins otherwise")
            for _ in ("version", "sizes of types"):
                _Unpickler(file).load()
            tensors = _Unpickler(file)
            views = tensors.load()
            order = _Unpickler(file).load()
            storages = {key: _storage(file, tensors.dtypes[key]) for key in order}
        return {name: _strided(storages[view.storage], view) for name, view in views.items()}
    except Exception as error:  # a damaged pickle fails in as many ways as there are words in it
        raise ValueError(
            f"path must name weights in torch's format before version 1.6. Received: {path} "
            f"({type(error).__name__}: {error})"
        ) from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.dtypes = {}  # of storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *of_training: _View(storage, offset, shape, strides)
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise ValueError(f"it names {module}.{name}")

    def persistent_load(self, storage):
        _, dtype, key, *_ = storage
        self.dtypes[key] = dtype
        return key


def _storage(file, dtype):
    count = int(np.frombuffer(file.read(8), "<i8")[0])
    return np.frombuffer(file.read(count * dtype.itemsize), dtype, count)


def _strided(storage, view):
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    if min(view.offset, *view.strides, 0) < 0 or last >= len(storage):
        raise ValueError("a tensor is larger than what is there of it")
    strides = [stride * storage.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()
