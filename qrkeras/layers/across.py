"""What a layer that looks at other rows of its batch has, so that replicas compute what one device does.

`compile` of a model sets the attributes: a layer alone sees the batch that it is given.
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Synchronized(Protocol):
    """A layer of statistics over the batch: `keras.layers.BatchNormalization` is one.

    Attributes:
      synchronized: whether they are those of all replicas' rows together.
    """

    synchronized: bool


@runtime_checkable
class Gathering(Protocol):
    """A layer that needs every row of the batch.

    Attributes:
      gather: function of this replica's rows, `(n, ...)`, that returns all replicas', `(batch, ...)`, differentiably.
    """

    def gather(self, rows): ...


@runtime_checkable
class LooksAtBatch(Protocol):
    """A layer whose output for a row depends on the other rows, in inference too.

    Attributes:
      looks_at_batch: True. Batch normalisation has moving statistics for inference, and is none.
    """

    looks_at_batch: bool


def looks_at_batch(network):
    """Whether what a Keras model makes of a row depends on the other rows, in inference too."""
    return any(isinstance(layer, LooksAtBatch) for layer in network._flatten_layers())
