"""BGAN, M-BGAN and mixup GAN: shares, losses, and what an optimal discriminator says."""

import itertools
import math

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from qrkeras.losses import BatchSmoothing, Mixup, NonSaturating, bernoulli_kl
from tests.support import optimal_share

LOG2 = math.log(2)
RNG = np.random.default_rng(0)


def column(*values):
    return tf.constant(np.array(values, "float32")[:, None])


def shares_of(objective, uniforms):
    """Shares of many batches, `(batches, batch)`."""
    return tf.vectorized_map(objective.shares, tf.constant(uniforms, "float32")).numpy()


@pytest.mark.parametrize(
    ("logit", "share", "expected"),
    [
        # l(0, 0) = l(0, 1) = log 2: all or nothing against 1/2.
        (0, 0, LOG2),
        (0, 1, LOG2),
        (0, 0.5, 0),
        # sigmoid(-log 3) = 1/4: right about 1/4; about 3/4, KL = 3/4 log 3 + 1/4 log(1/3) = log(3) / 2.
        (-math.log(3), 0.25, 0),
        (-math.log(3), 0.75, math.log(3) / 2),
        # softplus(1000) - 1000 = 0: large logits stay finite.
        (1000, 1, 0),
        (-1000, 1, 1000),
    ],
)
def test_the_divergence_by_hand(logit, share, expected):
    assert float(bernoulli_kl(tf.constant(float(logit)), share)) == pytest.approx(expected, abs=1e-6)


def test_the_divergence_has_a_gradient_at_its_ends():
    logits = tf.constant([0.0, 0.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(bernoulli_kl(logits, tf.constant([0.0, 0.5, 1.0])))
    np.testing.assert_allclose(tape.gradient(loss, logits), [0.5, 0, -0.5], atol=1e-6)  # sigmoid(o) - u


@pytest.mark.parametrize(
    ("average", "discriminator", "generator"),
    [
        # o = (0, 2), y = 1/2. BGAN: the mean 1: -log 2 + softplus(1) - 1/2 = 0.120115; softplus(-1) = 0.313262.
        ("outputs", 0.120115, 0.313262),
        # M-BGAN: (0 + (-log 2 + softplus(2) - 1)) / 2 = 0.216890; (log 2 + softplus(-2)) / 2 = 0.410038.
        ("losses", 0.216890, 0.410038),
    ],
)
def test_both_averages_by_hand(average, discriminator, generator):
    objective = BatchSmoothing(average=average)
    outputs, shares = column(0, 2), tf.constant([1.0, 0.0])
    assert float(objective.discriminator(outputs, outputs, shares)) == pytest.approx(discriminator, abs=1e-6)
    assert float(objective.generator(outputs, outputs, shares)) == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("average", ["outputs", "losses"])
def test_the_second_batch_has_the_other_share(average):
    # Three of four real: logits log 3 and -log 3 are right, the other way round costs log(3) / 2 each.
    objective, shares = BatchSmoothing(average=average), tf.constant([1.0, 1.0, 0.0, 1.0])
    first, second = column(*[math.log(3)] * 4), column(*[-math.log(3)] * 4)
    assert float(objective.discriminator(first, second, shares)) == pytest.approx(0, abs=1e-6)
    assert float(objective.discriminator(second, first, shares)) == pytest.approx(math.log(3) / 2, abs=1e-6)
    # The generator wants both believed: (softplus(-log 3) + softplus(log 3)) / 2 = (log(4/3) + log 4) / 2.
    assert float(objective.generator(second, first, shares)) == pytest.approx(math.log(16 / 3) / 2, abs=1e-6)


def test_averaging_outputs_costs_no_more_than_averaging_losses():
    for _ in range(20):
        outputs = tf.constant(RNG.normal(size=(8, 1)), "float32")
        shares = tf.constant(RNG.integers(0, 2, 8), "float32")
        bgan, mbgan = (
            float(BatchSmoothing(average=average).discriminator(outputs, -outputs, shares))
            for average in ("outputs", "losses")
        )
        assert bgan <= mbgan + 1e-6
    same, shares = column(0.7, 0.7, 0.7), tf.constant([1.0, 0.0, 1.0])
    each = [float(BatchSmoothing(average=a).discriminator(same, same, shares)) for a in ("outputs", "losses")]
    assert each[0] == pytest.approx(each[1], abs=1e-6)


def test_pure_batches_are_half_of_the_plain_gan():
    real, fake = (tf.constant(RNG.normal(size=(6, 1)), "float32") for _ in range(2))
    plain = float(NonSaturating().discriminator(real, fake))
    shares = tf.ones(6)
    assert float(BatchSmoothing(0.0).discriminator(real, fake, shares)) == pytest.approx(plain / 2, rel=1e-6)
    # Of one example the two averages are one, too.
    one = [float(BatchSmoothing(0.0, a).discriminator(real[:1], fake[:1], tf.ones(1))) for a in ("outputs", "losses")]
    assert one == pytest.approx([float(NonSaturating().discriminator(real[:1], fake[:1])) / 2] * 2, rel=1e-6)


@pytest.mark.parametrize(
    ("gamma", "hopeless", "blind"), [(0.5, 1.000, 0.193), (0.4, 1.075, 0.240), (0.3, 1.186, 0.304), (0.1, 1.677, 0.505)]
)
def test_reference_values_of_the_losses(gamma, hopeless, blind):
    """Fig. 4.2's trap: g where D is always right, and d where it knows nothing, for large batches."""
    # Midpoints of v, and of the examples' uniforms: y is p, to the batch's grain.
    ratios, examples = ((np.arange(n) + 0.5) / n for n in (800, 20_000))
    uniforms = np.stack(np.broadcast_arrays(ratios[:, None], examples), axis=-1).astype("float32")
    y = shares_of(BatchSmoothing(gamma), uniforms).mean(axis=1)
    right = -0.5 * (np.log(y) + np.log1p(-y))  # softplus(-logit y), both halves
    assert right.mean() == pytest.approx(hopeless, abs=0.004)
    assert (y * np.log(y) + (1 - y) * np.log1p(-y) + LOG2).mean() == pytest.approx(blind, abs=0.001)
    told = BatchSmoothing(gamma).references()
    assert told["D always right"] == {"d_loss": 0, "g_loss": pytest.approx(hopeless, abs=5e-4)}
    assert told["D knows nothing"] == {"d_loss": pytest.approx(blind, abs=5e-4), "g_loss": pytest.approx(LOG2)}


def test_references_of_pure_batches():
    assert BatchSmoothing(0.0).references() == {
        "D always right": {"d_loss": 0.0, "g_loss": math.inf},
        "D knows nothing": {"d_loss": pytest.approx(LOG2), "g_loss": pytest.approx(LOG2)},
    }
    assert NonSaturating().references() == {}


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("size", [1, 3])
def test_shares_have_the_distribution_of_batch_smoothing(gamma, size):
    objective = BatchSmoothing(gamma)
    draws = shares_of(objective, RNG.random((6000, size, 2)))
    assert set(np.unique(draws)) <= {0.0, 1.0}
    weights = optimal_share.smoothing(size, gamma)
    for vector in itertools.product((0, 1), repeat=size):
        expected = weights[sum(vector)]
        assert np.mean((draws == vector).all(axis=1)) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 6000))


