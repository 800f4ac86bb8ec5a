"""Files that are there whole or not at all."""

import multiprocessing
import pathlib

import pytest

from qrkeras.machine import durable


def written(path, text):
    for _ in range(50):
        durable.write(path, text)


def test_several_processes_write_one_file(tmp_path):
    file = tmp_path / "sweep.json"
    context = multiprocessing.get_context("spawn")
    texts = [letter * 10_000 for letter in "abc"]
    writers = [context.Process(target=written, args=(file, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert file.read_text() in texts and list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "a.json"
    durable.write(file, "old")

    def full(self, *text):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write(file, "new")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
