import collections
import math

import keras_tuner
import pytest
from keras_tuner.oracles import RandomSearchOracle

from qrkeras import families
from qrkeras.search.hypermodel import PresetHyperModel


@pytest.mark.parametrize("name", sorted(families.SPACES))
def test_the_defaults_build_a_preset_of_the_space(name):
    space = families.space(name)
    hp = keras_tuner.HyperParameters()
    preset = PresetHyperModel(space, space.preset()).build(hp)
    assert set(hp.values) == set(space.fields)
    assert space.apply(space.preset(), hp.values) == preset


def drawn(space, n):
    """What keras-tuner's own random search draws, with every condition found as its tuner finds them."""
    oracle = RandomSearchOracle(objective=keras_tuner.Objective("fid", "min"), max_trials=n, seed=3)
    oracle._display.verbose = 0
    hypermodel = PresetHyperModel(space, space.preset())
    hp = oracle.get_space()
    for optimizer in ("RmsProp", "Sgd"):
        hp.values["optimizer"] = optimizer
        hypermodel.build(hp)
        oracle.update_space(hp)
    return [oracle._random_values() for _ in range(n)]


def test_random_values_lie_in_the_range_of_their_optimizer():
    space = families.space("pixeliqn")
    found = drawn(space, 300)
    for values in found:
        assert set(values) == set(space.fields)
        space.apply(space.preset(), values)  # refuses what is out of range
    counts = collections.Counter(values["optimizer"] for values in found)
    # 100 each, of standard deviation sqrt(300 * 1/3 * 2/3) = 8.2; four of them.
    assert set(counts) == {"RmsProp", "Adam", "Sgd"} and all(67 <= n <= 133 for n in counts.values())
    rates = [math.log10(v["optimizer.learning_rate"]) for v in found if v["optimizer"] != "Sgd"]
    # Log-uniform on [-5, -2]: mean -3.5, standard deviation 3 / sqrt(12) = 0.87, of about 200 draws 0.061.
    assert sum(rates) / len(rates) == pytest.approx(-3.5, abs=0.25)


def test_a_build_of_given_values():
    space = families.space("pixeliqn")
    hp = keras_tuner.HyperParameters()
    hp.values = {"optimizer": "Sgd", "optimizer.learning_rate": 0.5, "kappa": 0.0}
    preset = PresetHyperModel(space, space.preset()).build(hp)
    assert type(preset.optimizer).__name__ == "Sgd"
    assert (preset.optimizer.learning_rate, preset.kappa) == (0.5, 0.0)
