"""Tables on their way to the terminal."""

import contextlib
import sys


def lines(table):
    """Lines of a table of rich, as wide as the terminal, or 160 characters where there is none."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 160, markup=False)
    with console.capture() as shown:
        console.print(table)
    return shown.get().splitlines()


@contextlib.contextmanager
def not_lost(table):
    """Prints what was measured, perhaps for hours, if its files cannot be written."""
    try:
        yield
    except BaseException:
        print(table)
        raise


def spread(values, digits):
    """Mean and standard deviation of finite values, as they stand in a table."""
    import numpy as np

    finite = np.asarray([v for v in values if np.isfinite(v)], "float64")
    if not len(finite):
        return "none"
    text = f"{finite.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ± {finite.std(ddof=1) if len(finite) > 1 else 0:.{digits}f}"
    return text if len(finite) == len(values) else f"{text} ({len(finite)} of {len(values)} finite)"
