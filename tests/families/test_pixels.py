"""PixelCNN and PixelIQN from preset to run."""

import dataclasses

import keras
import numpy as np
import pytest

from qrkeras import data, presets
from qrkeras.experiments.train import load_model, train
from qrkeras.families import optimizers
from qrkeras.models import PixelCNN, PixelIQN
from qrkeras.verbs import rows
from tests.support.going_on import assert_run_goes_on

# AIQN, Supplement: small and large network, mini-batch sizes, steps, learning rates.
TABLE = """
                           blocks  planes  output_planes  batch  steps   first_rate
pixeliqn-cifar10               15     128           1024     32  300000        1e-4
pixelcnn-cifar10               15     128           1024     32  300000        1e-4
pixeliqn-imagenet32            15     128           1024     32  400000        1e-4
pixelcnn-imagenet32            15     128           1024     32  400000        1e-4
pixeliqn-imagenet32-large      20     256           1024    128  400000        1e-4
pixelcnn-imagenet32-large      20     256           1024    128  400000        1e-4
"""


def test_the_papers_values():
    for row in TABLE.strip().splitlines()[1:]:
        name, *values = row.split()
        preset = presets.get(name)
        network = preset.network
        found = (network.blocks, network.planes, network.output_planes, preset.batch_size, preset.steps)
        assert (*found, preset.optimizer.learning_rate) == tuple(map(float, values)), name
        assert (network.kernel_size, preset.average_decay) == (5, 0.9999)
        assert (preset.evaluate_samples, preset.evaluate_references) == (10_000, 10_000)  # AIQN, Supplement
        assert preset.kappa == 0.002
        assert preset.head == ("quantile" if name.startswith("pixeliqn") else "softmax")
        assert isinstance(preset.optimizer, optimizers.Adam if preset.head == "quantile" else optimizers.RmsProp)


def test_decaying_rate_of_pixelcnn():
    # 1e-4 in the first 120K steps, 3e-5 in the next 60K, 1e-5 from then on; the first step has iterations 0.
    optimizer = presets.get("pixelcnn-cifar10").optimizer.build()
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    for step, rate in ((0, 1e-4), (119_999, 1e-4), (120_000, 3e-5), (179_999, 3e-5), (180_000, 1e-5), (299_999, 1e-5)):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate), step


@pytest.mark.parametrize("kind, name", [("Adam", "Adam"), ("RmsProp", "RMSprop"), ("Sgd", "SGD")])
def test_every_optimizer_has_a_schedule(kind, name):
    settings = getattr(optimizers, kind)
    optimizer = settings(0.5, decays=((3, 0.25),)).build()
    assert type(optimizer) is getattr(keras.optimizers, name)
    for step, rate in ((0, 0.5), (2, 0.5), (3, 0.25)):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == rate
    assert float(settings(0.5).build().learning_rate) == 0.5


def test_offline_presets_differ_in_the_head_alone():
    for of in ("digits", "photo-patches"):
        quantile, softmax = (presets.get(f"{name}-{of}") for name in ("pixeliqn", "pixelcnn"))
        assert dataclasses.replace(quantile, head="softmax") == softmax


def test_a_run_leaves_its_reports(pixels_run):
    model = load_model(pixels_run)
    assert isinstance(model, PixelIQN) and model.step == 10
    assert [record["step"] for record in pixels_run.records() if "loss" in record] == [5, 10]
    assert [path.name for path in sorted(pixels_run.samples.glob("*.png"))] == [
        f"step-{step:08d}.png" for step in (0, 5, 10)
    ]


def test_resumed_equals_uninterrupted(pixels_run, tmp_path):
    assert_run_goes_on(pixels_run, tmp_path)


def test_pixelcnn_reports_bits(tiny_pixels, tmp_path):
    preset = dataclasses.replace(tiny_pixels, head="softmax")
    run = train("pixelcnn-digits", preset, run_dir=tmp_path / "run", verbose=0)
    assert isinstance(load_model(run), PixelCNN)
    # An untrained softmax over 256 values costs 8 bits a value; ten steps change little.
    bits = [record["bits_per_dim"] for record in run.records() if "bits_per_dim" in record]
    assert len(bits) == 2 and all(3 < value < 8.5 for value in bits)
    model, held_out = load_model(run), data.take(data.load("digits", split="test"))
    each = model.bits_per_dim(held_out, batch_size=60)
    assert each.shape == (len(held_out),)
    assert np.mean(each) == pytest.approx(
        model.evaluate(held_out, verbose=0, return_dict=True)["bits_per_dim"], rel=1e-5
    )
    (row, floor) = rows.measure([run], 20, "digits-cnn", verbose=0)
    assert row.bits_per_dim == pytest.approx(np.mean(each), rel=1e-5) and floor.bits_per_dim is None


@pytest.mark.long
def test_classes_from_data_to_gan_train(tiny_pixels, tmp_path):
    preset = dataclasses.replace(tiny_pixels, class_conditional=True)
    run = train("pixeliqn-digits", preset, run_dir=tmp_path / "run", verbose=0)
    model = load_model(run)
    assert model.num_classes == 10
    # Without labels the classes come in turn.
    labels = np.arange(20) % 10
    np.testing.assert_array_equal(model.sample(20, seed=3), model.sample(20, seed=3, labels=labels))
    (row, _) = rows.measure([run], 60, "digits-cnn", gan_train=1, verbose=0)
    # An untrained generator shows no class: near 1 in 10.
    assert row.classes.gan_test < 0.4 and row.classes.samples == 60
