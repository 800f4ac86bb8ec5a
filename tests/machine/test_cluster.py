"""Who trains together, read from the environment."""

import json

import pytest

from qrkeras.machine import cluster
from qrkeras.machine.cluster import ALONE, Cluster


@pytest.fixture
def environment(monkeypatch):
    """Sets variables, and takes those of other clusters away."""

    def set_to(**variables):
        for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    set_to()
    return set_to


def tf_config(jobs, kind, index):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


def slurm(nodes, counts, task, local, node):
    return {
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": counts,
        "SLURM_PROCID": str(task),
        "SLURM_LOCALID": str(local),
        "SLURM_NODEID": str(node),
    }


def test_one_worker_or_none_is_alone(environment):
    assert cluster.found() == ALONE and ALONE.first and ALONE.size == 1
    environment(TF_CONFIG=tf_config({"worker": ["a:1"]}, "worker", 0))
    assert cluster.found() == ALONE
    environment(SLURM_STEP_NUM_TASKS="1")
    assert cluster.found() == ALONE


def test_workers_of_tf_config(environment):
    environment(TF_CONFIG=tf_config({"worker": ["a:1", "b:1"]}, "worker", 1))
    assert cluster.found() == Cluster(("a:1", "b:1"), 1)
    # Vertex AI and TFJob may have a chief, who is worker 0.
    jobs = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}
    environment(TF_CONFIG=tf_config(jobs, "worker", "1"))
    assert cluster.found() == Cluster(("c:1", "a:1", "b:1"), 2)
    environment(TF_CONFIG=tf_config(jobs, "chief", 0))
    assert cluster.found().first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "TF_CONFIG must be JSON of a cluster and a task. Received: '{'"),
        ("[]", "TF_CONFIG must be JSON"),
        (tf_config({"worker": ["a:1", "b:1"]}, "worker", 2), "task must be one of its 2 worker.s. from 0.*worker 2"),
        (tf_config({"worker": ["a:1", "b:1"]}, "worker", None), "task must be one of its 2"),
        (tf_config({"worker": ["a:1", "b:1"]}, "evaluator", 0), "must name a chief, workers.*evaluator 0"),
        (tf_config({"worker": ["a:1"], "ps": ["b:1"]}, "worker", 0), "must name a chief.*worker, ps.*Leave parameter"),
        (tf_config({"worker": ["a", "b:1"]}, "worker", 0), "host:port of its own. Received: a, b:1"),
        (tf_config({"worker": ["a:1", "a:1"]}, "worker", 0), "host:port of its own"),
    ],
)
def test_tf_config_that_names_no_cluster(environment, text, expected):
    environment(TF_CONFIG=text)
    with pytest.raises(ValueError, match=expected):
        cluster.found()


def test_workers_of_slurm(environment):
    # Slurm's order of hosts, which n10 before n9 would not be.
    environment(**slurm("n[9-10]", "2,1", task=2, local=0, node=1))
    assert cluster.found() == Cluster(("n9:12355", "n9:12356", "n10:12355"), 2)
    environment(**slurm("a[08-09,11],b,r[1-2]c[3-4]", "1(x8)", task=5, local=0, node=5), QRKERAS_CLUSTER_PORT="7")
    hosts = ["a08", "a09", "a11", "b", "r1c3", "r1c4", "r2c3", "r2c4"]
    assert cluster.found() == Cluster(tuple(f"{host}:7" for host in hosts), 5)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (slurm("n[1-2]", "2,1", task=1, local=0, node=1), "follow one another on each node.*--distribution=block"),
        (slurm("n[1-2]", "1(x2)", task=1, local=0, node=2), "SLURM_STEP_NODELIST.*Received: IndexError"),
        ({"SLURM_STEP_NUM_TASKS": "2"}, "Slurm's step must set"),
    ],
)
def test_slurm_that_cannot_be_understood(environment, variables, expected):
    environment(**variables)
    with pytest.raises(ValueError, match=expected):
        cluster.found()
