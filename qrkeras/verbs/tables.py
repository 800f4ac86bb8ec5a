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
