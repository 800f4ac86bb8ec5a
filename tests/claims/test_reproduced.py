"""What is read of a claim's runs, and which of them are done, of runs that are made up."""

import dataclasses
import math
import pathlib
import types

import pytest

from qrkeras import presets
from qrkeras.claims import reproduced
from qrkeras.families.claim import Claim, Measure, Order, Scale, changed

PRESET = dataclasses.replace(presets.get("nsgan-ring8"), steps=3)
SCALE = Scale("{arm}-ring8", 1)
CLAIM = Claim(
    "made up", "nothing", "nobody", ("nsgan",),
    (Measure("fed", "fed", "more", "best"), Measure("kl", "KL", "less", "best"), Measure("fed", "last", "more")),
    (Order("last", "nsgan", 3.0),), {"small": SCALE},
)  # fmt: skip
ARM = reproduced.Arm("nsgan", "nsgan-ring8", PRESET, (), (pathlib.Path("run"),), fields=("fed", "kl"))
RECORDS = [
    {"step": 1, "fed": 5, "kl": 2.0},
    {"step": 2, "loss": 0.1},
    {"step": 3, "fed": 4, "kl": None},  # was not finite
    {"step": 4, "fed": 9, "kl": 1.0},  # behind the claim's last step
]


@pytest.fixture
def run(monkeypatch, tmp_path):
    found = types.SimpleNamespace(path="run", preset=PRESET, steps=4, told=RECORDS, checkpoints=tmp_path)
    found.records = lambda: [record for record in found.told if record["step"] <= found.steps]
    found.diverged = None
    monkeypatch.setattr(reproduced.many.runs, "load", lambda path: found)
    return found


def test_figures_to_the_last_step(run):
    result = reproduced.measure(CLAIM, SCALE, [ARM])
    assert result.values == {"fed": {"nsgan": [5.0]}, "KL": {"nsgan": [2.0]}, "last": {"nsgan": [4.0]}}
    assert result.curves == {"nsgan": [[(1, 5.0), (3, 4.0)]]}
    assert result.verdicts[0].gain == 1.0 and result.says == "not decided"
    run.steps = 2
    with pytest.raises(
        RuntimeError, match="run must have fed at step 3, its last. It has none. Remove it to have it trained anew."
    ):
        reproduced.measure(CLAIM, SCALE, [ARM])


def test_a_run_is_done_that_is_of_the_preset_and_came_to_its_steps(run):
    assert reproduced._is_done("run", ARM)
    run.preset = dataclasses.replace(PRESET, steps=9, log_every=7)  # which a run may change when it goes on
    assert reproduced._is_done("run", ARM)
    run.preset = changed(PRESET, {"network.width": 3})
    assert not reproduced._is_done("run", ARM)
    with pytest.raises(RuntimeError, match="run must be a run of `qrkeras train nsgan-ring8`. Remove what lies there"):
        reproduced.measure(CLAIM, SCALE, [ARM])
    run.preset, run.steps = PRESET, 2
    assert not reproduced._is_done("run", ARM)


def test_a_run_is_done_when_it_has_what_the_claim_reads(run):
    """A line of losses comes before that of modes or of distances, and a kill between the two."""
    run.told = [{"step": 3, "loss": 1.0}, {"step": 3, "fed": 5}]
    assert not reproduced._is_done("run", ARM)
    run.told = [*run.told, {"step": 3, "kl": None}]
    assert reproduced._is_done("run", ARM)


def test_a_run_whose_model_is_measured_is_done_when_that_is_saved(run):
    measured = dataclasses.replace(ARM, fields=None)
    (run.checkpoints / "step-00000002.keras").touch()
    assert not reproduced._is_done("run", measured)
    (run.checkpoints / "step-00000003.keras").touch()
    assert reproduced._is_done("run", measured)
    run.preset = of_images = dataclasses.replace(presets.get("nsgan-digits"), steps=3)
    assert not reproduced._is_done("run", dataclasses.replace(measured, preset=of_images)), "the evaluation comes last"
    run.told = [*RECORDS, {"step": 3, "features": "digits-cnn"}]
    assert reproduced._is_done("run", dataclasses.replace(measured, preset=of_images))


def test_fields_are_those_of_the_arm(tmp_path):
    measures = (Measure("FID[{features}] train", "FID", "less"), Measure("bits", "bits", "less", arms=("sngan",)))
    claim = dataclasses.replace(CLAIM, arms=("nsgan", "sngan"), measures=measures)
    scale = Scale("{arm}-digits", 1)
    plain, both = reproduced.arms(claim, scale, 1, tmp_path)
    assert plain.fields == ("FID[digits-cnn] train",) and both.fields == ("FID[digits-cnn] train", "bits")
    (last,) = reproduced.arms(
        dataclasses.replace(claim, arms=("sngan",), measured={"sngan": None}), scale, 1, tmp_path
    )  # fmt: skip
    assert last.fields is None


