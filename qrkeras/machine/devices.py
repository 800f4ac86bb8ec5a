"""What training runs on: one device, or several that train as replicas, of one machine or of many."""

import dataclasses
import functools
import signal

import tensorflow as tf

from qrkeras.machine import cluster as machines
from qrkeras.machine.cluster import ALONE, Cluster

_BEGIN = 60  # seconds that workers who have met may take to begin; one that dies in between is waited for so long


@dataclasses.dataclass(frozen=True)
class Devices:
    """Names of this machine's devices, `"GPU:0"`, ..., and the cluster whose machines all have as many."""

    names: tuple[str, ...]
    cluster: Cluster = ALONE

    @property
    def count(self):
        """Replicas, on all machines together."""
        return len(self.names) * self.cluster.size

    def __str__(self):
        names = ", ".join(self.names)
        return names if self.cluster == ALONE else f"{names} of each of {self.cluster.size} workers"


def choose(devices):
    """The `Devices` to train on: GPUs where there are any, else CPUs.

    Args:
      devices: how many of this machine, or "all": all that it has, together with those of the other machines that
        `TF_CONFIG` or Slurm name.
    Raises:
      ValueError: where there are not as many, or `TF_CONFIG` names several machines and not all are to train.
    """
    if devices == "all" and (cluster := machines.found()) != ALONE:
        gpus = len(tf.config.list_physical_devices("GPU"))  # logical ones would begin what the cluster has to configure
        return Devices(tuple(f"GPU:{i}" for i in range(gpus)) or ("CPU:0",), cluster)
    if machines.of_tf_config() != ALONE:
        raise ValueError(
            f'devices must be "all" where TF_CONFIG names several workers, which train together. Received: {devices!r}.'
            " Give --devices all, or unset TF_CONFIG."
        )
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = tuple(f"{kind}:{i}" for i in range(len(tf.config.list_logical_devices(kind))))
    if devices == "all":
        return Devices(found)
    if not isinstance(devices, int) or not 1 <= devices <= len(found):
        raise ValueError(
            f'devices must be "all" or a number from 1 to the {len(found)} {kind}(s) that TensorFlow finds here. '
            f"Received: {devices!r}"
        )
    return Devices(found[:devices])


@functools.cache
def strategy(devices):
    """The strategy that trains on `Devices`; more than one are replicas.

    It is the same object for the same devices: two `MirroredStrategy`s of a process number their reductions alike, and
    mistake those of one for those of the other. That of several machines must be made before TensorFlow computes
    anything, and returns when all of them have made theirs.
    """
    if devices.cluster != ALONE:
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(devices.cluster.workers)}),
            task_type="worker",
            task_id=devices.cluster.index,
            num_accelerators={"GPU": len(devices.names)} if devices.names[0].startswith("GPU") else {},
            rpc_layer="grpc",
        )
        signal.alarm(_BEGIN)  # ends this process: TensorFlow holds the interpreter while it waits
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # TensorFlow has taken it, to no purpose of ours
    return tf.distribute.MirroredStrategy(devices.names) if len(devices.names) > 1 else tf.distribute.get_strategy()
