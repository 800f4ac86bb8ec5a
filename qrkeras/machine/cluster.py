"""Which machines train together: what `TF_CONFIG` or Slurm say of them, one process, a worker, on each."""

import dataclasses
import json
import os
import re


class WorkerLost(RuntimeError):
    """Another worker is gone or never came: whoever starts this one starts all of them again.

    Attributes:
      status: exit status of the command. Kubernetes' training operator takes 128 and above for failures that pass, and
        every scheduler any but 0 for a failure.
    """

    status = 138


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Addresses `host:port` of all workers, and which of them this process is. Alone, none has an address."""

    workers: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def size(self):
        return len(self.workers)

    @property
    def first(self):
        """Whether this is the worker that writes."""
        return self.index == 0


ALONE = Cluster()


def found():
    """The cluster that the environment names; `ALONE` where it names one worker or none.

    `TF_CONFIG` comes first; then Slurm, within an `srun` of several tasks.

    Raises:
      ValueError: where the variables do not describe workers, of which this process is one.
    """
    if os.environ.get("TF_CONFIG"):
        return of_tf_config()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        return _of_slurm(os.environ)
    return ALONE


def of(strategy):
    """The cluster that a `tf.distribute.Strategy` trains on."""
    resolver = strategy.cluster_resolver
    jobs = {} if resolver is None else resolver.cluster_spec().as_dict()
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    if len(chiefs) + len(workers) < 2:
        return ALONE
    return Cluster((*chiefs, *workers), resolver.task_id + len(chiefs) * (resolver.task_type == "worker"))


def of_tf_config():
    """The cluster that `TF_CONFIG` names; `ALONE` where there is none."""
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        config = json.loads(text)
        jobs, task = config.get("cluster", {}), config.get("task", {})
        addresses = {job: [str(address) for address in jobs.get(job, ())] for job in jobs}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"TF_CONFIG must be JSON of a cluster and a task. Received: {text!r} ({error})") from None
    workers = (*addresses.get("chief", ()), *addresses.get("worker", ()))
    if len(workers) < 2 and not set(addresses) - {"chief", "worker"}:
        return ALONE
    place = f"{task.get('type')} {task.get('index')!r}"
    if set(addresses) - {"chief", "worker"} or task.get("type") not in addresses:
        raise ValueError(
            f"TF_CONFIG must name a chief, workers, or both, and which of them this process is. Received: "
            f"{', '.join(addresses)}, and {place} for this one. Leave parameter servers and evaluators out."
        )
    index = str(task.get("index"))
    if not index.isdecimal() or int(index) >= len(addresses[task["type"]]):
        count = len(addresses[task["type"]])
        raise ValueError(f"TF_CONFIG's task must be one of its {count} {task['type']}(s) from 0. Received: {place}")
    wrong = [address for address in workers if not re.fullmatch(r".+:\d+", address)]
    if wrong or len(set(workers)) < len(workers):
        raise ValueError(f"TF_CONFIG must give each worker a host:port of its own. Received: {', '.join(workers)}")
    return Cluster(workers, int(index) + (len(addresses.get("chief", ())) if task["type"] == "worker" else 0))


def _of_slurm(variables):
    """Worker i is task i of the step: hosts in Slurm's order, each with its tasks one after another."""
    try:
        hosts = _hosts(variables["SLURM_STEP_NODELIST"])
        tasks = _counts(variables["SLURM_STEP_TASKS_PER_NODE"])
        index, local = int(variables["SLURM_PROCID"]), int(variables["SLURM_LOCALID"])
        host = hosts[int(variables["SLURM_NODEID"])]
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f"Slurm's step must set SLURM_STEP_NODELIST, SLURM_STEP_TASKS_PER_NODE, SLURM_PROCID, SLURM_LOCALID and "
            f"SLURM_NODEID, as srun does. Received: {error!r}"
        ) from None
    first = int(variables.get("QRKERAS_CLUSTER_PORT", 12355))
    workers = tuple(f"{host}:{first + i}" for host, count in zip(hosts, tasks) for i in range(count))
    if index >= len(workers) or workers[index] != f"{host}:{first + local}":
        raise ValueError(
            f"Slurm's tasks must follow one another on each node. Received: task {index} of {len(workers)}, number "
            f"{local} on {host}. Give srun --distribution=block, or one task a node."
        )
    return Cluster(workers, index)


def _hosts(text):
    """`a[1-2,05],b` -> a1, a2, a05, b."""
    found = []
    for name in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        names = [""]
        for plain, ranges in re.findall(r"([^\[]+)|\[([^\]]*)\]", name):
            names = [before + after for before in names for after in ([plain] if plain else _numbers(ranges))]
        found += names
    return found


def _numbers(text):
    """`1-2,05` -> 1, 2, 05."""
    for part in text.split(","):
        low, _, high = part.partition("-")
        yield from (str(i).zfill(len(low)) for i in range(int(low), int(high or low) + 1))


def _counts(text):
    """`2(x3),1` -> 2, 2, 2, 1."""
    return [int(n) for n, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", text) for _ in range(int(times or 1))]
