"""Captions by the verbs: trained, resumed, tuned in a second stage, measured, captioned, exported, and refused."""

import dataclasses
import json

import numpy as np
import pytest

from qrkeras import data, evaluation, presets
from qrkeras.data import scenes
from qrkeras.experiments import build
from qrkeras.experiments.train import load_model, train
from tests.conftest import SHORT
from tests.support.going_on import assert_run_goes_on
from tests.support.weights import weights

TINY = dataclasses.replace(
    presets.get("captions-scenes"), word_dim=6, state_dim=8, **{**SHORT, "steps_per_execution": 1}
)


@pytest.fixture(scope="module")
def captions_run(shared_run):
    return shared_run("captions-scenes", TINY)


def test_a_run_leaves_its_sheets_and_what_captions_cost(captions_run):
    assert {path.name for path in captions_run.samples.iterdir()} == {"step-00000005.png", "step-00000010.png"}
    costs = {r["step"]: r["nats_per_word test"] for r in captions_run.records() if "nats_per_word test" in r}
    assert 2 < costs[10] < costs[5] < 4  # log 42 = 3.74 for one who knows nothing
    model = load_model(captions_run)
    assert model.encoder.trainable_weights == [] and len(model.words) == 40


def test_transformers_that_change_nothing_see_the_grid():
    """Their filter begins as the last convolution: with A = [I | 0] descriptors are the cells of the last map."""
    preset = dataclasses.replace(presets.get("captions-scenes-transformers"), word_dim=6, state_dim=8)
    model = build.model(preset, data.load("scenes", split="test"), seed=0)
    assert model.areas.scale == 2.0
    model.areas.scale = 1.0
    images = np.stack([scenes.scene("test", i).image for i in range(2)]) / 127.5 - 1
    _, last, _ = model.encoder(images.astype("float32"))
    np.testing.assert_allclose(model.seen(images).areas, np.reshape(last, (2, 64, 96)), atol=1e-5)


@pytest.mark.long
def test_it_goes_on_as_if_never_stopped(captions_run, tmp_path):
    assert_run_goes_on(captions_run, tmp_path)


@pytest.mark.long
def test_the_second_stage_trains_the_encoder_more_slowly(captions_run, tmp_path):
    second = dataclasses.replace(TINY, start_from=str(captions_run.path), frozen=(), steps=2)
    tuned = load_model(train("captions-scenes", second, 1, tmp_path / "run", verbose=0))
    given = load_model(captions_run)
    moved = max(np.abs(a - b).max() for a, b in zip(weights(tuned.encoder), weights(given.encoder)))
    assert 0 < moved <= 2 * 2e-4 + 1e-6


def test_evaluate(captions_run, done, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)  # METEOR takes long
    out = done("evaluate", captions_run.path, "--samples", 6, "--output", tmp_path / "measured")
    assert "CIDEr-D" in out and "looks there, given" in out and "METEOR is not measured" in out
    assert out.count("people: the first caption against the others") == 2
    rows = json.loads((tmp_path / "measured.json").read_text())
    assert len(rows) == 4 and (tmp_path / "measured.png").exists()
    looked = evaluation.measure_captions
    monkeypatch.setattr(evaluation, "measure_captions", lambda *given: (
        {**looked(*given)[0], "looks_said": float("nan")}, looked(*given)[1]
    ))  # fmt: skip
    out = done("evaluate", captions_run.path, "--samples", 6, "--output", tmp_path / "young")
    assert "nan" not in out and "NaN" not in (tmp_path / "young.json").read_text(), "it names nothing that is there"
    people = rows["people: the first caption against the others, test"]
    assert people["true"] == people["grammatical"] == 1 and people["BLEU-1"] > 50


def test_caption(captions_run, done, tmp_path):
    from PIL import Image

    Image.new("L", (90, 120), 40).save(tmp_path / "grey.png")
    out = done("caption", captions_run.path, tmp_path / "grey.png", "--beam", 3, "--output", tmp_path / "told")
    assert out.startswith("grey:") and len(out.splitlines()) == 5 and (tmp_path / "told" / "000-grey.png").exists()


