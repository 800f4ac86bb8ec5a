"""Every class of model trained by plain `fit`, on as many workers as `TF_CONFIG` names.

    python -m tests.support.cluster_models FOLDER --steps 10 --models gan VAE [--precision mixed_bfloat16] [--each 2]

Each worker writes what it ends with as FOLDER/MODEL-WORKER.npz: all values of the model, its losses, one evaluation.
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from qrkeras.machine import devices


def trained(name, strategy, steps, batch_size=8):
    """Arrays by name: what the model called `name` ends with, trained on batches of the same data in `strategy`."""
    from tests.models import test_replicas as models  # which computes: the strategy must come first

    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = models.BUILDS[name]()
        for player in model.PLAYERS:  # ten steps of its own rate lead some astray, on one device too
            whole = model.optimizer_of(player)
            for optimizer in whole.optimizers if isinstance(whole, keras.optimizers.MultiOptimizer) else [whole]:
                optimizer.learning_rate *= 0.1
    losses = models.fit(model, name, steps, batch_size)
    found = {f"{i} {v.path}": keras.ops.convert_to_numpy(v) for i, v in enumerate(model._state)}
    evaluated = model.evaluate(models.data(name, batch_size).take(2), verbose=0, return_dict=True)
    found |= {f"loss {k}": np.asarray(v) for k, v in losses.items()}
    return found | {f"evaluated {k}": np.asarray(v) for k, v in evaluated.items()}


def several_cpus(count):
    """Gives this worker CPUs that stand for GPUs, of which TensorFlow takes all: of CPUs it takes one."""
    from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended as Extended

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    names = [f"device:CPU:{i}" for i in range(count)]
    Extended._initialize_local_devices = lambda self, resolver, worker: (tuple(f"{worker}/{n}" for n in names), "CPU")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--models", nargs="+", required=True, help="names in tests/models/test_replicas.py")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--each", type=int, default=1, help="devices of each worker")
    given = parser.parse_args()
    if given.each > 1:
        several_cpus(given.each)
    chosen = devices.choose("all")
    strategy = devices.strategy(chosen)
    keras.config.set_dtype_policy(given.precision)
    for name in given.models:
        found = trained(name, strategy, given.steps, given.batch_size)
        np.savez(given.folder / f"{name}-{chosen.cluster.index}.npz", **found)
        print(name, flush=True)


if __name__ == "__main__":
    main()
