"""Data by name, as endless batches whose order is a function of (seed, step).

`load(name)` and `from_arrays(array)` return one of three small classes with one interface: `Mixture` (endless points),
`Examples` (by index) and `Records` (a stream too large for memory). Each has `name`, `kind` (of `qrkeras.kinds`),
`shape`, `dtype`, `size`, `num_classes`, `batches(batch_size, seed, start_step)` and `evaluation_batches(batch_size)`;
`take(source, n)` makes NumPy arrays of it. Images stay uint8 in 0..255: the model maps them to [-1, 1]. `fingerprint()`
tells data that was replaced from data that was moved, and `left_out` names what lay beside them.

Where labels were asked for, every batch is a pair `(examples, labels)`, labels `(batch,)` int32 in
`[0, num_classes)`; examples and order are the same as without. Else `num_classes` is None.
"""

from qrkeras.data.captioned import CaptionedImages
from qrkeras.data.catalog import NAMES, held_out_splits, known_kind, known_shape, load
from qrkeras.data.examples import Examples, from_arrays
from qrkeras.data.mixtures import Mixture
from qrkeras.data.order import take
from qrkeras.data.records import Records

__all__ = [
    "NAMES",
    "CaptionedImages",
    "Examples",
    "Mixture",
    "Records",
    "from_arrays",
    "held_out_splits",
    "known_kind",
    "known_shape",
    "load",
    "take",
]
