import io
import os
import sys

import pytest

from qrkeras.machine.terminal import Output, plain_output


@pytest.mark.parametrize(
    "encoding, shown",
    [
        ("ascii", "1 +/- 2, MMD^2, +-|, caf?, ?, ?"),
        ("latin-1", "1 ± 2, MMD², +-|, café, ?, ?"),
        ("utf-8", "1 ± 2, MMD², ╭─│, café, 犬, ?"),
    ],
)
def test_a_terminal_shows_what_it_can(encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    # The last is a byte of a file's name that is no UTF-8.
    print("1 ± 2, MMD², ╭─│, café, 犬, \udce9", file=Output(stream), flush=True)
    assert stream.buffer.getvalue().decode(encoding) == shown + "\n"


def test_a_stream_without_an_encoding():
    stream = io.StringIO()
    Output(stream).writelines(["±", "\udce9"])
    assert stream.getvalue() == "±\udce9"


def test_a_pipe_whose_reader_has_gone():
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        shown = Output(stream)
        assert shown.write("x" * 10**6) == 10**6 and not shown.isatty()
        shown.flush()
        print("nobody hears this", file=shown, flush=True)


def test_streams_come_back_as_they_were(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), plain_output():
        print("nowhere")
        assert isinstance(sys.stderr, Output)
        raise KeyError
    assert (sys.stdout, sys.stderr) == before
