"""Models for those who call Python: of a preset, to be trained, and of a run, trained."""

import types

from qrkeras import data, kinds, presets
from qrkeras.experiments import build, runs, stages
from qrkeras.experiments.train import load_model
from qrkeras.models import abilities


def from_preset(name, seed=0, shape=None):
    """The compiled model of a preset, not trained.

    Example:
      ```python
      model = qrkeras.from_preset("qrgan-digits", seed=0)
      model.fit(images, batch_size=64, epochs=10)
      ```

    Args:
      name: a preset, as `qrkeras presets` lists them, or a file of one: best.json of a sweep.
      seed: int, of weights and noise.
      shape: of the examples that it is to be trained on, such as `(32, 32, 3)`; None: of the preset's data, which are
        loaded only if their shape is not known without.
    Returns: a compiled `keras.Model` of `qrkeras.models`; if the preset starts from a run, with that run's weights.
      Weights that start from data start from the preset's, which are loaded; with a `shape`, call `initialize`.
    Raises:
      ValueError: if there is no such preset, its networks do not make examples of that shape, or the run that it starts
        from does not fit.
    """
    preset = presets.get(name)
    num_classes, own = None, shape is None
    if data.known_kind(preset.data.name) is kinds.CAPTIONED:  # whose words are the model's
        return build.model(preset, build.dataset(preset), seed)
    if preset.takes_labels:
        source = build.dataset(preset, labels=True)
        shape, num_classes = shape or source.shape, source.num_classes
    shape = shape or data.known_shape(preset.data.name, preset.data.image_size) or build.dataset(preset).shape
    source = types.SimpleNamespace(kind=kinds.of(shape), shape=tuple(shape), num_classes=num_classes)
    model = build.model(preset, source, seed)
    if own and abilities.can(model, abilities.StartsFromData):
        stages.initialize(model, build.dataset(preset, labels=preset.takes_labels), seed)
    stages.start(model, preset.start_from)
    return model


def from_run(path, best=False):
    """The newest model of a run directory, or the best that was evaluated during training.

    Args:
      path: the run directory.   best: take best.keras.
    Returns: a compiled `keras.Model` of `qrkeras.models`, which goes on training as if it had never stopped.
    Raises:
      ValueError: if `path` holds no run, or no model that can be read.
    """
    return load_model(runs.load(path), best)
