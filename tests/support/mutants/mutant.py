"""What a mutant is."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; `tests` are run until one fails."""

    name: str
    file: str
    old: str
    new: str
    tests: str
