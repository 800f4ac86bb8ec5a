"""VQ-VAE from preset to run."""

import dataclasses

import numpy as np

from qrkeras import data, presets
from qrkeras.experiments import build, stages
from qrkeras.experiments.train import load_model
from qrkeras.families.optimizers import Adam
from qrkeras.models import VQVAE
from qrkeras.verbs import rows
from tests.support import golden

TINY = golden.tiny("vqvae-digits")


def test_the_papers_values():
    # Sections 3.2 and 4.1: beta 0.25; 256 units, Adam with 2e-4, batches of 128, 250,000 steps; 4.2: K = 512.
    preset = presets.get("vqvae-cifar10")
    assert dataclasses.astuple(preset.network) == (64, 256, 2, 2)
    assert (preset.num_codes, preset.commitment, preset.levels) == (512, 0.25, 256)
    assert (preset.optimizer, preset.batch_size, preset.steps) == (Adam(2e-4), 128, 250_000)


def test_the_preset_reaches_the_model():
    preset = dataclasses.replace(TINY, commitment=0.5, levels=5, optimizer=Adam(0.5), prior_optimizer=Adam(0.25))
    model = build.model(preset, data.load("digits"), seed=4)
    assert type(model) is VQVAE and (model.commitment, model.levels, model.seed) == (0.5, 5, 4)
    assert model.codebook.num_codes == preset.num_codes == model.prior.num_categories
    assert [float(model.optimizer_of(player).learning_rate) for player in model.PLAYERS] == [0.5, 0.25]


def test_the_codebook_starts_from_the_first_images():
    source = data.load("digits")
    model, by_hand = (build.model(TINY, source, seed=1) for _ in range(2))
    assert not np.any(model.codebook.codebook.numpy())
    stages.initialize(model, source, 1)
    by_hand.initialize(next(iter(source.batches(128, 1))).numpy())
    assert np.any(model.codebook.codebook.numpy())
    np.testing.assert_array_equal(model.codebook.codebook, by_hand.codebook.codebook)


def test_more_codes_than_first_encodings_are_refused(refused):
    # 128 images of 4 x 4 places.
    said = refused("train", "vqvae-digits", "--num-codes", 2049, "--steps", 1, "--evaluate-every", "None")
    assert "num_codes must be at most the encodings that the codebook begins as. Received: 2049 for 2048" in said


def test_a_run_leaves_its_reports_and_is_measured(shared_run):
    run = shared_run("vqvae-digits", TINY)
    model = load_model(run)
    assert type(model) is VQVAE and model.step == 10
    records = [record for record in run.records() if "loss" in record]
    assert [record["step"] for record in records] == [5, 10]
    assert set(VQVAE.REPORTS) <= set(records[0])
    found = rows.measure([run], 60, "digits-cnn", verbose=0)
    assert [row.name for row in found] == [f"{run.path} (prior)", f"{run.path} (reconstructed)", rows.FLOOR]
    assert found[0].bits_per_dim > 0
