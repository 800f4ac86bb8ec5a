"""PixelCNN and PixelIQN from preset to pictures."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, data, evaluate, presets
from qrkeras.experiments.train import load_model, train
from qrkeras.families import optimizers
from qrkeras.models import PixelCNN, PixelIQN

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


def test_resumed_equals_uninterrupted(pixels_run, tiny_pixels, tmp_path):
    short = dataclasses.replace(tiny_pixels, steps=5)
    train("pixeliqn-digits", short, seed=1, run_dir=tmp_path / "run", verbose=0)
    again = load_model(train("pixeliqn-digits", tiny_pixels, seed=1, run_dir=tmp_path / "run", verbose=0))
    whole = load_model(pixels_run)
    for a, b in zip(again.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(a, b)


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
    (row, floor) = evaluate.evaluate([run], 20, "digits-cnn", verbose=0)
    assert row.bits_per_dim == pytest.approx(np.mean(each), rel=1e-5) and floor.bits_per_dim is None


def test_classes_from_data_to_gan_train(tiny_pixels, tmp_path):
    preset = dataclasses.replace(tiny_pixels, class_conditional=True)
    run = train("pixeliqn-digits", preset, run_dir=tmp_path / "run", verbose=0)
    model = load_model(run)
    assert model.num_classes == 10
    # Without labels the classes come in turn.
    labels = np.arange(20) % 10
    np.testing.assert_array_equal(model.sample(20, seed=3), model.sample(20, seed=3, labels=labels))
    (row, _) = evaluate.evaluate([run], 60, "digits-cnn", gan_train=1, verbose=0)
    # An untrained generator shows no class: near 1 in 10.
    assert row.classes.gan_test < 0.4 and row.classes.samples == 60


def test_inpaint_command(pixels_run, tmp_path, capfd):
    picture = tmp_path / "new" / "x.png"
    options = ["--n", "3", "--known", "left", "--completions", "2", "--tau", "0.5", "--output", str(picture)]
    cli.main(["inpaint", str(pixels_run.path), *options])
    assert capfd.readouterr().out.strip() == str(picture)
    # Columns: masked, 2 draws, the median, original; each 8 x 8 pixels and a line between, 8 times as large.
    image = np.asarray(Image.open(picture))[::8, ::8]
    assert image.shape == (3 * 9 + 1, 5 * 9 + 1)
    originals = data.take(data.load("digits", split="test"), 3)[..., 0]
    for row in range(3):
        cells = [image[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column] for column in range(5)]
        np.testing.assert_array_equal(cells[4], originals[row])
        assert (cells[0][:, 4:] == 128).all()
        for cell in cells:
            np.testing.assert_array_equal(cell[:, :4], originals[row][:, :4])
        assert (cells[1] != cells[2]).any()


def test_inpaint_is_refused(images_run, pixels_run, capfd):
    for arguments, message in (
        ([str(images_run.path)], "must be of a model that completes images"),
        ([str(pixels_run.path), "--n", "0"], "n must be at least 1"),
        ([str(pixels_run.path), "--tau", "1.5"], "tau"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["inpaint", *arguments])
        assert stopped.value.code == 2
        told = capfd.readouterr().err
        assert message in told and "Traceback" not in told


def test_calibration_command(pixels_run, images_run, tmp_path, capfd):
    picture = tmp_path / "new" / "c.png"
    cli.main(["calibration", str(pixels_run.path), "--images", "50", "--output", str(picture)])
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "| | tau | below | at or below | gap |" and lines[-1] == str(picture)
    assert "3,200 held-out values" in lines[-2]  # 50 images of 8 x 8
    model, held_out = load_model(pixels_run), data.take(data.load("digits", split="test"), 50)
    median = np.clip(np.round(model.quantiles(held_out, 0.5)), 0, 255)
    below, at_or_below = (held_out < median).mean(), (held_out <= median).mean()
    gap = max(below - 0.5, 0.5 - at_or_below, 0)
    assert lines[5] == f"| {pixels_run.path} | 0.5 | {below:.3f} | {at_or_below:.3f} | {gap:.3f} |"
    assert np.asarray(Image.open(picture).convert("L")).std() > 10, "not one colour"
    for arguments, told in (
        ([], "RUN must name at least one run"),
        ([str(images_run.path)], "must be of a model that predicts quantiles"),
        ([str(pixels_run.path), "--images", "0"], "images must be at least 1"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["calibration", *arguments])
        assert stopped.value.code == 2
        assert told in capfd.readouterr().err


def test_sample_and_plot(pixels_run, tmp_path, capfd):
    cli.main(["sample", str(pixels_run.path), "--n", "5", "--batch-size", "2", "--output", str(tmp_path / "x.npy")])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), load_model(pixels_run).sample(5))
    cli.main(["plot", str(pixels_run.path), "--output", str(tmp_path / "y.png")])
    assert (pixels_run.path / "curves.png").exists()
    capfd.readouterr()
