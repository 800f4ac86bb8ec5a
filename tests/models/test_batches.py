import numpy as np
import pytest

from qrkeras.models import batches


@pytest.mark.parametrize(("n", "size", "workers"), [(10, 4, 2), (50, 8, 3), (7, 100, 2), (3, 5, 5), (9, 3, 1)])
def test_shares_of_workers_put_together_are_all_rows_in_order(n, size, workers):
    shares = [batches.shared(n, size, (i, workers)) for i in range(workers)]
    (at_once,) = {each for _, each in shares}
    assert at_once <= size and {len(own) for own, _ in shares} == {len(shares[0][0])}
    rounds = [own.reshape(-1, at_once) for own, _ in shares]
    met = np.concatenate([own[k] for k in range(len(rounds[0])) for own in rounds])
    np.testing.assert_array_equal(met[:n], np.arange(n))
    assert (met[n:] == n - 1).all() and len(met) - n < at_once * workers


def test_a_small_share():
    # Ten rows for two workers, four at a time: 0-3 and 4-7, then 8, 9, 9, 9 and 9, 9, 9, 9.
    own, at_once = batches.shared(10, 4, (0, 2))
    assert (own.tolist(), at_once) == ([0, 1, 2, 3, 8, 9, 9, 9], 4)
    assert batches.shared(10, 4, (1, 2))[0].tolist() == [4, 5, 6, 7, 9, 9, 9, 9]
