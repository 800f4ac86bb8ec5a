"""The verbs of the `qrkeras` command, one file each: what may be given with its help, the work, the table.

`qrkeras sample` is the function `sample` in `sample.py`, and so on; Python may call it, too. It gives back what is to
be printed, or prints as it goes where it takes long. A verb's file is imported when the verb is asked for, and what is
slow to import in its functions, so that help comes at once.
"""

import importlib

from qrkeras.verbs import documented

VERBS = (
    "presets",
    "train",
    "tune",
    "sample",
    "inpaint",
    "reconstruct",
    "latents",
    "decompose",
    "caption",
    "evaluate",
    "calibration",
    "export",
    "serve",
    "plot",
    "coverage",
    "reproduce",
    "contours",
    "demo",
    "rebuild",
)


def verb(name):
    """The function of the verb called `name`, with its help."""
    return documented.documented(getattr(importlib.import_module(f"{__name__}.{name}"), name))


def summary(name):
    """The first line of that help, read from the file without importing it."""
    return documented.docstring(f"{__name__}.{name}", name).partition("\n")[0]
