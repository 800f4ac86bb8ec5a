import dataclasses
import pathlib

import pytest

from qrkeras import presets


def test_typed_overrides_reach_the_preset(done, monkeypatch):
    import qrkeras.experiments.train

    calls = []
    monkeypatch.setattr(qrkeras.experiments.train, "train", lambda *arguments, **machine: calls.append(arguments))
    done(
        "train", "qrgan-cifar10", "--loss.penalty-weight", "1.0", "--steps", 7, "--seed", 5, "--data.image-size", "64",
        "--network.hidden-layers", 4, "--network.no-generator-batch-norm", "--loss.penalty", "None",
        "--loss.real-target", "inf", "--gradient-penalty", "2", "--run-dir", "here",
    )  # fmt: skip
    ((name, preset, seed, run_dir),) = calls
    default = presets.get("qrgan-cifar10")
    assert (name, seed, run_dir) == ("qrgan-cifar10", 5, pathlib.Path("here"))
    assert preset == dataclasses.replace(
        default,
        loss=dataclasses.replace(default.loss, penalty_weight=1.0, penalty=None),
        data=dataclasses.replace(default.data, image_size=64),
        network=dataclasses.replace(default.network, hidden_layers=4, generator_batch_norm=False),
        steps=7,
        gradient_penalty=2.0,
    )
    assert preset.sources == default.sources


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_is_its_own_default(done, monkeypatch, name):
    import qrkeras.experiments.train

    calls = []
    monkeypatch.setattr(qrkeras.experiments.train, "train", lambda *arguments, **machine: calls.append(arguments))
    done("train", name)
    assert calls == [(name, presets.get(name), 0, None)]
