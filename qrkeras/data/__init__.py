"""Data by name, as endless batches whose order is a function of (seed, step).

`load(name)` and `from_arrays(array)` return one of three small classes with one interface:
`Mixture` (endless points), `Examples` (images by index) and `Records` (a stream too large for
memory). Each has `name`, `shape`, `dtype`, `size`, `batches(batch_size, seed, start_step)` and
`evaluation_batches(batch_size)`. Images stay uint8 in 0..255: the model maps them to [-1, 1].
"""

from qrkeras.data.catalog import NAMES, load
from qrkeras.data.examples import Examples, from_arrays
from qrkeras.data.mixtures import Mixture
from qrkeras.data.records import Records

__all__ = ["NAMES", "Examples", "Mixture", "Records", "from_arrays", "load"]