@pytest.mark.long
def test_caption_of_what_is_held_out(captions_run, done):
    done("caption", captions_run.path, "--n", 2)
    assert len(list((captions_run.path / "captions").iterdir())) == 2


@pytest.mark.long
def test_export_of_a_run(captions_run, done, tmp_path):
    out = done("export", captions_run.path, tmp_path / "served")
    assert "| caption_bytes | image_bytes string [batch] |" in out
    assert "| serving_default | images uint8 [batch, 64, 64, 3] |" in out


@pytest.fixture(scope="module")
def proposals_run(shared_run):
    preset = presets.get("captions-scenes-proposals")
    changes = {**SHORT, "steps_per_execution": 1, "steps": 5}
    return shared_run("captions-scenes-proposals", dataclasses.replace(preset, word_dim=6, state_dim=8, **changes))


@pytest.mark.long
def test_proposals_by_the_verbs(proposals_run, done, refused, tmp_path):
    """Boxes come with the data, to training, sheets and captions; an image without is refused."""
    model = load_model(proposals_run)
    source = build.dataset(proposals_run.preset, "test")
    attention, corners = model.attend(captions=["a red circle"] * 2, **source.given(2))
    assert attention.shape == (2, 17, 21) and corners.shape == (2, 21, 4, 2)
    done("caption", proposals_run.path, "--n", 1, "--output", tmp_path / "told")
    assert len(list((tmp_path / "told").iterdir())) == 1
    message = refused("caption", proposals_run.path, tmp_path / "a.png")
    assert "IMAGE must be left out for a model that looks at boxes" in message


def test_data_without_boxes_are_refused(refused, tmp_path):
    from PIL import Image

    notes = {"images": [], "annotations": []}
    for i in range(12):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{i}.png")
        notes["images"].append({"id": i, "file_name": f"{i}.png"})
        notes["annotations"].append({"image_id": i, "caption": "a photo"})
    (tmp_path / "captions.json").write_text(json.dumps(notes))
    message = refused("train", "captions-photos", "--areas", "proposals", "--data.name", f"captions:{tmp_path}")
    assert "data must have boxes, for areas that are proposals" in message


@pytest.mark.long
def test_proposals_are_measured_and_exported(proposals_run, done, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    out = done("evaluate", proposals_run.path, "--samples", 6, "--output", tmp_path / "measured")
    assert "looks there, given" in out
    out = done("export", proposals_run.path, tmp_path / "served")
    assert "| caption | boxes float32 [batch, any, 4], images uint8 [batch, 64, 64, 3] |" in out
    assert_run_goes_on(proposals_run, tmp_path, steps=3)


def test_what_cannot_be_done_is_refused(captions_run, refused, tmp_path):
    for message, *command in (
        ("RUN must be of a model that draws examples", "sample", captions_run.path),
        ("gan_train must be left out for captions", "evaluate", captions_run.path, "--gan-train", 2),
        ("split must be left out for captions", "evaluate", captions_run.path, "--split", "train"),
        ("seed must be left out for captions", "evaluate", captions_run.path, "--seed", 0),
        ("none.png cannot be read", "caption", captions_run.path, tmp_path / "none.png"),
        (
            "output must be a folder. Received: ",
            "caption",
            captions_run.path,
            "--output",
            captions_run.path / "config.json",
        ),
        ("data must be images with captions", "train", "captions-scenes", "--data.name", "digits"),
        ("must hold captions.json", "train", "captions-photos", "--data.name", f"captions:{tmp_path}"),
        ("data must be images without captions", "train", "vae-digits", "--data.name", "scenes"),
        ("data must be images without captions", "train", "mbgan-digits", "--data.name", "scenes"),
        ("Did you mean 'scenes-cnn'?", "train", "captions-scenes", "--encoder", "scenes"),
        ("evaluate_every must be None for captions", "train", "captions-scenes", "--evaluate-every", 5),
    ):
        assert message in refused(*command)
