import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, data
from qrkeras.experiments.train import load_model


def test_reconstruct_command(latents_run, tmp_path, capfd):
    picture = tmp_path / "new" / "x.png"
    options = ["--n", "2", "--steps", "4", "--importance-samples", "5", "--images", "20", "--output", str(picture)]
    cli.main(["reconstruct", str(latents_run.path), *options])
    elbo, iwae, path = capfd.readouterr().out.splitlines()
    assert path == str(picture)
    model, held_out = load_model(latents_run), data.take(data.load("digits", split="test"), 20)
    for line, name, samples in ((elbo, "ELBO", 1), (iwae, "IWAE, 5 samples", 5)):
        expected = model.bits_per_dim(held_out, samples).mean()
        assert line == f"bits per dimension of 20 held-out images, 256 levels, {name}: {expected:.4f}"
    # Image, 4 on the line, image; each 8 x 8 pixels and a line between, 8 times as large.
    shown = np.asarray(Image.open(picture))[::8, ::8]
    assert shown.shape == (2 * 9 + 1, 6 * 9 + 1)
    for row in range(2):
        cells = [shown[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column] for column in range(6)]
        first, second = held_out[2 * row], held_out[2 * row + 1]
        for cell, expected in ((0, first), (1, model.reconstruct(first[None])[0]), (5, second)):
            np.testing.assert_array_equal(cells[cell], expected[..., 0])


@pytest.mark.parametrize(
    ("options", "run", "message"),
    [
        (
            [],
            "images_run",
            "images from their codes: AGAVE or AIQNVAE or DensityModel or HierarchicalVAE or VAE or VQVAE. Received",
        ),
        (["--draws", "3"], "latents_run", "draws several images of the same latents: AGAVE or DensityModel"),
        (["--n", "84"], "latents_run", "n must be 1 to 83 pairs of held-out images"),
        (["--images", "0"], "latents_run", "images at least 1"),
        (["--steps", "1"], "latents_run", "steps must be at least 2"),
        (["--importance-samples", "0"], "latents_run", "importance_samples must be at least 1"),
    ],
)
def test_what_is_refused(request, refused, options, run, message):
    told = refused("reconstruct", request.getfixturevalue(run).path, *options, "--output", "x.png")
    assert message in " ".join(told.split())
