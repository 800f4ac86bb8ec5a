import pytest
from rich.table import Table

from qrkeras.verbs import tables


def test_what_was_measured_is_not_lost(capsys):
    with tables.not_lost("| 1 |"):
        pass
    assert capsys.readouterr().out == "", "it is given back, and printed once"
    with pytest.raises(OSError, match="full"), tables.not_lost("| 1 |"):
        raise OSError("full")
    assert capsys.readouterr().out == "| 1 |\n"


def test_lines_without_a_terminal_are_160_wide():
    table = Table("a", "b", box=None, pad_edge=False)
    table.add_row("x", "y " * 200)
    head, *rows = tables.lines(table)
    assert head.split() == ["a", "b"] and len(rows) > 1 and max(map(len, rows)) == 160


def test_brackets_are_no_markup():
    table = Table("FID[digits-cnn] train", box=None, pad_edge=False)
    table.add_row("KID[inception]")
    assert [line.strip() for line in tables.lines(table)] == ["FID[digits-cnn] train", "KID[inception]"]
