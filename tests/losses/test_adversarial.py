import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from qrkeras import losses
from qrkeras.losses import (
    DensityRatio,
    Hinge,
    LeastSquares,
    NonSaturating,
    QuantileRegression,
    Wasserstein,
    quantile_fractions,
)

REAL = np.array([[2.0], [0.0]], "float32")
FAKE = np.array([[1.0], [-3.0]], "float32")


def outputs(seed, n, batch=6):
    return tf.constant(np.random.default_rng(seed).normal(size=(batch, n)), tf.float32)


def gradients(objective, real, fake):
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = objective.discriminator(real, fake)
    return [g.numpy() for g in tape.gradient(loss, [real, fake])]


def test_quantile_regression_by_hand():
    # N = 2: fractions 1/4, 3/4. Real outputs 1, fake 0: -(1/4 + 3/4) / 2 * 1 = -0.5, no penalty.
    real, fake = np.ones((3, 2), "float32"), np.zeros((3, 2), "float32")
    objective = QuantileRegression(2, penalty=None)
    assert float(objective.discriminator(real, fake)) == pytest.approx(-0.5)
    # L1-square with lambda = 0.1, k = 0: + 0.1 * (1 / 2)^2 = 0.025.
    assert float(QuantileRegression(2).discriminator(real, fake)) == pytest.approx(-0.475)
    # k = 1: (1/2 - 1)^2 = 0.25, the same here; k = 0.5: nothing.
    assert float(QuantileRegression(2, norm_target=0.5).discriminator(real, fake)) == pytest.approx(-0.5)
    # L2: + 0.1 * 1/2.
    assert float(QuantileRegression(2, penalty="l2").discriminator(real, fake)) == pytest.approx(-0.45)
    # Fake outputs 2 alone: ((1 - 1/4) + (1 - 3/4)) / 2 * 2 = 1.
    assert float(objective.discriminator(fake, 2 * real)) == pytest.approx(1.0)


def test_bounded_targets_by_hand():
    # N = 1, tau = 1/2, a = 1, b = -1: |1 - mean real| / 2 + |-1 - mean fake| / 2 of the batch means.
    # mean real = 1, mean fake = -1 -> 0, although no single output equals its target.
    objective = QuantileRegression(1, real_target=1.0, fake_target=-1.0, penalty=None)
    assert float(objective.discriminator(REAL, FAKE)) == pytest.approx(0.0)
    # real outputs 3: |1 - 3| / 2 = 1.
    assert float(objective.discriminator(np.full((2, 1), 3.0, "float32"), FAKE)) == pytest.approx(1.0)


def test_bounded_targets_of_each_output_by_hand():
    # Algorithm 1, N = 1, tau = 1/2: real |1 - 2| / 2 and |1 - 0| / 2, mean 1/2; fake |-1 - 1| / 2 and |-1 + 3| / 2,
    # mean 1: together 3/2, where eq. 4, of the means 1 and -1, has 0.
    objective = QuantileRegression(1, real_target=1.0, fake_target=-1.0, penalty=None, pinball="each_output")
    assert float(objective.discriminator(REAL, FAKE)) == pytest.approx(1.5)


def test_both_forms_are_one_for_infinite_targets():
    real, fake = outputs(0, 5), outputs(1, 5)
    one, other = (
        QuantileRegression(5, pinball=form).discriminator(real, fake) for form in ("batch_mean", "each_output")
    )
    assert float(one) == pytest.approx(float(other), rel=1e-6)


def test_infinite_targets_have_the_gradient_of_any_target_beyond_the_outputs():
    real, fake = outputs(0, 5), outputs(1, 5)
    infinite = gradients(QuantileRegression(5), real, fake)
    for far in (10.0, 1e4):
        finite = gradients(QuantileRegression(5, real_target=far, fake_target=-far), real, fake)
        np.testing.assert_allclose(finite[0], infinite[0], atol=1e-7)
        np.testing.assert_allclose(finite[1], infinite[1], atol=1e-7)


def test_one_quantile_is_half_the_wasserstein_critic_loss():
    # Section 2.3: tau = 1/2, so -D(real) / 2 + D(fake) / 2.
    real, fake = outputs(2, 1), outputs(3, 1)
    half = QuantileRegression(1, penalty=None).discriminator(real, fake)
    assert float(half) == pytest.approx(0.5 * float(Wasserstein().discriminator(real, fake)), rel=1e-6)


def test_gradient_of_each_quantile_is_its_fraction():
    real, fake = outputs(4, 8), outputs(5, 8)
    tau = quantile_fractions(8)
    d_real, d_fake = gradients(QuantileRegression(8, penalty=None), real, fake)
    np.testing.assert_allclose(d_real, np.tile(-tau / (8 * 6), (6, 1)), rtol=1e-5)
    np.testing.assert_allclose(d_fake, np.tile((1 - tau) / (8 * 6), (6, 1)), rtol=1e-5)


