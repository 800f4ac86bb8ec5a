"""VAE and AIQN-VAE from preset to pictures."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from qrkeras import cli, data, evaluate, latents, presets
from qrkeras.experiments import build
from qrkeras.experiments.train import load_model, train
from qrkeras.families.vae.schema import VaePreset
from qrkeras.models import AIQNVAE, VAE


def test_the_papers_values():
    # AIQN, Supplement, CelebA: 64 x 64, 32 latents, three layers of 512, 200K iterations; variance 0.1 and KL weight
    # 0.5 for the AIQN-VAE, not for the VAE. Footnote 4: Adam, 2e-4, beta_1 0.5, batches of 64.
    learned, vae = presets.get("aiqnvae-celeb_a"), presets.get("vae-celeb_a")
    assert (learned.data.image_size, learned.latent_dim, learned.steps, learned.batch_size) == (64, 32, 200_000, 64)
    assert (learned.aiqn.width, learned.aiqn.hidden_layers) == (512, 3)
    assert (learned.latent_variance, learned.kl_weight) == (0.1, 0.5)
    assert (vae.latent_variance, vae.kl_weight) == (1.0, 1.0)
    assert (learned.optimizer.learning_rate, learned.optimizer.beta_1) == (2e-4, 0.5)


@pytest.mark.parametrize("data_name", ["digits", "cifar10", "celeb_a"])
def test_the_vae_differs_in_what_the_paper_changes(data_name):
    learned, vae = presets.get(f"aiqnvae-{data_name}"), presets.get(f"vae-{data_name}")
    assert dataclasses.replace(learned, aiqn=None, kl_weight=1.0, latent_variance=1.0) == vae
    # The loss of footnote 4's implementation: squared errors plus 2 KL; "lowered to 0.5" for the AIQN-VAE.
    squared = {"likelihood": "squared_error"}
    assert presets.get(f"vae-squared-{data_name}") == dataclasses.replace(vae, kl_weight=2.0, **squared)
    assert presets.get(f"aiqnvae-squared-{data_name}") == dataclasses.replace(learned, **squared)


def test_the_preset_chooses_the_likelihood():
    preset = dataclasses.replace(presets.get("vae-squared-digits"), latent_dim=2)
    model = build.model(preset, data.load("digits"), seed=0)
    assert model.likelihood == "squared_error"
    # tanh: whatever the latents, the means lie in [-1, 1].
    assert np.abs(model.decoder(np.full((1, 2), 1e3))).max() <= 1


def test_image_size_fits_the_layers():
    vaes = [preset for preset in presets.PRESETS.values() if isinstance(preset, VaePreset)]
    bases = {preset.data.image_size / 2**preset.network.hidden_layers for preset in vaes if preset.data.image_size}
    assert bases == {4}


def test_a_run_leaves_its_reports(latents_run):
    model = load_model(latents_run)
    assert type(model) is AIQNVAE and model.step == 10 and model.kl_weight == 0.5 and model.latent_variance == 0.1
    records = [record for record in latents_run.records() if "loss" in record]
    assert [record["step"] for record in records] == [5, 10]
    assert {"bits_per_dim", "kl", "aiqn_loss"} <= set(records[0])
    assert len(list(latents_run.samples.glob("*.png"))) == 3


@pytest.fixture(scope="module")
def vae_run(tiny_latents, tmp_path_factory):
    preset = dataclasses.replace(tiny_latents, aiqn=None, steps=5)
    return train("vae-digits", preset, run_dir=tmp_path_factory.mktemp("vae") / "run", verbose=0)


def test_rows_for_each_way_of_sampling(latents_run, vae_run):
    rows = evaluate.evaluate([latents_run], 60, "digits-cnn", verbose=0)
    path = latents_run.path
    ways = ["aiqn", "prior", "reconstructed"]
    assert [row.name for row in rows] == [*(f"{path} ({way})" for way in ways), evaluate.FLOOR]
    model = load_model(latents_run)
    for row, way in zip(rows, model.WAYS):
        np.testing.assert_array_equal(row.images, model.sample(64, way=way))
    assert rows[0].measures.fid_train != rows[1].measures.fid_train
    assert [row.bits_per_dim is None for row in rows] == [True, False, True, True]  # the bound is of the prior
    digits = data.take(data.load("digits"))
    np.testing.assert_array_equal(rows[2].images, model.reconstruct(digits[:64]))
    # Images come again where there are too few.
    many = np.concatenate(list(evaluate._ways(latents_run, model, 0)["reconstructed"](len(digits) + 10)))
    np.testing.assert_array_equal(many[len(digits) :], model.reconstruct(digits[:10]))
    vae = load_model(vae_run)
    assert type(vae) is VAE and list(evaluate._ways(vae_run, vae, 0)) == ["prior", "reconstructed"]


def test_sample_command(latents_run, tmp_path):
    for options, way in (([], "aiqn"), (["--way", "prior"], "prior")):
        cli.main(["sample", str(latents_run.path), "--n", "5", *options, "--output", str(tmp_path / "x.npy")])
        np.testing.assert_array_equal(
            np.load(tmp_path / "x.npy"), load_model(latents_run).sample(5, batch_size=64, way=way)
        )


def test_reconstruct_command(latents_run, tmp_path, capfd):
    picture = tmp_path / "new" / "x.png"
    options = ["--n", "2", "--steps", "4", "--importance-samples", "5", "--images", "20", "--output", str(picture)]
    cli.main(["reconstruct", str(latents_run.path), *options])
    elbo, iwae, path = capfd.readouterr().out.splitlines()
    assert path == str(picture)
    model, held_out = load_model(latents_run), data.take(data.load("digits", split="test"), 20)
    for line, name, samples in ((elbo, "ELBO", 1), (iwae, "IWAE, 5 samples", 5)):
        expected = model.bits_per_dim(held_out, samples).mean()
        assert line == f"bits per dimension of 20 held-out images, {name}: {expected:.4f}"
    # Image, 4 on the line, image; each 8 x 8 pixels and a line between, 8 times as large.
    shown = np.asarray(Image.open(picture))[::8, ::8]
    assert shown.shape == (2 * 9 + 1, 6 * 9 + 1)
    for row in range(2):
        cells = [shown[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column] for column in range(6)]
        first, second = held_out[2 * row], held_out[2 * row + 1]
        for cell, expected in ((0, first), (1, model.reconstruct(first[None])[0]), (5, second)):
            np.testing.assert_array_equal(cells[cell], expected[..., 0])


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
    ("verb", "options", "run", "message"),
    [
        ("sample", ["--way", "aiqn"], "vae_run", 'way must be "prior" for VAE'),
        (
            "sample",
            ["--way", "prior"],
            "images_run",
            "way must be left out for qrgan-cifar10, which has no lat",
        ),
        ("sample", ["--way", "posterior"], "latents_run", "aiqn"),
        (
            "reconstruct",
            [],
            "images_run",
            "model that reconstructs images from their codes: AIQNVAE or VAE. Received",
        ),
        ("reconstruct", ["--n", "84"], "latents_run", "n must be 1 to 83 pairs of held-out images"),
        ("reconstruct", ["--images", "0"], "latents_run", "images at least 1"),
        ("reconstruct", ["--steps", "1"], "latents_run", "steps must be at least 2"),
        ("reconstruct", ["--importance-samples", "0"], "latents_run", "importance_samples must be at least 1"),
        (
            "latents",
            [],
            "images_run",
            "RUN must be of a model that draws examples from latents: AIQNVAE or VAE. Rec",
        ),
        ("latents", ["--samples", "1"], "latents_run", "samples must be at least 2. Received: 1"),
        (
            "inpaint",
            [],
            "latents_run",
            "model that completes images of which a part is known: PixelCNN or PixelIQN",
        ),
    ],
)
def test_commands_refuse(request, tmp_path, capfd, verb, options, run, message):
    path = request.getfixturevalue(run).path
    output = tmp_path / "x.png"
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        cli.main([verb, str(path), *options, "--output", str(output)])
    assert stopped.value.code == 2 and not output.exists()
    told = " ".join(capfd.readouterr().err.split())
    assert message in told and "Traceback" not in told


def test_samples_through_aiqn_and_prior_lie_side_by_side(latents_run, capsys):
    for way in ((), ("--way", "aiqn"), ("--way", "prior")):
        cli.main(["sample", str(latents_run.path), "--n", "4", *way])
    written = capsys.readouterr().out.split()
    names = ["samples-0.png", "samples-aiqn-0.png", "samples-prior-0.png"]
    assert [line for line in written if line.endswith(".png")] == [str(latents_run.path / name) for name in names]
    default, learned, prior = (np.asarray(Image.open(latents_run.path / name)) for name in names)
    np.testing.assert_array_equal(default, learned)
    assert (learned != prior).any()
