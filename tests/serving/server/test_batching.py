"""Micro-batching of a function that only NumPy knows."""

import asyncio
import concurrent.futures
import threading

import numpy as np
import pytest

from qrkeras.serving.server.batching import Batcher
from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.limits import Limits


class Doubles:
    """y = 2 x by rows. It runs when `go` says so, and keeps the rows of every batch; -1 fails its batch."""

    batch_major = True

    def __init__(self):
        self.batches, self.go = [], threading.Event()
        self.go.set()

    def __call__(self, inputs):
        assert self.go.wait(600)
        self.batches.append(len(inputs["x"]))
        if (inputs["x"] == -1).any():
            raise Refused(400, "x must be 0 or more")
        return {"y": 2 * inputs["x"]}


def run(scenario, doubles, **limits):
    """Runs `scenario(batcher)`; returns what it returned, and the rows that were observed."""
    seen = []

    async def main():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return await asyncio.wait_for(scenario(Batcher(doubles, Limits(**limits), pool, seen.append)), 600)

    return asyncio.run(main()), seen


def ask(batcher, *values):
    return asyncio.ensure_future(batcher({"x": np.array(values)}))


async def first_in(batcher, doubles, *values):
    """A request that occupies the signature until `go`."""
    doubles.go.clear()
    first = ask(batcher, *values)
    await asyncio.sleep(0.05)
    return first


def test_requests_that_come_meanwhile_share_a_batch():
    doubles = Doubles()

    async def scenario(batcher):
        first = await first_in(batcher, doubles, 0)
        others = [ask(batcher, i, 10 * i) for i in range(1, 6)]
        await asyncio.sleep(0.05)
        doubles.go.set()
        return [(await each)["y"].tolist() for each in [first, *others]]

    # Of five requests of 2 rows, four fit the 8 rows of a batch.
    answers, seen = run(scenario, doubles, max_batch=8)
    assert answers == [[0], [2, 20], [4, 40], [6, 60], [8, 80], [10, 100]]
    assert doubles.batches == seen == [1, 8, 2]


def test_one_batch_at_a_time_is_one_by_one():
    doubles = Doubles()

    async def scenario(batcher):
        return await asyncio.gather(*(ask(batcher, i) for i in range(5)))

    assert [int(a["y"][0]) for a in run(scenario, doubles, max_batch=1)[0]] == [0, 2, 4, 6, 8]
    assert doubles.batches == [1] * 5


def test_a_delay_waits_for_company_and_ends_when_the_batch_is_full():
    doubles = Doubles()

    async def scenario(batcher):
        start = asyncio.get_running_loop().time()
        first = ask(batcher, 1)
        await asyncio.sleep(0.02)
        second = ask(batcher, 2, 3)
        await asyncio.gather(first, second)
        return asyncio.get_running_loop().time() - start

    seconds, _ = run(scenario, doubles, max_batch=3, max_delay_ms=600_000)
    assert doubles.batches == [3] and seconds < 300

    seconds, _ = run(scenario, doubles, max_batch=4, max_delay_ms=100)
    assert doubles.batches[1:] == [3] and seconds >= 0.1


def test_a_bad_row_fails_nobody_else():
    doubles = Doubles()

    async def scenario(batcher):
        first = await first_in(batcher, doubles, 0)
        others = [ask(batcher, 1), ask(batcher, -1), ask(batcher, 3)]
        await asyncio.sleep(0.05)
        doubles.go.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    answers, seen = run(scenario, doubles)
    assert [answers[i]["y"].tolist() for i in (0, 1, 3)] == [[0], [2], [6]]
    assert isinstance(answers[2], Refused) and str(answers[2]) == "x must be 0 or more"
    assert doubles.batches == [1, 3, 1, 1, 1] and seen == [1, 1, 1, 1], "the batch that failed answered nobody"


def test_a_pool_that_fails_leaves_nobody_waiting():
    async def scenario(batcher):
        batcher._pool.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            await ask(batcher, 1)
        with pytest.raises(RuntimeError, match="after shutdown"):  # at once, not when its time is over
            await ask(batcher, 2)

    run(scenario, Doubles())


def test_other_sizes_do_not_share():
    doubles = Doubles()

    async def scenario(batcher):
        first = await first_in(batcher, doubles, 0)
        shapes = [(1, 2), (1, 2), (1, 3), (1, 2)]
        others = [asyncio.ensure_future(batcher({"x": np.ones(shape)})) for shape in shapes]
        await asyncio.sleep(0.05)
        doubles.go.set()
        await first
        return [(await each)["y"].shape for each in others]

    assert run(scenario, doubles)[0] == [(1, 2), (1, 2), (1, 3), (1, 2)]
    assert doubles.batches == [1, 2, 1, 1]


def test_outputs_without_rows_are_not_cut():
    """A signature that promises rows and gives something else: each request is asked alone."""

    class Sums(Doubles):
        def __call__(self, inputs):
            return {"y": super().__call__(inputs)["y"].sum(keepdims=True)}

    doubles = Sums()

    async def scenario(batcher):
        first = await first_in(batcher, doubles, 0)
        others = [ask(batcher, 1, 2), ask(batcher, 3, 4)]
        await asyncio.sleep(0.05)
        doubles.go.set()
        await first
        return [(await each)["y"].tolist() for each in others]

    assert run(scenario, doubles)[0] == [[6], [14]]


def test_who_gave_up_is_not_computed():
    doubles = Doubles()

    async def scenario(batcher):
        first = await first_in(batcher, doubles, 0)
        late = ask(batcher, 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late, 0.05)
        doubles.go.set()
        await first
        return (await ask(batcher, 7))["y"].tolist()

    assert run(scenario, doubles)[0] == [14]
    assert doubles.batches == [1, 1]


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"x": np.ones(2), "z": np.ones(3)}, "inputs must agree in their first size, the batch. Received: x 2, z 3"),
        ({"x": np.ones(5)}, "x must have at most 4 rows, the batch. Received: 5"),
    ],
)
def test_refused(inputs, message):
    with pytest.raises(Refused, match=message) as refused:
        run(lambda batcher: batcher(inputs), Doubles(), max_batch=4)
    assert refused.value.status == 400


def test_what_has_no_batch_runs_alone():
    doubles = Doubles()
    doubles.batch_major = False

    async def scenario(batcher):
        return await asyncio.gather(*(ask(batcher, *range(i)) for i in (1, 9, 2)))

    answers, _ = run(scenario, doubles, max_batch=4)
    assert [len(answer["y"]) for answer in answers] == [1, 9, 2] == doubles.batches


@pytest.mark.parametrize(
    "limits, message",
    [
        ({"max_batch": 0}, "max_batch must be at least 1. Received: 0"),
        ({"max_waiting": 0}, "max_waiting must be at least 1. Received: 0"),
        ({"max_request_mb": 0.0}, "max_request_mb must be above 0. Received: 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s must be above 0. Received: nan"),
        ({"max_delay_ms": -1.0}, "max_delay_ms must be 0 or more. Received: -1.0"),
    ],
)
def test_limits(limits, message):
    with pytest.raises(ValueError, match=message):
        Limits(**limits)
