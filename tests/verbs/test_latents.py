import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from qrkeras import cli, data
from qrkeras.experiments.train import load_model
from qrkeras.verbs import latents


def test_distances_by_hand():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 2))
    moved = codes + [0.5, 0.0]
    comparison = latents.Comparison(codes, {"moved": moved, "same": codes[::-1]})
    # Moving a distribution by 0.5 costs 0.5.
    np.testing.assert_allclose(comparison.wasserstein()["moved"], [0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(comparison.wasserstein()["same"], 0, atol=1e-9)
    assert (
        comparison.kernel()["same"].mean < 0 < 0.1 < comparison.kernel()["moved"].mean
    )  # unbiased, so that 0 is within
    lines = latents.table(comparison).splitlines()
    assert lines[0] == "| latent | mean of codes | deviation | W1 moved | W1 same |"
    assert lines[2].endswith("| 0.500 | 0.000 |") and lines[3].endswith("| 0.000 | 0.000 |")
    assert lines[-2].startswith("| moved | 500 | 0.250 | 0.500 |")


def test_latents_command(latents_run, tmp_path, capfd):
    cli.main(["latents", str(latents_run.path), "--samples", "200", "--output", str(tmp_path / "new" / "x.png")])
    told = capfd.readouterr().out
    assert [line.split(" |")[0] for line in told.splitlines()[-4:-1]] == ["| aiqn", "| prior", "| held-out codes"]
    assert Image.open(tmp_path / "new" / "x.png").size[0] > 400
    comparison = latents.compare(latents_run, samples=200)
    images = data.take(data.load("digits"), 200)
    np.testing.assert_array_equal(comparison.codes, load_model(latents_run).encode(images))
    # The prior's latents are normal, so that their distance is to the normal distribution.
    exact = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    far = latents.Comparison(comparison.codes, {"exact": np.stack([exact] * 4, axis=1)}).wasserstein()["exact"]
    np.testing.assert_allclose(comparison.wasserstein()["prior"], far, atol=0.25)


@pytest.mark.parametrize(
    ("options", "run", "message"),
    [
        ([], "images_run", "RUN must be of a model that draws examples from latents: AIQNVAE or VAE. Rec"),
        (["--samples", "1"], "latents_run", "samples must be at least 2. Received: 1"),
    ],
)
def test_what_is_refused(request, refused, options, run, message):
    told = refused("latents", request.getfixturevalue(run).path, *options, "--output", "x.png")
    assert message in " ".join(told.split())
