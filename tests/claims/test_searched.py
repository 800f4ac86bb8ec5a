"""The same settings for every arm, on seeds of their own, of runs that are made up."""

import dataclasses
import types

import pytest

from qrkeras.claims import reproduced, searched
from qrkeras.families.claim import Claim, Measure, Order, Scale, Search
from qrkeras.verbs import reproduce

SEARCH = Search(
    {("generator_optimizer.epsilon", "discriminator_optimizer.epsilon"): (1e-3, 1e-2), ("weight_clip",): (None, 0.5)},
    ("fed", "KL"),
    seeds=2,
)
SCALE = Scale("{arm}-ring8", 3, {"steps": 3}, of={"qrgan": {"network.width": 5}}, search=SEARCH)
CLAIM = Claim(
    "made up", "nothing", "nobody", ("nsgan", "qrgan"),
    (Measure("fed", "fed", "more", digits=1), Measure("kl", "KL", "less")),
    (Order("fed", "qrgan", "nsgan"),), {"small": SCALE},
)  # fmt: skip
# What the runs of a setting end with, by what their directories are called: fed and KL of both seeds.
TOLD = {
    "nsgan-ring8": [(None, 1.0), (9, 1.0)],  # the first of all, one seed of which was not finite
    "nsgan-ring8+weight_clip=0.5": [(8, 0.2), (3, 0.2)],  # as many on average, at a smaller KL: the best
    "nsgan-ring8+generator_optimizer.epsilon=0.01+discriminator_optimizer.epsilon=0.01": [(5, 0.3), (6, 0.3)],
    "qrgan-ring8+network.width=5": [(7, 0.5), (7, 0.5)],
    "qrgan-ring8+network.width=5+weight_clip=0.5": [(6, 0.1), (7, 0.1)],
}


@pytest.fixture
def trained(monkeypatch):
    """Trainings that leave what `TOLD` has, or one mode at a KL that is not finite; their arms."""
    found = []

    def load(path, preset):
        name, _, seed = str(path.name).rpartition("-")
        fed, kl = TOLD.get(name, [(1, None), (1, 2.0)])[int(seed) - searched.FIRST_SEED]
        return types.SimpleNamespace(records=lambda: [{"step": 3, "fed": fed, "kl": kl}], diverged=None)

    monkeypatch.setattr(reproduced.many, "run_of", load)
    monkeypatch.setattr(reproduced, "train", lambda arms, *rest: found.extend(arms))
    return found


def test_settings_are_each_value_with_each():
    assert list(SEARCH.settings) == [
        "epsilon 0.001, weight_clip None",
        "epsilon 0.001, weight_clip 0.5",
        "epsilon 0.01, weight_clip None",
        "epsilon 0.01, weight_clip 0.5",
    ]
    assert SEARCH.settings["epsilon 0.01, weight_clip 0.5"] == {
        "generator_optimizer.epsilon": 0.01, "discriminator_optimizer.epsilon": 0.01, "weight_clip": 0.5
    }  # fmt: skip
    assert SCALE.num_runs(2) == 2 * (3 + 4 * 2) and dataclasses.replace(SCALE, search=None).num_runs(2) == 6


def test_each_arm_has_its_own_best(trained, tmp_path):
    found = searched.search(CLAIM, SCALE, 1, tmp_path)
    assert found.best == {"nsgan": "epsilon 0.001, weight_clip 0.5", "qrgan": "epsilon 0.001, weight_clip None"}
    assert found.scale.changes_of("nsgan")["weight_clip"] == 0.5 and found.scale.search is None
    assert found.scale.changes_of("qrgan")["network.width"] == 5
    assert len(trained) == 8 and all(len(arm.paths) == 2 for arm in trained)
    judged = reproduced.arms(CLAIM, found.scale, 3, tmp_path)
    assert [arm.paths[0].name for arm in judged] == ["nsgan-ring8+weight_clip=0.5-0", "qrgan-ring8+network.width=5-0"]
    seeds = {path for arm in trained for path in arm.paths} & {path for arm in judged for path in arm.paths}
    assert not seeds, "what chose a setting must not judge it"


def test_seeds_of_a_search_are_those_of_its_directories(monkeypatch, tmp_path):
    jobs = []
    monkeypatch.setattr(reproduced.many, "train_all", lambda found, *rest: jobs.extend(found))
    reproduced.train(reproduced.arms(CLAIM, SCALE, 2, tmp_path, searched.FIRST_SEED), 1, tmp_path)
    assert [job.seed for job in jobs] == [searched.FIRST_SEED, searched.FIRST_SEED + 1] * 2
    assert all(job.path.name.endswith(f"-{job.seed}") for job in jobs)


def test_the_table_has_every_setting(trained, tmp_path):
    chosen = searched.search(CLAIM, SCALE, 1, tmp_path)
    arms = [dataclasses.replace(arm, paths=trained[0].paths) for arm in reproduced.arms(CLAIM, SCALE, 2, tmp_path)]
    result = dataclasses.replace(reproduced.measure(CLAIM, SCALE, arms), searched=chosen)
    shown = reproduce.text(result, "qrkeras reproduce made-up")
    assert (
        "| setting | nsgan | qrgan |" in shown and "2 seed(s) of its own for each setting, in the order of fed" in shown
    )
    row = next(line for line in shown.splitlines() if line.startswith("| epsilon 0.001, weight_clip 0.5"))
    assert "| **5.5 ± 3.5; 0.200 ± 0.000** | 6.5 ± 0.7; 0.100 ± 0.000 |" in row
    record = reproduce.record(result)["searched"]
    assert record["best"] == chosen.best
    assert record["values"]["epsilon 0.01, weight_clip 0.5"]["KL"]["qrgan"] == [None, 2.0]
