"""The manifest and the script of docs/cluster.md: read, and their commands given to the command line.

They have not met a cluster; what is checked is what can be without one.
"""

import json
import pathlib
import re
import shlex
import subprocess

import pytest

from qrkeras import cli, presets
from qrkeras.experiments import train
from qrkeras.machine import cluster, rendezvous

FOLDER = pathlib.Path(__file__).parents[2] / "cluster"
JOB = json.loads((FOLDER / "tfjob.json").read_text())
SCRIPT = (FOLDER / "slurm.sh").read_text()
WORKER = JOB["spec"]["tfReplicaSpecs"]["Worker"]
(CONTAINER,) = WORKER["template"]["spec"]["containers"]


def of_script():
    (line,) = (line for line in SCRIPT.splitlines() if line.startswith("srun "))
    words = shlex.split(line)
    return words[words.index("qrkeras") :]


@pytest.mark.parametrize(
    ("command", "replicas"),
    [
        (CONTAINER["command"], WORKER["replicas"] * CONTAINER["resources"]["limits"]["nvidia.com/gpu"]),
        (of_script(), 64),
    ],
)
def test_commands_are_those_of_the_code(command, replicas, monkeypatch):
    seen = []
    monkeypatch.setattr(train, "train", lambda name, preset, *rest, **options: seen.append((name, preset, options)))
    assert command[0] == "qrkeras"
    cli.main(command[1:])
    ((name, preset, options),) = seen
    assert name in presets.PRESETS and options == {"devices": "all"}
    assert preset.batch_size % replicas == 0


def test_the_manifest():
    assert (JOB["apiVersion"], JOB["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert CONTAINER["name"] == "tensorflow", "the operator sets TF_CONFIG in the container of this name"
    # 1 to 127 end the job, 128 and above restart a worker: bad input ends with 2.
    assert WORKER["restartPolicy"] == "ExitCode" and cluster.WorkerLost.status >= 128
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounted.keys() == {volume["name"] for volume in WORKER["template"]["spec"]["volumes"]}
    for option in ("--run-dir", "--data.directory"):
        path = CONTAINER["command"][CONTAINER["command"].index(option) + 1]
        assert path.startswith(tuple(mounted.values()))


def test_the_script():
    subprocess.run(["bash", "-n", FOLDER / "slurm.sh"], check=True)
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", SCRIPT, re.MULTILINE))
    assert int(asked["nodes"]) * int(asked["gpus-per-node"]) == 64 and asked["ntasks-per-node"] == "1"
    assert asked["signal"].startswith("TERM@")


def test_variables_are_those_that_the_code_reads():
    package = pathlib.Path(cluster.__file__).parents[1]
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    named = {each["name"] for each in CONTAINER["env"]} | set(re.findall(r"^export (\w+)=", SCRIPT, re.MULTILINE))
    ours = {name for name in named if name.startswith("QRKERAS_")}
    assert ours and all(name in code for name in ours)
    assert named - ours == {"NCCL_SOCKET_IFNAME"}
    assert rendezvous.PATIENCE == 600, "docs/cluster.md says so"
