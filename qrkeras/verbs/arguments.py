"""Arguments that several verbs take, under the names that errors give them."""

import pathlib
from typing import Annotated

from tyro.conf import Positional, arg

Run = Annotated[Positional[pathlib.Path], arg(metavar="RUN")]
Runs = Annotated[Positional[tuple[pathlib.Path, ...]], arg(metavar="RUN [RUN ...]", help_behavior_hint="(required)")]
Base = Annotated[Positional[pathlib.Path], arg(metavar="BASE")]
