"""A progress bar outside `fit`."""

import math


def shown(batches, description, images, batch_size, verbose=1):
    """The same batches, with a bar on standard error while they are drawn; none where that is no terminal.

    Args:
      batches: iterable of `ceil(images / batch_size)` batches.   description: in front of the bar.
      verbose: 0 shows nothing.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not (verbose and console.is_terminal)
    total = math.ceil(images / batch_size)
    return track(batches, description, total=total, transient=True, disable=hidden, console=console)
