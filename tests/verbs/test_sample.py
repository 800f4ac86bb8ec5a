import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from qrkeras import cli
from qrkeras.experiments.train import load_model


@pytest.fixture
def copied(points_run, tmp_path):
    shutil.copytree(points_run.path, tmp_path / "run")
    return tmp_path / "run"


def test_sample_points(done, copied, tmp_path):
    printed = done("sample", copied, "--n", 7, "--seed", 3).split()
    assert [pathlib.Path(p).name for p in printed] == ["samples-3.npy", "samples-3.png"]
    assert np.load(copied / "samples-3.npy").shape == (7, 2)
    assert Image.open(copied / "samples-3.png").size == (264, 275)
    # The first of more samples are the same.
    done("sample", copied, "--n", 9, "--seed", 3, "--output", tmp_path / "new" / "more.npy")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["more.npy"]
    more, fewer = np.load(tmp_path / "new" / "more.npy"), np.load(copied / "samples-3.npy")
    np.testing.assert_allclose(more[:7], fewer, rtol=1e-5, atol=1e-6)


def test_sample_images(done, images_run, tmp_path):
    done("sample", images_run.path, "--n", 4, "--output", tmp_path / "grid.png")
    assert Image.open(tmp_path / "grid.png").size == (38, 38)
    done("sample", images_run.path, "--n", 4, "--output", tmp_path / "images.npy")
    assert np.load(tmp_path / "images.npy").shape == (4, 8, 8, 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["grid.png", "images.npy"]


@pytest.mark.parametrize(
    "options, message",
    [(["--n", "0"], "n must be at least 1 sample"), (["--output", "x.gif"], "output must end in .png or .npy")],
)
def test_sample_refuses(refused, points_run, options, message):
    assert message in refused("sample", points_run.path, *options)


def test_sample_of_a_run_without_checkpoint(refused, copied):
    shutil.rmtree(copied / "checkpoints")
    assert "RUN must hold a checkpoint" in refused("sample", copied)


def test_the_way_reaches_the_model(latents_run, tmp_path):
    for options, way in (([], "aiqn"), (["--way", "prior"], "prior")):
        cli.main(["sample", str(latents_run.path), "--n", "5", *options, "--output", str(tmp_path / "x.npy")])
        np.testing.assert_array_equal(
            np.load(tmp_path / "x.npy"), load_model(latents_run).sample(5, batch_size=64, way=way)
        )


def test_samples_through_aiqn_and_prior_lie_side_by_side(latents_run, capsys):
    for way in ((), ("--way", "aiqn"), ("--way", "prior")):
        cli.main(["sample", str(latents_run.path), "--n", "4", *way])
    written = capsys.readouterr().out.split()
    names = ["samples-0.png", "samples-aiqn-0.png", "samples-prior-0.png"]
    assert [line for line in written if line.endswith(".png")] == [str(latents_run.path / name) for name in names]
    default, learned, prior = (np.asarray(Image.open(latents_run.path / name)) for name in names)
    np.testing.assert_array_equal(default, learned)
    assert (learned != prior).any()


def test_as_the_model_samples(pixels_run, tmp_path):
    cli.main(["sample", str(pixels_run.path), "--n", "5", "--batch-size", "2", "--output", str(tmp_path / "x.npy")])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), load_model(pixels_run).sample(5))


@pytest.mark.parametrize(
    ("options", "run", "message"),
    [
        (["--way", "aiqn"], "vae_run", 'way must be "prior" for VAE'),
        (["--way", "prior"], "images_run", "way must be left out for qrgan-cifar10, whose model sam"),
        (["--way", "posterior"], "latents_run", "aiqn"),
    ],
)
def test_a_way_that_the_model_lacks(request, refused, options, run, message):
    told = refused("sample", request.getfixturevalue(run).path, *options, "--output", "x.png")
    assert message in " ".join(told.split())
