"""What training runs on: one device, or several that train as replicas."""

import functools
import json
import os

import tensorflow as tf


def choose(devices):
    """Names of the devices to train on: GPUs where there are any, else CPUs.

    Args:
      devices: how many, or "all".
    Returns: tuple of `"GPU:0"`, ...
    Raises:
      ValueError: where there are not as many, or `TF_CONFIG` asks for several machines.
    """
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {}).get("worker", [])
    if len(workers) > 1:
        raise ValueError(
            f"TF_CONFIG must be unset or name one worker: training runs on the devices of one machine. Received: "
            f"{len(workers)} workers. docs/results/training.md says what several would take."
        )
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = tuple(f"{kind}:{i}" for i in range(len(tf.config.list_logical_devices(kind))))
    if devices == "all":
        return found
    if not isinstance(devices, int) or not 1 <= devices <= len(found):
        raise ValueError(
            f'devices must be "all" or a number from 1 to the {len(found)} {kind}(s) that TensorFlow finds here. '
            f"Received: {devices!r}"
        )
    return found[:devices]


@functools.cache
def strategy(names):
    """The strategy that trains on the devices of these names, a tuple; more than one are replicas.

    It is the same object for the same names: two `MirroredStrategy`s of a process number their reductions alike, and
    mistake those of one for those of the other.
    """
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()
