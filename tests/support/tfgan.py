"""TF-GAN's classifier metrics, past its package's `__init__`.

TF-GAN 2.1.0 does not import under TensorFlow 2.16 and later: its `__init__` loads estimators, and reaches for
`tf.estimator`, which is gone. `classifier_metrics` itself works. While it is imported, empty packages with the
right paths stand in for its parents; then whatever stood there before is put back.
"""

import functools
import importlib
import importlib.util
import pathlib
import sys
import types

PARENTS = ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.eval")


@functools.cache
def classifier_metrics():
    """Returns: the module `tensorflow_gan.python.eval.classifier_metrics`, the same at every call."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == PARENTS[0]}
    try:
        # Of a top-level package this only looks for the file.
        spec = importlib.util.find_spec(PARENTS[0])
        if spec is None:
            raise ImportError("tensorflow_gan is not installed: pip install 'tensorflow-gan>=2.1'", name=PARENTS[0])
        root = pathlib.Path(spec.submodule_search_locations[0])
        for name in PARENTS:
            stand_in = types.ModuleType(name)
            stand_in.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
            sys.modules[name] = stand_in
        return importlib.import_module("tensorflow_gan.python.eval.classifier_metrics")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == PARENTS[0]]:
            del sys.modules[name]
        sys.modules.update(before)
