import dataclasses
import math

import pytest

from qrkeras import families, presets
from qrkeras.families import SPACES, optimizers
from qrkeras.families.space import Choice, LogUniform, Uniform

NAMES = sorted(SPACES)
PAPER = {  # AIQN, Supplement: what the search settled on
    "pixeliqn": [{"optimizer": "Adam", "optimizer.learning_rate": 1e-4, "kappa": 0.002}],
    "pixelcnn": [
        {"optimizer": "RmsProp", "optimizer.learning_rate": 1e-4, "optimizer.decays": "constant"},
        {"optimizer": "RmsProp", "optimizer.learning_rate": 3e-5, "optimizer.decays": "constant"},
        {"optimizer": "RmsProp", "optimizer.learning_rate": 1e-4, "optimizer.decays": "three-stage"},
    ],
}


def test_names():
    assert NAMES == ["ade", "captions", "mbgan", "pixelcnn", "pixeliqn", "qrgan"]
    with pytest.raises(ValueError, match=r"""SPACE must be one of .*pixeliqn.*Received: 'pixelqn'. Did you mean"""):
        families.space("pixelqn")
    assert families.space("qrgan") is SPACES["qrgan"]


@pytest.mark.parametrize("name", NAMES)
def test_every_range_is_cited(name):
    for parameter in families.space(name).parameters:
        assert parameter.source.startswith(("Choice: ", "AIQN, Supplement: ", "QRGAN, ", "Lucas, ")), parameter.field


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("miniature", [False, True])
def test_the_presets_own_values_lie_in_the_space(name, miniature):
    space = families.space(name)
    preset = space.preset(miniature)
    assert space.apply(preset, space.values_of(preset)) == preset


@pytest.mark.parametrize("name", sorted(PAPER))
def test_what_the_paper_settled_on_lies_well_inside(name):
    space = families.space(name)
    for values in PAPER[name]:
        space.apply(space.preset(), values)
        (rates,) = [p.range for p in space.parameters if p.field == "optimizer.learning_rate" and p.holds(values)]
        rate = values["optimizer.learning_rate"]
        assert rates.low <= rate / 3 and rate * 3 <= rates.high


def test_the_papers_budget():
    # 100K steps, 2,500 samples; of 120K and 180K of 300K steps there are 40K and 60K of 100K.
    for name in PAPER:
        preset = families.space(name).preset()
        assert (preset.steps, preset.evaluate_samples, preset.data.name) == (100_000, 2_500, "cifar10")
    assert families.space("pixelcnn").preset().optimizer == optimizers.RmsProp(1e-4, ((40_000, 3e-5), (60_000, 1e-5)))


def test_kappa_includes_the_plain_loss_and_the_papers():
    (kappa,) = [p.range for p in families.space("pixeliqn").parameters if p.field == "kappa"]
    assert 0.0 in kappa and 0.002 in kappa and 0.003 not in kappa


def test_pixeliqn_has_constant_rates_alone():
    assert "optimizer.decays" in families.space("pixelcnn").fields
    assert "optimizer.decays" not in families.space("pixeliqn").fields


def test_apply_by_hand():
    space = families.space("pixelcnn")
    preset = dataclasses.replace(space.preset(), steps=50)
    values = {"optimizer": "Sgd", "optimizer.learning_rate": 0.1, "optimizer.decays": "three-stage"}
    # 0.4 and 0.6 of 50 steps; 0.3 and 0.1 of 0.1.
    expected = optimizers.Sgd(0.1, ((20, pytest.approx(0.03)), (30, pytest.approx(0.01))))
    found = space.apply(preset, values)
    assert found.optimizer == expected
    assert dataclasses.replace(found, optimizer=preset.optimizer) == preset, "nothing else changes"
    assert space.values_of(found) == values
    assert space.apply(preset, {**values, "optimizer.decays": "constant"}).optimizer == optimizers.Sgd(0.1)


def test_an_optimizer_keeps_its_other_fields_and_another_has_its_defaults():
    space = families.space("qrgan")
    found = space.apply(space.preset(), {"generator_optimizer.learning_rate": 1e-3, "loss.num_quantiles": 8})
    assert found.generator_optimizer == optimizers.Adam(1e-3, 0.5, 0.99)
    assert found.discriminator_optimizer == optimizers.Adam(2e-4, 0.5, 0.99)
    assert found.loss.num_quantiles == 8 and found.loss.penalty_weight == 0.1
    space = families.space("pixelcnn")
    found = space.apply(space.preset(), {"optimizer": "Adam", "optimizer.learning_rate": 1e-3})
    assert found.optimizer == optimizers.Adam(1e-3, 0.9, 0.999)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"kapa": 1.0}, "values must be of optimizer, optimizer.learning_rate, kappa in pixeliqn. Received: 'kapa'"),
        ({"kappa": 0.003}, r"kappa must be of Choice\(values=\(0.0.*in pixeliqn. Received: 0.003"),
        ({"optimizer": "Sgd", "optimizer.learning_rate": 1e-5}, r"must be of LogUniform\(low=0.001.*Received: 1e-05"),
        ({"optimizer": "Adam", "optimizer.learning_rate": 0.1}, r"must be of LogUniform\(low=1e-05.*Received: 0.1"),
    ],
)
def test_values_out_of_the_space(values, message):
    space = families.space("pixeliqn")
    with pytest.raises(ValueError, match=message):
        space.apply(space.preset(), values)


@pytest.mark.parametrize("name", NAMES)
def test_the_miniature_needs_no_download(name):
    preset = families.space(name).preset(miniature=True)
    shipped = {"captions": ("scenes", "scenes-cnn")}.get(name, ("digits", "digits-cnn"))
    assert (preset.data.name, getattr(preset, "evaluate_features", None) or preset.encoder) == shipped
    assert preset.steps <= 200
    presets.check(preset)


@pytest.mark.parametrize("name, steps", [("pixelcnn", 300_000), ("pixeliqn", 300_000), ("qrgan", 100_000)])
def test_full_length_undoes_the_budget(name, steps):
    space = families.space(name)
    base = presets.get(space.base)
    assert base.steps == steps
    assert space.full_length(space.preset()) == base


def test_full_length_of_the_miniature_is_that_of_its_base():
    space = families.space("pixelcnn")
    values = {"optimizer": "RmsProp", "optimizer.learning_rate": 1e-3, "optimizer.decays": "three-stage"}
    found = space.full_length(space.apply(space.preset(miniature=True), values))
    # 0.4 and 0.6 of 3,000 steps.
    assert found.steps == 3_000 and [step for step, _ in found.optimizer.decays] == [1_200, 1_800]
    assert (found.evaluate_every, found.evaluate_samples) == (1_000, 2_000)
    # What scored the trials scores the winner.
    features = dataclasses.replace(space.preset(miniature=True), evaluate_features="mine.keras")
    assert space.full_length(features).evaluate_features == "mine.keras"


def test_ranges():
    assert 1 in Choice((1, 2)) and 3 not in Choice((1, 2))
    assert 0.5 in Uniform(0, 1) and 1.5 not in Uniform(0, 1) and math.nan not in Uniform(0, 1)
    assert "Adam" not in LogUniform(1e-3, 1)
    assert LogUniform(1e-3, 1).log and not Uniform(0, 1).log
