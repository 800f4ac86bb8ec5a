"""What a model serves: named functions of batches."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Signature:
    """A pure function of a batch, for exports: row i of every output depends on row i of the inputs alone.

    Args:
      function: takes the inputs by name, returns a dictionary of outputs, all with the batch first.
      inputs: name -> `(shape without the batch, dtype)`.
      examples: name -> a row that the input may have, of those that zeros and halves would be no example of.
    """

    function: Callable
    inputs: dict[str, tuple[tuple[int | None, ...], str]]
    examples: dict = dataclasses.field(default_factory=dict)
