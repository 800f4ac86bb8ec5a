import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qrkeras.metrics import NeighbourEstimate, Neighbourhoods, PrecisionRecall, neighbourhoods, precision_recall


def line(*values):
    return np.array(values, "float32")[:, None]


def by_definition(real, generated, k):
    """All distances at once, from differences."""

    def squared(x, y):
        return ((x[:, None].astype("float64") - y[None].astype("float64")) ** 2).sum(axis=-1)

    real_radii = np.sort(squared(real, real), axis=1)[:, k]  # 0 is the sample itself
    generated_radii = np.sort(squared(generated, generated), axis=1)[:, k]
    distance = squared(generated, real)
    in_real, in_generated = distance <= real_radii, distance <= generated_radii[:, None]
    return NeighbourEstimate(
        precision=in_real.any(axis=1).mean(),
        recall=in_generated.any(axis=0).mean(),
        density=pytest.approx(in_real.sum() / (k * len(generated))),
        coverage=in_real.any(axis=0).mean(),
    )


def test_radii_leave_out_the_sample_itself():
    # Of 0, 1, 3, 7: the nearest others are 1, 1, 2, 4 away; the third nearest 7, 6, 4, 7. Squared.
    x = line(0, 1, 3, 7)
    np.testing.assert_array_equal(neighbourhoods(x, k=1).squared_radii, [1, 1, 4, 16])
    np.testing.assert_array_equal(neighbourhoods(x, k=3).squared_radii, [49, 36, 16, 49])
    # A second 0 is another sample.
    np.testing.assert_array_equal(neighbourhoods(line(0, 0, 3), k=1).squared_radii, [0, 0, 9])


MODES = line(0, 1, 2, 3, 100, 101, 102, 103)  # radii at k = 3, in both modes: 3, 2, 2, 3


def test_dropped_mode_costs_recall_and_coverage():
    # Generated 0, 1, 2, 3, in all four balls of their mode: density 4/3. Half of the real ones are in generated
    # balls, half of the real balls are hit.
    assert precision_recall(MODES, MODES[:4]) == NeighbourEstimate(1.0, 0.5, pytest.approx(4 / 3), 0.5)


def test_invented_mode_costs_precision_and_density():
    # Half of the generated are in no ball: density 4/3 / 2.
    assert precision_recall(MODES[:4], MODES) == NeighbourEstimate(0.5, 1.0, pytest.approx(2 / 3), 1.0)


def test_all_four_differ():
    # Real 0, 1, 3 (k = 1: radii 1, 1, 2), generated 2, 4, 20, 21 (radii 2, 2, 1, 1).
    # 2 is in the balls of 1 (edge) and 3, 4 in that of 3: precision 2/4, density 3/4, coverage 2/3.
    # 0 (edge), 1 and 3 are in the ball of 2: recall 1.
    found = precision_recall(line(0, 1, 3), line(2, 4, 20, 21), k=1)
    assert found == NeighbourEstimate(0.5, 1.0, 0.75, pytest.approx(2 / 3))


def test_the_edge_is_inside():
    # The ball of 3 reaches to 6.
    real = line(0, 1, 2, 3)
    assert precision_recall(real, line(6, 6, 6, 6)).precision == 1
    assert precision_recall(real, line(*4 * [np.nextafter(np.float32(6), np.float32(7))])).precision == 0


@settings(max_examples=50, deadline=None)
@given(
    real=arrays("float32", st.tuples(st.integers(4, 20), st.just(2)), elements=st.integers(-3, 3)),
    generated=arrays("float32", st.tuples(st.integers(4, 20), st.just(2)), elements=st.integers(-3, 3)),
    block_size=st.integers(1, 25),
    k=st.integers(1, 3),
)
def test_ties_of_integers_are_exact(real, generated, block_size, k):
    assert precision_recall(real, generated, k, block_size) == by_definition(real, generated, k)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("block_size", [7, 64, 1000])
def test_random_features(block_size, scale):
    rng = np.random.default_rng(0)
    real, generated = rng.standard_normal((150, 20)), 0.8 * rng.standard_normal((130, 20)) + 0.1
    found = precision_recall(scale * real, scale * generated, block_size=block_size)
    assert found == by_definition(real, generated, 3)
    assert 0 < found.recall < found.precision < 1


