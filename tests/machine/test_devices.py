"""Which devices are chosen, and training on two of them from the command line's function."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import cli
from qrkeras.experiments import train
from qrkeras.experiments.runs import load
from qrkeras.machine import devices

pytestmark = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="asks for logical CPUs, which a GPU comes before"
)


def test_choose():
    assert devices.choose(1).names == ("CPU:0",)
    assert devices.choose(2) == devices.choose("all") == devices.Devices(("CPU:0", "CPU:1"))
    assert devices.choose(2).count == 2 and str(devices.choose(2)) == "CPU:0, CPU:1"


@pytest.mark.parametrize("number", [0, 3, -1, "both", 1.5])
def test_choose_refuses(number):
    with pytest.raises(ValueError, match=r'devices must be "all" or a number from 1 to the 2 CPU\(s\).*Received'):
        devices.choose(number)


def test_all_devices_are_those_of_all_machines(monkeypatch):
    config = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.choose(1).names == ("CPU:0",) and devices.choose("all").count == 2
    config["cluster"]["worker"].append("b:1")
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    both = devices.choose("all")
    assert both.count == 2 and both.names == ("CPU:0",) and str(both) == "CPU:0 of each of 2 workers"
    with pytest.raises(ValueError, match='devices must be "all" where TF_CONFIG names several workers.*Received: 1'):
        devices.choose(1)


def test_one_strategy_a_process():
    assert devices.strategy(devices.choose(2)) is devices.strategy(devices.choose(2))
    assert devices.strategy(devices.choose(1)) is tf.distribute.get_strategy()


def values(run):
    model = train.load_model(run)
    return [keras.ops.convert_to_numpy(v) for v in [*model.weights, *model.optimizer.variables]]


def test_a_run_goes_on_with_another_number_of_devices(points_run, tiny_points, tmp_path, capsys):
    # 10 steps on two devices, 5 on one, 5 on two: the run that one device made, but for rounding.
    for steps, number in ((10, "all"), (15, 1), (20, 2)):
        preset = dataclasses.replace(tiny_points, steps=steps)
        run = train.train("qrgan-ring8", preset, 1, tmp_path / "run", verbose=0, devices=number)
    for a, b in zip(values(run), values(points_run), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    one, two = ([r for r in records if "d_loss" in r] for records in (points_run.records(), run.records()))
    assert [r["step"] for r in two] == [r["step"] for r in one]
    for a, b in zip(one, two, strict=True):
        assert (b["d_loss"], b["g_loss"]) == pytest.approx((a["d_loss"], a["g_loss"]), rel=1e-3, abs=1e-5)
    assert load(run.path).preset == points_run.preset, "the machine is no part of the experiment"


def test_a_batch_that_cannot_be_divided_leaves_no_run(tiny_points, tmp_path):
    odd = dataclasses.replace(tiny_points, batch_size=15)
    with pytest.raises(ValueError, match="devices must divide batch_size=15, .* Received: 2. Choose others, or"):
        train.train("x", odd, 0, tmp_path / "run", verbose=0, devices=2)
    assert not (tmp_path / "run").exists()


def test_devices_on_the_command_line(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(train, "train", lambda *a, devices: seen.append(devices))
    for given in ((), ("--devices", "all"), ("--devices", "2")):
        cli.main(["train", "qrgan-ring8", *given])
    assert seen == [1, "all", 2]
