"""PixelCNN++ from preset to run."""

import dataclasses

import numpy as np
import pytest

import qrkeras
from qrkeras import data, presets
from qrkeras.experiments.train import load_model, train
from qrkeras.families.pixels.schema import PixelCnnPp
from qrkeras.models import PixelCNNPlusPlus
from tests.support.golden import SHORT
from tests.support.weights import assert_equal, weights


def test_the_codes_network_and_what_is_chosen():
    preset = presets.get("pixelcnnpp-cifar10")
    assert preset.network == PixelCnnPp(
        planes=160, blocks=5, resolutions=3, components=10, levels=256, dropout=0.5
    )  # the authors' code
    assert (preset.optimizer.learning_rate, preset.batch_size, preset.average_decay) == (0.002, 64, 0.9995)
    assert presets.published("pixelcnnpp-cifar10").value == 2.92  # PixelCNN++, Table 1


def test_levels_are_those_of_the_data():
    digits, patches = (presets.get(f"pixelcnnpp-{of}") for of in ("digits", "photo-patches"))
    assert digits.network.levels == len(np.unique(data.take(data.load("digits")))) == 17
    assert patches.network.levels == 256
    with pytest.raises(ValueError, match="network.levels must be 2 to 256. Received: 1"):
        presets.check(dataclasses.replace(digits, network=dataclasses.replace(digits.network, levels=1)))


def tiny(**changes):
    preset = presets.get("pixelcnnpp-digits")
    network = dataclasses.replace(preset.network, planes=4, components=2, resolutions=1)
    return dataclasses.replace(preset, network=network, **{**SHORT, "sample_every": None, **changes})


@pytest.mark.long  # AGAVE, of the same network, goes on in the suite
def test_runs_start_from_data_with_classes_and_go_on_as_if_never_stopped(tmp_path):
    preset = tiny(class_conditional=True)
    short = dataclasses.replace(preset, steps=5)
    run = train("pixelcnnpp-digits", short, seed=1, run_dir=tmp_path / "run", verbose=0)
    model = load_model(run)
    assert isinstance(model, PixelCNNPlusPlus) and model.num_classes == 10 and model.step == 5
    # Outputs of a network that starts from data have deviation 1; without a start they are next to nothing.
    images = data.take(data.load("digits"))[:64]
    assert np.std(model.average(images / np.float32(127.5) - 1, labels=np.arange(64) % 10)) > 0.5
    again = load_model(train("pixelcnnpp-digits", preset, seed=1, run_dir=tmp_path / "run", verbose=0))
    whole = load_model(train("pixelcnnpp-digits", preset, seed=1, run_dir=tmp_path / "whole", verbose=0))
    assert_equal(weights(again), weights(whole))
    bits = [record["bits_per_dim"] for record in run.records() if "bits_per_dim" in record]
    assert all(1 < value < 6 for value in bits)  # 17 levels drawn at random cost log2 17 = 4.1


def test_from_preset_starts_from_the_presets_data(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(presets.to_json(tiny(class_conditional=True)))
    model, other = qrkeras.from_preset(str(path)), qrkeras.from_preset(str(path), shape=(8, 8, 1))
    assert np.abs(model.network.head.gain - other.network.head.gain).max() > 0.1


@pytest.mark.parametrize(
    ("name", "option"),
    [("pixelcnnpp-digits", "--network.levels"), ("iafvae-digits", "--levels"), ("vqvae-digits", "--levels")],
)
def test_fewer_levels_than_the_data_have_are_refused(refused, name, option):
    # 16 = round(255 / 16) is the second of 17 levels, and none of 0, 64, 128, 191 and 255.
    said = refused("train", name, option, 5, "--steps", 1, "--evaluate-every", "None")
    assert "images must have no more grey levels than levels=5, which are spread over 0..255. Received: 16" in said
