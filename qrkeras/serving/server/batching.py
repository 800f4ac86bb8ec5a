"""Micro-batching: requests that wait for one signature run together."""

import asyncio
import collections
import contextlib
import dataclasses

import numpy as np

from qrkeras.serving.server.errors import Refused


@dataclasses.dataclass
class _Waiting:
    inputs: dict
    rows: int
    future: asyncio.Future

    @property
    def shapes(self):
        return [array.shape[1:] for array in self.inputs.values()]


class Batcher:
    """Runs a signature on rows of several requests at a time, one batch after another.

    A request that finds the signature idle runs at once; those that come meanwhile form the next batch, so batches grow
    with the load and an idle server adds no delay. Rows are joined on the batch axis and nothing is padded: requests
    whose other sizes differ do not share a batch. Where a batch fails, each of its requests runs alone: a bad row fails
    nobody else.

    Args:
      signature: `Signature`.   limits: `Limits`.   pool: executor of the calls.   observe: told the rows of each batch.
    """

    def __init__(self, signature, limits, pool, observe=lambda rows: None):
        self.signature = signature
        self._limits, self._pool, self._observe = limits, pool, observe
        self._queue = collections.deque()
        self._worker = None
        self._full = None

    async def __call__(self, inputs):
        """`{name: array}` of the outputs for `{name: array}`; raises Refused."""
        rows = self._rows(inputs)
        waiting = _Waiting(inputs, rows, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        elif self._full is not None and self._rows_waiting() >= self._limits.max_batch:
            self._full.set()
        return await waiting.future

    def _rows(self, inputs):
        if not self.signature.batch_major:
            return self._limits.max_batch  # it runs alone
        sizes = {name: len(array) for name, array in inputs.items()}
        rows = max(sizes.values())
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise Refused(400, f"inputs must agree in their first size, the batch. Received: {listed}")
        if rows > self._limits.max_batch:
            names = ", ".join(sizes)
            raise Refused(400, f"{names} must have at most {self._limits.max_batch} rows, the batch. Received: {rows}")
        return rows

    async def _work(self):
        loop = asyncio.get_running_loop()
        while self._queue:
            if self._limits.max_delay_ms and self._rows_waiting() < self._limits.max_batch:
                self._full = asyncio.Event()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._limits.max_delay_ms / 1e3)
                self._full = None
            if batch := self._take():
                try:
                    results = await loop.run_in_executor(self._pool, self._run, batch)
                except Exception as error:  # of the pool; the next batch must not wait for this one
                    results = [error] * len(batch)
                for waiting, result in zip(batch, results, strict=True):
                    if waiting.future.done():  # its deadline passed meanwhile
                        continue
                    if isinstance(result, Exception):
                        waiting.future.set_exception(result)
                    else:
                        waiting.future.set_result(result)
        self._worker = None

    def _rows_waiting(self):
        return sum(waiting.rows for waiting in self._queue)

    def _take(self):
        batch, rows = [], 0
        while self._queue:
            waiting = self._queue[0]
            if not waiting.future.done():
                if batch and (rows + waiting.rows > self._limits.max_batch or waiting.shapes != batch[0].shapes):
                    break
                batch.append(waiting)
                rows += waiting.rows
            self._queue.popleft()
        return batch

    def _run(self, batch):
        if len(batch) > 1:
            joined = {name: np.concatenate([w.inputs[name] for w in batch]) for name in batch[0].inputs}
            sizes = [waiting.rows for waiting in batch]
            try:
                outputs = self.signature(joined)
                if all(len(array) == sum(sizes) for array in outputs.values()):
                    self._observe(sum(sizes))
                    cuts = np.cumsum(sizes)[:-1]
                    parts = {name: np.split(array, cuts) for name, array in outputs.items()}
                    return [{name: part[i] for name, part in parts.items()} for i in range(len(batch))]
            except Exception:  # whose fault it was shows when each runs alone
                pass
        return [self._run_alone(waiting) for waiting in batch]

    def _run_alone(self, waiting):
        self._observe(waiting.rows)
        try:
            return self.signature(waiting.inputs)
        except Exception as error:
            return error
