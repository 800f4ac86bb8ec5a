"""What all measures share: update, result, errors; and that a split into batches changes nothing."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrkeras import metrics
from qrkeras.metrics.batches import Kept, check_rows

ROWS, DIM = 60, 5
REAL = np.random.default_rng(0).standard_normal((ROWS, DIM))
GENERATED = 0.8 * np.random.default_rng(1).standard_normal((ROWS, DIM)).astype("float32")

# Name -> an accumulator, and the same measure of all rows at once.
MEASURES = {
    "moments": (metrics.MomentsAccumulator, metrics.moments),
    "frechet": (lambda: metrics.FrechetDistance(REAL), lambda x: metrics.frechet_distance(REAL, x)),
    "kernel": (lambda: metrics.KernelDistance(REAL, 17), lambda x: metrics.kernel_distance(REAL, x, 17)),
    "inception": (lambda: metrics.InceptionScore(7), lambda x: metrics.inception_score(x, 7)),
    "neighbours": (lambda: metrics.PrecisionRecall(REAL), lambda x: metrics.precision_recall(REAL, x)),
    "prd": (
        lambda: metrics.PrecisionRecallCurve(REAL, clusters=4, angles=11, runs=2),
        lambda x: metrics.precision_recall_curve(REAL, x, clusters=4, angles=11, runs=2),
    ),
}
accumulators = pytest.mark.parametrize("make", [make for make, _ in MEASURES.values()], ids=MEASURES)


def numbers(result):
    parts = dataclasses.astuple(result) if dataclasses.is_dataclass(result) else [result]
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("name", MEASURES)
def test_every_split_into_batches_gives_the_result_of_all_rows(name):
    make, at_once = MEASURES[name]
    expected = numbers(at_once(GENERATED))

    @settings(max_examples=10, deadline=None)
    @given(cuts=st.lists(st.integers(1, ROWS - 1), max_size=12, unique=True))
    def check(cuts):
        measure = make()
        for batch in np.split(GENERATED, sorted(cuts)):
            measure.update(batch)
        np.testing.assert_allclose(numbers(measure.result()), expected, rtol=1e-9, atol=1e-12)

    check()


@accumulators
def test_update_returns_the_measure_and_result_leaves_it_as_it_was(make):
    measure = make()
    assert measure.update(GENERATED[:20]) is measure
    first = numbers(measure.result())
    np.testing.assert_array_equal(numbers(measure.result()), first)
    measure.update(GENERATED[20:])
    np.testing.assert_allclose(numbers(measure.result()), numbers(make().update(GENERATED).result()), rtol=1e-9)


@accumulators
def test_batches_may_be_reused_by_their_owner(make):
    batch = GENERATED[:30].copy()
    measure = make().update(batch)
    batch[:] = 7
    np.testing.assert_array_equal(numbers(measure.result()), numbers(make().update(GENERATED[:30]).result()))


@accumulators
def test_no_result_before_the_first_update(make):
    with pytest.raises(RuntimeError, match=r"has seen no \w+. Call update\(\w+\) before result"):
        make().result()


@accumulators
def test_a_bad_batch_is_named_and_leaves_the_measure_as_it_was(make):
    measure = make().update(GENERATED).update(GENERATED[::-1])
    expected = numbers(measure.result())
    bad = np.ones((64, DIM))
    bad[[5, 40], 1] = np.nan
    with pytest.raises(ValueError, match="of batch 3 must be finite.* NaN in 2 of 64 rows, the first at row 5"):
        measure.update(bad)
    with pytest.raises(ValueError, match=r"of batch 4 must have 5 columns, as \w+.* Received: 6 columns"):
        measure.update(np.ones((3, 6)))
    with pytest.raises(ValueError, match=r"of batch 5 must have shape \(n, dim\).* Received shape: \(0, 5\)"):
        measure.update(np.ones((0, DIM)))
    np.testing.assert_array_equal(numbers(measure.result()), expected)


def test_errors_name_whose_dimension_it_is():
    with pytest.raises(ValueError, match="features of batch 1 must have 5 columns, as the reference has"):
        metrics.FrechetDistance(REAL).update(np.ones((3, 6)))
    with pytest.raises(ValueError, match="logits of batch 2 must have 5 columns, as batch 1 has"):
        metrics.InceptionScore().update(REAL).update(np.ones((3, 6)))
    with pytest.raises(ValueError, match="generated must have 5 columns, as real has"):
        metrics.precision_recall(REAL, np.ones((5, 6)))


@pytest.mark.parametrize("shape", [(5,), (5, 3, 1), (0, 3), (5, 0), ()])
def test_shape(shape):
    with pytest.raises(ValueError, match=r"real must have shape \(n, dim\), both at least 1. Received shape: \("):
        check_rows(np.zeros(shape), "real")


def test_rows():
    with pytest.raises(ValueError, match="real must have at least 4 rows. Received: 3"):
        check_rows(np.zeros((3, 2)), "real", least=4)


@pytest.mark.parametrize("values", [[["a"]], [[1j]], [[None]]])
def test_type(values):
    with pytest.raises(ValueError, match="real must be real numbers; cast to float32. Received: "):
        check_rows(values, "real")


def test_infinity():
    with pytest.raises(ValueError, match="real must be finite. Received: infinity in 1 of 2 rows, the first at row 1"):
        check_rows([[0.0, 1.0], [-np.inf, 1.0]], "real")


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32", "float64"])
def test_every_type_of_number(dtype):
    values = check_rows(np.array([[1, 2], [3, 4]], dtype), "real")
    assert values.dtype == ("float32" if dtype == "float32" else "float64")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])


def test_kept_is_the_first_rows():
    kept = Kept(limit=5)
    for start in range(0, 12, 3):
        kept.add(np.arange(start, start + 3)[:, None])
    np.testing.assert_array_equal(kept.all()[:, 0], range(5))
    np.testing.assert_array_equal(kept.all()[:, 0], range(5))
    with pytest.raises(ValueError, match="limit must be an integer of at least 2. Received: 1"):
        Kept(limit=1)


@pytest.mark.parametrize("name", ["neighbours", "prd"])
def test_limit(name):
    kind = {"neighbours": metrics.PrecisionRecall, "prd": metrics.PrecisionRecallCurve}[name]
    measure = kind(REAL, limit=40)
    for batch in np.split(GENERATED, 6):
        measure.update(batch)
    np.testing.assert_array_equal(numbers(measure.result()), numbers(kind(REAL).update(GENERATED[:40]).result()))