@pytest.mark.parametrize("offset", [0, 1000])
def test_copies_have_the_distance_of_their_originals(offset):
    # |x|^2 + |y|^2 - 2 x . y would miss 0 by up to 1e-8 here, on either side.
    originals = np.random.default_rng(0).standard_normal((40, 64)).astype("float32") + np.float32(offset)
    real = np.repeat(originals, 5, axis=0)
    np.testing.assert_array_equal(neighbourhoods(real).squared_radii, 0)
    # Every copy lies in the balls, of radius 0, of five: density 5/3.
    assert precision_recall(real, real[::-1]) == NeighbourEstimate(1.0, 1.0, pytest.approx(5 / 3), 1.0)
    moved = np.nextafter(real, np.float32(np.inf))
    assert precision_recall(real, moved) == NeighbourEstimate(0.0, 0.0, 0.0, 0.0)


def test_copies_of_the_neighbours_on_the_edges_are_inside():
    # Every ball ends at a real sample, and a copy of that one is in it: a tie for every ball.
    real = 100 + np.random.default_rng(0).standard_normal((50, 128)).astype("float32")
    distance = ((real[:, None].astype("float64") - real[None]) ** 2).sum(axis=-1)
    edges = real[np.argsort(distance, axis=1)[:, 3]]
    expected = by_definition(real, edges, 3)
    assert expected.coverage == 1
    assert precision_recall(real, edges, block_size=13) == expected


def test_collapsed_samples():
    # All generated ones are one real sample: balls of radius 0, which only that one real sample is in.
    real = np.random.default_rng(0).standard_normal((100, 16)).astype("float32")
    found = precision_recall(real, np.repeat(real[:1], 200, axis=0))
    assert (found.precision, found.recall) == (1.0, 0.01)
    # Both have collapsed: every pair is a tie.
    same = np.ones((300, 256), "float32")
    assert precision_recall(same, same) == NeighbourEstimate(1.0, 1.0, pytest.approx(100.0), 1.0)


def test_order_does_not_matter():
    rng = np.random.default_rng(0)
    real, generated = rng.standard_normal((2, 300, 10)).astype("float32")
    expected = precision_recall(real, generated, block_size=70)
    assert precision_recall(rng.permutation(real), rng.permutation(generated), block_size=70) == expected


def test_neighbourhoods_are_found_once():
    rng = np.random.default_rng(0)
    real, generated = rng.standard_normal((2, 100, 10))
    found = neighbourhoods(real, k=2)
    assert isinstance(found, Neighbourhoods)
    expected = precision_recall(real, generated, k=2)
    assert precision_recall(found, generated, k=2) == expected
    assert PrecisionRecall(found, k=2).update(generated).result() == expected
    with pytest.raises(ValueError, match="k must be that of reference, 2. Received: 3"):
        PrecisionRecall(found)


def test_holds_no_more_than_tiles():
    n, block_size = 4000, 200
    real, generated = np.random.default_rng(0).standard_normal((2, n, 8)).astype("float32")
    tracemalloc.start()
    precision_recall(real, generated, block_size=block_size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A row of tiles is 6.4 MB, all distances are 128 MB. A tile is 0.32 MB, with what is found in it a few times that.
    assert peak < 5e6


def test_errors():
    x = np.random.default_rng(0).standard_normal((10, 2))
    with pytest.raises(ValueError, match="real must have at least 4 rows. Received: 3"):
        precision_recall(x[:3], x)
    with pytest.raises(ValueError, match="generated must have at least 6 rows. Received: 5"):
        precision_recall(x, x[:5], k=5)
    with pytest.raises(ValueError, match="PrecisionRecall with k = 3 needs at least 4 rows of features. Received: 3"):
        PrecisionRecall(x).update(x[:3]).result()
    with pytest.raises(ValueError, match="k must be an integer of at least 1. Received: 0"):
        precision_recall(x, x, k=0)
    with pytest.raises(ValueError, match="block_size must be an integer of at least 1. Received: 0"):
        neighbourhoods(x, block_size=0)
