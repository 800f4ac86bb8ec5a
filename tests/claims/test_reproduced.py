"""What is read of a claim's runs, and which of them are done, of runs that are made up."""

import dataclasses
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
    found = types.SimpleNamespace(preset=PRESET, steps=4, told=RECORDS)
    found.records = lambda: [record for record in found.told if record["step"] <= found.steps]
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