def test_runs_are_evaluated_by_the_same_numbers_of_images(run, monkeypatch):
    other = types.SimpleNamespace(**{**vars(run), "path": "other"})
    of_images = {"step": 3, "features": "digits-cnn", "samples": 500, "references": 1347, "fed": 1, "kl": 1.0}
    run.told, other.records = [of_images], lambda: [{**of_images, "samples": 5000}]
    monkeypatch.setattr(reproduced.many.runs, "load", lambda path: other if str(path) == "other" else run)
    arms = [ARM, dataclasses.replace(ARM, name="qrgan", paths=(pathlib.Path("other"),))]
    with pytest.raises(RuntimeError, match="run with 500 samples against 1347 images, other with 5,000 samples"):
        reproduced.measure(dataclasses.replace(CLAIM, arms=("nsgan", "qrgan")), SCALE, arms)
    other.records = lambda: [{**of_images, "step": 2, "samples": 5000}, of_images]  # what is not read may differ
    reproduced.measure(dataclasses.replace(CLAIM, arms=("nsgan", "qrgan")), SCALE, arms)


def test_a_run_that_diverged_is_done_and_the_worst(run):
    run.told = [{"step": 1, "fed": 5, "kl": 2.0}, {"step": 2, "diverged": "d_loss became nan at step 2"}]
    run.diverged = "d_loss became nan at step 2"
    assert reproduced._is_done("run", ARM)
    result = reproduced.measure(CLAIM, SCALE, [ARM])
    assert result.values["fed"] == {"nsgan": [5.0]}  # the best before it diverged
    assert math.isnan(result.values["last"]["nsgan"][0]) and result.says == "not decided"
    assert result.diverged == {"nsgan": {0: "d_loss became nan at step 2"}}
    run.told = [*run.told, {"step": 3, "loss": 0.5}]  # of weights that were not finite at the last step
    assert reproduced.measure(CLAIM, SCALE, [ARM]).diverged["nsgan"], "a line without what is read is no end"
    worst = dataclasses.replace(CLAIM, measures=(*CLAIM.measures[:2], Measure("fed", "last", "more", worst=0.0)))
    assert reproduced.measure(worst, SCALE, [ARM]).values["last"] == {"nsgan": [0.0]}
    run.told, run.steps = [*RECORDS, {"step": 4, "diverged": "behind the claim's last step"}], 4
    assert reproduced.measure(CLAIM, SCALE, [ARM]).diverged == {"nsgan": {}}


def test_what_a_claim_measures_itself_is_a_line_of_the_last_step(run, monkeypatch):
    """Bits of an arm that alone has them; the model is that of the claim's last step."""
    found = types.SimpleNamespace(step=3)
    monkeypatch.setattr(reproduced, "load_model", lambda run: found)
    monkeypatch.setattr(
        reproduced.build, "dataset", lambda preset, split: types.SimpleNamespace(kind="some", name=split)
    )
    kind = types.SimpleNamespace(held_out=lambda source: f"images of {source.name}")
    monkeypatch.setattr(reproduced.kinds, "of", {"some": kind}.get)
    run.told = [{"step": 1, "bits": 2.0}, *RECORDS]
    told = []
    measured = {"nsgan": lambda model, images: told.append((model, images)) or {"bits": 1.5}}
    measures = (Measure("bits", "bits", "less", arms=("nsgan",)), CLAIM.measures[2])
    orders = (Order("bits", "nsgan", 1.4, by=-0.2), Order("bits", "nsgan", 1.6, by=0.2, sense="more"))
    claim = dataclasses.replace(
        CLAIM, arms=("nsgan", "qrgan"), measures=measures, orders=orders, measured=measured
    )  # fmt: skip
    other = dataclasses.replace(ARM, name="qrgan")
    result = reproduced.measure(claim, SCALE, [ARM, other])
    assert told == [(found, "images of test")]
    assert result.curves["nsgan"] == [[(3, 1.5)]], "what training logs by the same name is of training examples"
    assert result.values == {"bits": {"nsgan": [1.5]}, "last": {"nsgan": [4.0], "qrgan": [4.0]}}
    # 1.5 is 0.1 worse than 1.4, where 0.2 are allowed: 0.1 to spare. And 0.1 less than 1.6, where 0.2 more are asked.
    assert [verdict.gain for verdict in result.verdicts] == pytest.approx([0.1, -0.3])
    run.diverged, other = "loss became nan at step 2", dataclasses.replace(other, fields=("fed",))
    result = reproduced.measure(claim, SCALE, [dataclasses.replace(ARM, fields=None), other])
    assert math.isnan(result.values["bits"]["nsgan"][0]) and len(told) == 1, "its last model is not measured"
    run.diverged, found.step = None, 4
    with pytest.raises(RuntimeError, match="run must have a model of step 3. It has one of 4."):
        reproduced.measure(claim, SCALE, [ARM, other])
