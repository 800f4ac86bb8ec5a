"""Claims as data: what they name is there, whatever the scale."""

import re

import pytest

from qrkeras import presets
from qrkeras.claims import reproduced
from qrkeras.families import CLAIMS
from qrkeras.families.claim import changed, words

every_claim = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)


@every_claim
def test_arms_are_presets_at_every_scale(claim, tmp_path):
    for scale in claim.scales.values():
        arms = reproduced.arms(claim, scale, 2, tmp_path)
        assert [arm.name for arm in arms] == list(claim.arms)
        paths = [path for arm in arms for path in arm.paths]
        assert len(set(paths)) == 2 * len(claim.arms), "arms of one claim must be different experiments"
        assert all(len(str(path.name)) <= 130 for path in paths), "file systems take names of 255 bytes"


@every_claim
def test_orders_name_arms_and_measures(claim):
    names = {measure.name for measure in claim.measures}
    assert claim.orders and len(names) == len(claim.measures)
    for order in claim.orders:
        assert order.measure in names
        arms = claim.arms_with(claim.measure(order.measure))
        assert order.better in arms and (order.than in arms or not isinstance(order.than, str))
    assert set(claim.published) <= set(claim.arms)
    assert set(claim.measured) | set(claim.at) <= set(claim.arms) and bool(claim.against) == bool(claim.at)
    assert all(set(measure.arms) <= set(claim.arms) for measure in claim.measures)
    assert all(claim.published.values()) and bool(claim.published) == bool(claim.protocol)


@every_claim
def test_the_papers_scale_is_what_the_presets_are(claim):
    if "paper" in claim.scales:
        assert not claim.scales["paper"].changes and not claim.scales["paper"].of
    else:
        assert re.search(r"size|\d x \d", claim.scales["small"].says)


@every_claim
def test_commands_of_the_small_scale_make_its_presets(claim, tmp_path, monkeypatch):
    from qrkeras.experiments import train
    from qrkeras.verbs.train import train as verb

    made = []
    monkeypatch.setattr(train, "train", lambda name, preset, *rest, **options: made.append(preset))
    arms = reproduced.arms(claim, claim.scales["small"], 1, tmp_path) if "small" in claim.scales else []
    for arm in arms:
        verb([arm.preset_name, *arm.options])
    assert made == [arm.preset for arm in arms]


def test_words_are_options_that_make_the_same_preset(monkeypatch):
    from qrkeras.experiments import train
    from qrkeras.verbs.train import train as verb

    changes = {"network.width": 32, "data.image_size": 16, "sample_every": (1, 5), "network.spectral_norm": True}
    made = []
    monkeypatch.setattr(train, "train", lambda name, preset, *rest, **options: made.append(preset))
    verb(["mbgan-cifar10", *words(changes)])
    assert made == [changed(presets.get("mbgan-cifar10"), changes)]
    verb(["mbgan-cifar10", *words({"network.spectral_norm": False})])
    assert made[1] == presets.get("mbgan-cifar10")


def test_a_field_that_is_none():
    with pytest.raises(ValueError, match="changes must name fields of the preset. Received: network.widht"):
        changed(presets.get("mbgan-cifar10"), {"network.widht": 3})
