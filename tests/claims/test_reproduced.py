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
ARM = reproduced.Arm("nsgan", "nsgan-ring8", PRESET, (), (pathlib.Path("run"),))
RECORDS = [
    {"step": 1, "fed": 5, "kl": 2.0},
    {"step": 2, "loss": 0.1},
    {"step": 3, "fed": 4, "kl": None},  # was not finite
    {"step": 4, "fed": 9, "kl": 1.0},  # behind the claim's last step
]


@pytest.fixture
def run(monkeypatch):
    found = types.SimpleNamespace(path="run", preset=PRESET, steps=4, told=RECORDS)
    found.records = lambda: [record for record in found.told if record["step"] <= found.steps]
    found.diverged = None
    monkeypatch.setattr(reproduced.runs, "load", lambda path: found)
    return found


def test_figures_to_the_last_step(run):
    result = reproduced.measure(CLAIM, SCALE, [ARM])
    assert result.values == {"fed": {"nsgan": [5.0]}, "KL": {"nsgan": [2.0]}, "last": {"nsgan": [4.0]}}
    assert result.curves == {"nsgan": [[(1, 5.0), (3, 4.0)]]}
    assert result.verdicts[0].gain == 1.0 and result.says == "not decided"
    run.steps = 2
    with pytest.raises(RuntimeError, match="run must have fed at step 3, its last. It has none."):
        reproduced.measure(CLAIM, SCALE, [ARM])


def test_a_run_is_done_that_is_of_the_preset_and_came_to_its_steps(run):
    assert reproduced._is_done("run", PRESET)
    run.preset = dataclasses.replace(PRESET, steps=9, log_every=7)  # which a run may change when it goes on
    assert reproduced._is_done("run", PRESET)
    run.preset = changed(PRESET, {"network.width": 3})
    assert not reproduced._is_done("run", PRESET)
    run.preset, run.steps = PRESET, 2
    assert not reproduced._is_done("run", PRESET)


def test_a_run_of_images_is_done_when_it_was_evaluated(run):
    run.preset = preset = dataclasses.replace(presets.get("nsgan-digits"), steps=3)
    assert not reproduced._is_done("run", preset)
    run.told = [*RECORDS, {"step": 3, "features": "digits-cnn"}]
    assert reproduced._is_done("run", preset)


def test_a_run_that_diverged_is_done_and_the_worst(run):
    run.told = [{"step": 1, "fed": 5, "kl": 2.0}, {"step": 2, "diverged": "d_loss became nan at step 2"}]
    run.diverged = "d_loss became nan at step 2"
    assert reproduced._is_done("run", PRESET)
    result = reproduced.measure(CLAIM, SCALE, [ARM])
    assert result.values["fed"] == {"nsgan": [5.0]}  # the best before it diverged
    assert math.isnan(result.values["last"]["nsgan"][0]) and result.says == "not decided"
    assert result.diverged == {"nsgan": {0: "d_loss became nan at step 2"}}
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
    found.step = 4
    with pytest.raises(RuntimeError, match="run must have a model of step 3. It has one of 4."):
        reproduced.measure(claim, SCALE, [ARM, other])