@pytest.mark.parametrize(("gamma", "v", "p"), [(0.3, 0.25, 0.15), (0.3, 0.75, 0.85), (0.5, 0.5, 0.5), (0, 0.4, 0)])
def test_the_ratio_by_hand(gamma, v, p):
    # p = 2 g v below 1/2, 1 - 2 g (1 - v) above; an example is real where its uniform lies below p.
    uniforms = tf.constant([[v, 0.0], [0.9, max(p - 1e-3, 0)], [0.1, p + 1e-3]], "float32")
    assert BatchSmoothing(gamma).shares(uniforms).numpy()[2] == 0
    assert BatchSmoothing(gamma).shares(uniforms).numpy()[1] == (p > 0)


@pytest.mark.parametrize("concentration", [0.2, 0.5, 1.0, 2.0])
def test_mixup_draws_beta_variables(concentration):
    shares = Mixup(concentration).shares(tf.constant(RNG.random((20_000, 2)), "float32")).numpy()
    assert shares.min() >= 0 and shares.max() <= 1
    assert shares.var() == pytest.approx(1 / (8 * concentration + 4), rel=0.05)
    # A float32 cannot come nearer to 1 than 6e-8, where Beta(0.2, 0.2) has some of its mass: compare the folded ones.
    folded = np.minimum(shares, 1 - shares)
    beta = scipy.stats.beta(concentration, concentration)
    least = beta.cdf(1e-6)
    seen = folded[folded > 1e-6]
    assert scipy.stats.kstest(seen, lambda x: (beta.cdf(x) - least) / (0.5 - least)).pvalue > 1e-3
    assert np.mean(shares < 0.5) == pytest.approx(0.5, abs=0.015)


def test_mixup_by_hand():
    # Shares (1, 1/4), logits 0 and log 3, both batches: ce(0, .) = log 2; ce(log 3, u) = log 4 - u log 3.
    first, second, shares = column(0, math.log(3)), column(math.log(3), 0), tf.constant([1.0, 0.25])
    expected = (2 * LOG2 + (math.log(4) - 0.25 * math.log(3)) + math.log(4)) / 4
    assert float(Mixup().discriminator(first, second, shares)) == pytest.approx(expected, abs=1e-6)
    # softplus(0) = log 2, softplus(-log 3) = log(4/3), once in each batch.
    assert float(Mixup().generator(second, first, shares)) == pytest.approx((LOG2 + math.log(4 / 3)) / 2, abs=1e-6)


