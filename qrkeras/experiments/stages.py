"""First weights that come from elsewhere than the seed: from the data, and of stages from a run.

What a stage does not train is `frozen` in its preset: `experiments.build.model` sees to that.
"""

import itertools

import keras

from qrkeras import callbacks
from qrkeras.experiments import runs
from qrkeras.models import abilities

STARTS_FROM = 128  # images


def initialize(model, source, seed):
    """Starts the weights of a new model from the first images of its training, if it has such weights.

    Args: source: training data, with labels where the model takes them.   seed: int, of their order.
    """
    if abilities.can(model, abilities.StartsFromData):
        first = next(iter(source.batches(min(STARTS_FROM, source.size), seed)))
        model.initialize(*(part.numpy() for part in keras.tree.flatten(first)))


def start(model, path):
    """Gives `model` the weights of the newest model of a run, part by part as they have the same name.

    Handed on are weights, batch normalisation's statistics, averages (those of the run, or where it has none the
    weights themselves) and weights of the model itself, such as a VAE's scales. Optimizers, steps and noise begin anew.

    Args:
      model: a new `GenerativeModel`.   path: run directory, or None: nothing is handed on.
    Returns: what was, in words, such as "encoder, decoder from runs/x at step 4,000"; None where nothing was.
    Raises:
      ValueError: before a weight is assigned, where there is no run with a model that can be read, no part has the same
        name, or one that has is of other shapes.
    """
    if path is None:
        return None
    given = _newest(path)
    if not model.parts.keys() & given.parts.keys():
        raise ValueError(
            f"start_from must be a run whose model has one of the parts {', '.join(model.parts)}. Received: {path}, "
            f"a {type(given).__name__} of {', '.join(given.parts)}"
        )
    old, new = _weights(given), _weights(model)
    shared = [name for name in new if name in old]
    for name in shared:
        _check_alike(name, old[name], new[name], path)
    averages = {network: average for average, network in given.AVERAGES.items()}
    for average, network in model.AVERAGES.items():
        if network in shared:
            _assign(getattr(given, averages.get(network, network)).weights, getattr(model, average).weights)
    for name in shared:
        _assign(old[name], new[name])
    return f"{', '.join(shared)} from {path} at step {given.step:,}"


def _newest(path):
    try:
        model = callbacks.load_latest(runs.load(path).checkpoints)
    except ValueError as error:
        raise ValueError(f"start_from must be a run directory with a checkpoint. Received: {path} ({error})") from error
    if model is None:
        raise ValueError(
            f"start_from must be a run directory with a checkpoint. Received: {path}, which has none. Train it first."
        )
    return model


def _weights(model):
    """Name -> weights: those of each part, and each one that the model itself learns."""
    weights = {name: part.weights for name, part in model.parts.items()}
    of_parts = {id(weight) for part in weights.values() for weight in part}
    return {**weights, **{w.name: [w] for w in model.trainable_weights if id(w) not in of_parts}}


def _check_alike(name, old, new, path):
    for there, now in itertools.zip_longest(old, new):
        told, wanted = ("nothing" if w is None else f"{w.name} {tuple(w.shape)}" for w in (there, now))
        if told != wanted:
            raise ValueError(
                f"start_from must be a run whose {name} has the architecture of this {name}. Received: {path}, where "
                f"they first differ in {told} there, {wanted} now. Give both the same options, or start from another."
            )


def _assign(old, new):
    for source, weight in zip(old, new, strict=True):
        weight.assign(source)
