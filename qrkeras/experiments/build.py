"""Preset -> data, model, evaluator, callbacks, of whatever family."""

import contextlib
import dataclasses

import keras
import tensorflow as tf

from qrkeras import callbacks, data
from qrkeras.experiments import kinds
from qrkeras.models import replicas


def dataset(preset, split="train", labels=False):
    """The preset's data, `split` "train" or "test", as its model takes them, with class labels where asked.

    Raises:
      ValueError, RuntimeError: where it is unknown, empty, damaged, or not to be had.
    """
    named = preset.data
    found = data.load(named.name, image_size=named.image_size, split=split, data_dir=named.directory, labels=labels)
    return preset.given(found)


def model(preset, source, seed):
    """The preset's model, compiled, for the examples of `source`; every weight and all noise follow from `seed`.

    What its first weights start from, if anything, is left to `stages`. In the scope of several replicas it takes one
    step an execution, whatever the preset says: Keras cannot loop over steps of replicas.

    Raises:
      ValueError: where networks, data and objective do not fit each other, or a frozen part is none of the model's.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        preset = dataclasses.replace(preset, steps_per_execution=1)
    with _layers_in(preset.precision):
        built = preset.build(source, seed)
    built.freeze(*preset.frozen)
    return built


def batches(preset, source, seed, start_step, share=(0, 1)):
    """Endless batches from `start_step` on, each with all that one step takes.

    `share=(i, n)`: part i of n of each, on worker i of n.
    """
    if share == (0, 1):
        return source.batches(preset.examples_per_step, seed, start_step)
    return replicas.own_rows(source.batches(preset.examples_per_step, seed, start_step, share))


def evaluator(preset, source, split="train", verbose=1):
    """What measures what is generated after the preset, against its training and its held-out data.

    Args:
      source: the preset's training data.   split: "train" or "test": what all but the Frechet distances are taken
        against.   verbose: 1 shows progress bars where statistics of real data are computed.
    Raises:
      ValueError, RuntimeError: if such data are not evaluated, or the feature network is not to be had.
    """
    return kinds.of(source.kind).evaluator(preset, source, dataset(preset, "test"), split, verbose)


def reports(preset, source, run, evaluator=None):
    """What a training run reports and saves, in the order in which it must happen."""
    samples = []
    if preset.sample_every:
        samples = [kinds.of(source.kind).pictures_during(run, source, preset.sample_every)]
    evaluations = []
    if evaluator:
        evaluations = [
            callbacks.Evaluation(
                evaluator, run.metrics, run.best, run.evaluation, preset.evaluate_every, history=run.records()
            )
        ]
    return [
        callbacks.Log(run.metrics, run.tensorboard, preset.log_every),
        *samples,
        callbacks.Checkpoint(run.checkpoints, preset.checkpoint_every),
        *evaluations,  # may take minutes, and is made up for where it was cut short
    ]


@contextlib.contextmanager
def _layers_in(precision):
    """Layers that are made here compute in `precision`: a policy of the outer model would not reach them."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