ONE, OTHER = np.array([3 / 4, 1 / 4]), np.array([1 / 4, 3 / 4])


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([0], [3 / 4, 3 / 4, 3 / 4, 6 / 7]),
        ([0, 0], [21 / 26, 0.836283, 9 / 10, 0.882353]),
        ([0, 1], [1 / 2, 1 / 2, 1 / 2, 0.636364]),
        ([0, 0, 0], [17 / 20, 0.890288, 27 / 28, 0.901408]),
        ([0, 0, 1], [83 / 132, 0.658046, 3 / 4, 0.734908]),
    ],
)
def test_the_oracle_against_enumeration(batch, expected):
    size = len(batch)
    priors = [
        optimal_share.uniform(size),
        optimal_share.smoothing(size, 0.3),
        optimal_share.smoothing(size, 0.0),
        optimal_share.beta(size, 2, 1),
    ]
    for weights, value in zip(priors, expected, strict=True):
        assert optimal_share.enumerated(ONE[batch], OTHER[batch], weights) == pytest.approx(value, abs=1e-6)
        assert optimal_share.optimal(ONE[batch], OTHER[batch], weights) == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(optimal_share.smoothing(size, 0.5), optimal_share.uniform(size), rtol=1e-9)


@pytest.mark.parametrize("average", ["outputs", "losses"])
@pytest.mark.parametrize("gamma", [0.5, 0.3, 0.0])
def test_the_expected_loss_is_least_at_the_optimal_share(average, gamma):
    """Over all batches of two letters and all mixtures: no other table of logits has a smaller loss."""
    size, objective = 3, BatchSmoothing(gamma, average)
    weights = optimal_share.smoothing(size, gamma)
    batches = list(itertools.product((0, 1), repeat=size))
    best = {b: optimal_share.optimal(ONE[list(b)], OTHER[list(b)], weights) for b in batches}

    def expected_loss(shift):
        total = 0.0
        for real in itertools.product((0, 1), repeat=size):
            mask = np.array(real, bool)
            for b in batches:
                letters = list(b)
                probability = weights[mask.sum()] * np.prod(np.where(mask, ONE[letters], OTHER[letters]))
                logit = math.log(best[b] / (1 - best[b])) + shift.get(b, 0.0)
                outputs = column(*[logit] * size)
                shares = tf.constant(mask.astype("float32"))
                # The second half alone is another batch: both halves of the same one cost the same on average.
                loss = objective._distance(outputs, tf.reduce_mean(shares))
                total += probability * float(loss)
        return total

    least = expected_loss({})
    for b in ((0, 0, 0), (0, 0, 1), (1, 0, 1)):
        for shift in (0.3, -0.3):
            assert expected_loss({b: shift}) > least + 1e-5


def test_alike_and_apart():
    weights = optimal_share.uniform(4)
    assert optimal_share.optimal(np.ones(4), np.ones(4), weights) == pytest.approx(0.5)
    # Disjoint supports: #beta / B.
    assert optimal_share.optimal([1, 1, 0, 1], [0, 0, 1, 0], weights) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchSmoothing(0.6), r"smoothing must be in \[0, 1/2\].*Received: 0.6"),
        (lambda: BatchSmoothing(-0.1), r"smoothing must be in \[0, 1/2\].*Received: -0.1"),
        (lambda: BatchSmoothing(math.nan), r"smoothing must be in \[0, 1/2\].*Received: nan"),
        (lambda: BatchSmoothing(average="mean"), 'average must be "outputs" .BGAN. or "losses".*Received: \'mean\''),
        (lambda: Mixup(0.0), "concentration must be a positive number. Received: 0.0"),
        (lambda: Mixup().discriminator(column(0), column(0)), "shares and the outputs of both batches.*shares=None"),
        (lambda: BatchSmoothing().generator(column(0), None, tf.ones(1)), "both batches.*no outputs of the second"),
        (lambda: Mixup().discriminator(tf.zeros((2, 3)), column(0, 0), tf.ones(2)), r"first_outputs must have shape"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("objective", [BatchSmoothing(0.3, "outputs"), Mixup(0.4)], ids=["smoothing", "mixup"])
def test_configurations_survive(objective):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(objective))
    assert type(again) is type(objective) and again.get_config() == objective.get_config()


def test_the_share_that_outputs_say():
    assert float(BatchSmoothing().real_share(column(0, 2 * math.log(3)))) == pytest.approx(0.75)
