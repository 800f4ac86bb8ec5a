"""Intervals against SciPy's own, and what is made of them."""

import math

import numpy as np
import pytest
from scipy import stats

from qrkeras.claims.verdict import Verdict, judge, together

LOW, HIGH = [1.0, 1.2, 0.9, 1.1], [2.0, 2.3, 1.8, 2.1]


def test_interval_against_scipys_welch_test():
    found = judge(HIGH, LOW, "more")
    wanted = stats.ttest_ind(HIGH, LOW, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.gain == pytest.approx(1.0) and found.seeds == (4, 4) and found.says == "held"


def test_of_a_number_against_scipys_one_sample_test():
    found = judge(LOW, 0.8, "more")
    wanted = stats.ttest_1samp(LOW, 0.8).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low - 0.8, wanted.high - 0.8))
    assert judge(LOW, 0.95, "more").says == "not decided" and judge(LOW, 0.95, "more").seeds == (3, 4)


def test_the_order_that_is_expected():
    assert judge(LOW, HIGH, "less").says == "held"
    assert judge(LOW, HIGH, "more").says == "failed" and judge(LOW, HIGH, "more").seeds == (0, 4)
    assert judge(LOW, LOW, "less").says == "not decided"


def test_one_seed_decides_nothing():
    found = judge([1.0], [2.0], "less")
    assert found.says == "not decided" and found.seeds == (1, 1) and math.isnan(found.low)


def test_seeds_that_all_agree():
    # No scatter: the interval is a point. 25 of 25 modes in every seed, against 7.
    assert judge([25, 25, 25], [7, 7, 7], "more") == Verdict(18.0, 18.0, 18.0, (3, 3), "held")
    assert judge([25, 25, 25], [25, 25, 25], "more").says == "not decided"
    assert judge([25, 25], [7, 7], "more").says == "not decided", "two may be the same by chance"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_diverged_run_is_worst_and_has_no_interval(broken):
    found = judge([1.0, broken], [2.0, 2.0], "less")
    assert found.says == "not decided" and found.seeds == (1, 2)
    assert judge([1.0, 1.0], [2.0, broken], "less").seeds == (2, 2)


def test_claims_of_several_orders():
    held, failed, undecided = judge(HIGH, LOW, "more"), judge(LOW, HIGH, "more"), judge(LOW, LOW, "more")
    assert together([held, held]) == "held" and together([held, undecided]) == "not decided"
    assert together([held, undecided, failed]) == "failed"
    assert np.isfinite(held.gain)
