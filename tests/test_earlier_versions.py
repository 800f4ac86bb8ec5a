"""What qrkeras 0.1.0 made is loaded, gone on with, served and tuned further, as the changelog promises.

`tests/made_by_0_1_0/` was made by commit cd660bb, the last of 0.1.0's layout, and is never made anew. runs.zip holds
runs of four steps, each with four samples drawn from its checkpoint, seed 3, and with the log line of its sixth step
(after-two-more.json); served.zip is the export of qrgan-digits, and sweep.zip the files, without models, of

    qrkeras tune pixelcnn --miniature --trials 2 --steps 8 --samples 64 --workers 1 --directory sweep
"""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

import qrkeras
from qrkeras import presets
from qrkeras.experiments import runs, train
from qrkeras.search import results
from qrkeras.search import sweep as sweeps
from qrkeras.serving.client import Client
from tests.support import servers

MADE = pathlib.Path(__file__).parent / "made_by_0_1_0"
NAMES = ("qrgan-ring8", "qrgan-digits", "pixeliqn-digits", "vae-digits", "aiqnvae-digits")
# AIQN-VAE's quantile term has come to stand on the VAE's scale since.
RESCALED = {"aiqnvae-digits": {"aiqn_loss", "loss"}}


@pytest.fixture
def made(tmp_path):
    """Unpacks one of the archives; the folder that it holds."""

    def unpacked(name):
        shutil.unpack_archive(MADE / f"{name}.zip", tmp_path)
        return tmp_path / name

    return unpacked


def assert_alike(found, expected):
    """To rounding, which may move a pixel by a grey level."""
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    atol = 1 if found.ndim == 4 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=0 if found.ndim == 4 else 1e-3, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_sampled_and_gone_on_with(name, made):
    path = made("runs") / name
    drawn = np.load(path / "samples.npy")
    assert drawn.std() > 0.1
    assert_alike(qrkeras.from_run(path).sample(4, seed=3), drawn)

    run = runs.load(path)
    before = run.metrics.read_text()
    train.train(name, dataclasses.replace(run.preset, steps=6), seed=1, run_dir=path, verbose=0)
    assert run.metrics.read_text().startswith(before), "it has gone on, not begun anew"
    expected, found = json.loads((path / "after-two-more.json").read_text()), run.records()[-1]
    for key in expected.keys() - RESCALED.get(name, set()):
        assert_alike(found[key], expected[key])


def test_an_export_is_served(made):
    run = made("runs") / "qrgan-digits"
    drawn = np.load(run / "samples.npy")
    with servers.running(made("served")) as url:
        client = Client(url, "qrgan-digits")
        assert_alike(client.sample(4, seed=3), drawn)
        # 0.1.0 called `score` what is `realism` now: here four quantiles, whose mean a model gives.
        realism = qrkeras.from_run(run).realism(drawn)
        assert_alike(client.score(drawn).mean(axis=1), realism)


def test_a_sweep_is_gone_on_with_and_its_winner_read(made, done):
    path = made("sweep")
    table, best = (path / "results.csv").read_text(), presets.get(path / "best.json")
    assert presets.citation(best, "optimizer").startswith("sweep of pixelcnn, trial 0001: FID[digits-cnn] train 155.85")
    assert presets.citation(best, "evaluate_references").startswith("the default: the file was written before")
    assert [row.value for row in results.rows(sweeps.load(path))] == pytest.approx([158.08, 155.85], abs=0.01)
    said = done(
        "tune", "pixelcnn", "--miniature", "--trials", 2, "--steps", 8, "--samples", 64, "--workers", 1,
        "--directory", path,
    )  # fmt: skip
    assert "2 trials of pixelcnn: 2 completed." in said and "Best: trial 0001" in said
    assert (path / "results.csv").read_text() == table
    assert presets.get(path / "best.json") == best