def test_l1_square_bounds_the_outputs_and_its_optimum_is_known():
    # One quantile, D(real) = r = -D(fake): loss -r/2 - r/2 + lambda r^2, least at r = 1 / (2 lambda) = 5.
    objective = QuantileRegression(1, penalty_weight=0.1)
    grid = np.linspace(0, 10, 101, dtype="float32")
    values = [float(objective.discriminator(np.full((1, 1), r), np.full((1, 1), -r))) for r in grid]
    assert grid[int(np.argmin(values))] == pytest.approx(5.0)


def test_quantile_generators_by_hand():
    real = np.array([[1.0, 4.0], [3.0, 0.0]], "float32")  # means 2, 2
    fake = np.array([[1.0, 1.0], [0.0, 6.0]], "float32")  # means 1/2, 7/2
    # eq. 9: -(1/2 + 7/2) / 2 = -2.   eq. 7: (|2 - 1/2| + |2 - 7/2|) / 2 = 1.5.
    assert float(QuantileRegression(2).generator(fake)) == pytest.approx(-2.0)
    assert float(QuantileRegression(2, generator="match").generator(fake, real)) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="needs real_outputs"):
        QuantileRegression(2, generator="match").generator(fake)


def test_baselines_by_hand():
    # LSGAN: ((2-1)^2 + (0-1)^2)/2 = 1, (1 + 9)/2 = 5 -> 3;  generator ((1-1)^2 + (-3-1)^2)/2 / 2 = 4.
    assert float(LeastSquares().discriminator(REAL, FAKE)) == pytest.approx(3.0)
    assert float(LeastSquares().generator(FAKE)) == pytest.approx(4.0)
    # Wasserstein: mean fake - mean real = -1 - 1 = -2;  generator 1.
    assert float(Wasserstein().discriminator(REAL, FAKE)) == pytest.approx(-2.0)
    assert float(Wasserstein().generator(FAKE)) == pytest.approx(1.0)
    # Hinge: relu(1-2), relu(1-0) -> 1/2;  relu(1+1), relu(1-3) -> 1;  sum 1.5.
    assert float(Hinge().discriminator(REAL, FAKE)) == pytest.approx(1.5)
    assert float(Hinge().generator(FAKE)) == pytest.approx(1.0)
    # NSGAN: -log sigmoid(o_real) - log(1 - sigmoid(o_fake)), and -log sigmoid(o_fake).
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    expected = -np.mean(np.log(sigmoid(REAL))) - np.mean(np.log(1 - sigmoid(FAKE)))
    assert float(NonSaturating().discriminator(REAL, FAKE)) == pytest.approx(expected, rel=1e-5)
    assert float(NonSaturating().generator(FAKE)) == pytest.approx(-np.mean(np.log(sigmoid(FAKE))), rel=1e-5)


def test_density_ratio_by_hand():
    real, fake = np.array([[2.0], [0.0]], "float32"), np.array([[-1.0], [3.0]], "float32")
    # (softplus(-2) + softplus(0)) / 2 + (softplus(-1) + softplus(3)) / 2 = 0.410038 + 1.680924, and -(-1 + 3) / 2.
    assert float(DensityRatio().discriminator(real, fake)) == pytest.approx(2.090962, abs=1e-6)
    assert float(DensityRatio().generator(fake)) == -1.0
    # N(0, 1) real, N(1, 1) generated: the best discriminator is x^2 / -2 + (x - 1)^2 / 2 = 1/2 - x, and the mean of
    # x - 1/2 over N(1, 1) is KL(N(1, 1) || N(0, 1)) = 1/2.
    x = norm.ppf((np.arange(20_000) + 0.5) / 20_000) + 1.0
    assert float(DensityRatio().generator((0.5 - x)[:, None].astype("float32"))) == pytest.approx(0.5, abs=1e-4)


OBJECTIVES = [
    DensityRatio(),
    QuantileRegression(3, real_target=1.0, penalty="l2", generator="match", pinball="each_output"),
    QuantileRegression(),
    NonSaturating(),
    LeastSquares(),
    Wasserstein(),
    Hinge(),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_objectives_serialise(objective):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(objective))
    assert type(again) is type(objective)
    assert again.get_config() == objective.get_config()
    assert again.num_outputs == objective.num_outputs


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_a_generator_step_raises_what_the_discriminator_prefers(objective):
    n = objective.num_outputs
    low, high, real = (np.full((4, n), v, "float32") for v in (-0.5, 0.5, 1.0))
    assert objective.generator(high, real) < objective.generator(low, real)


def test_wrong_number_of_outputs_is_named():
    with pytest.raises(ValueError, match=r"real_outputs must have shape \(batch, 64\).*Received shape: \(4, 1\)"):
        QuantileRegression().discriminator(np.zeros((4, 1)), np.zeros((4, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalty": "l3"}, 'penalty must be "l1_square"'),
        ({"generator": "max"}, 'generator must be "maximize"'),
        ({"pinball": "all"}, 'pinball must be "batch_mean"'),
        ({"real_target": math.nan}, "real_target and fake_target"),
        ({"penalty_weight": -1.0}, "penalty_weight must be 0 or more"),
        ({"norm_target": math.nan}, "norm_target must be 0 or more"),
        ({"num_quantiles": 0}, "at least 1 quantile"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        QuantileRegression(**arguments)


def test_public_names():
    assert set(losses.__all__) <= set(dir(losses))
