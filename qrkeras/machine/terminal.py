"""Standard output and error as they are: a terminal that may know few characters, or a pipe whose reader may go."""

import codecs
import contextlib
import os
import sys

SPELT = {"±": "+/-", "²": "^2", "×": "x", "…": "...", "−": "-", "–": "-", "—": "-"}
LINES = {"─": "-", "━": "-", "│": "|", "┃": "|", "╸": "-", "╺": "-"}


def _spell(error):
    """What stands for characters that an encoding lacks; "?" for most of them, and for bytes that are no characters."""
    lacking = error.object[error.start : error.end]
    return "".join({**SPELT, **LINES}.get(c, "+" if "─" <= c <= "╿" else "?") for c in lacking), error.end


codecs.register_error("qrkeras.spell", _spell)


class Output:
    """A stream that prints what its terminal can show, and nothing any more once its reader has gone.

    The verb does not end with its reader: what it computes is still saved.
    """

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        encoding = self._stream.encoding
        shown = text.encode(encoding, "qrkeras.spell").decode(encoding) if encoding else text
        with self._while_read():
            self._stream.write(shown)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        with self._while_read():
            self._stream.flush()

    @contextlib.contextmanager
    def _while_read(self):
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def plain_output():
    """`Output` in place of standard output and error; nothing is shown where they are closed."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w") as nowhere:
        sys.stdout, sys.stderr = (Output(stream or nowhere) for stream in before)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            sys.stdout, sys.stderr = before
