"""What is served of a folder, with a loader that needs no TensorFlow: it reads the file `saved_model.pb`."""

import logging
import pathlib
import shutil

import pytest

from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.repository import Repository
from tests.support.servers import until


def put(base, name, number, text="good"):
    folder = pathlib.Path(base) / name / str(number)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(text)
    return folder


class Loader:
    def __init__(self):
        self.calls = []

    def __call__(self, name, number, path):
        self.calls.append((name, number))
        text = (path / "saved_model.pb").read_text()
        if text != "good":
            raise ValueError(f"it is {text}")
        return f"{name} {number}"


@pytest.fixture
def load():
    return Loader()


def states(repository, name):
    return {number: state for number, state, _ in repository.status(name)}


def test_the_newest_version_is_served(tmp_path, load):
    for number in (1, 2, 10):
        put(tmp_path, "gan", number)
    put(tmp_path, "other", 3)
    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.models() == {"gan": [10], "other": [3]}
    assert repository.get("gan") == repository.get("gan", 10) == (10, "gan 10")
    assert sorted(load.calls) == [("gan", 10), ("other", 3)]
    repository.refresh()
    assert len(load.calls) == 2


def test_a_new_version_takes_over_and_an_old_one_comes_back(tmp_path, load):
    put(tmp_path, "gan", 1)
    repository = Repository(tmp_path, load)
    repository.refresh()
    put(tmp_path, "gan", 2)
    repository.refresh()
    assert repository.models() == {"gan": [2]} and states(repository, "gan") == {2: "AVAILABLE", 1: "END"}
    shutil.rmtree(tmp_path / "gan" / "2")
    repository.refresh()
    assert repository.models() == {"gan": [1]} and states(repository, "gan") == {2: "END", 1: "AVAILABLE"}
    shutil.rmtree(tmp_path / "gan")
    repository.refresh()
    assert repository.models() == {} and states(repository, "gan") == {2: "END", 1: "END"}


def test_several_versions_and_labels(tmp_path, load):
    for number in range(1, 6):
        put(tmp_path, "gan", number)
    repository = Repository(tmp_path, load, keep=2, labels={"gan": {"stable": 1, "canary": 5, "lost": 7}})
    repository.refresh()
    assert repository.models() == {"gan": [5, 4, 1]}
    assert repository.get("gan", label="stable") == (1, "gan 1")
    assert repository.get("gan", label="canary") == (5, "gan 5")
    assert [number for number, *_ in repository.status("gan", label="stable")] == [1]
    with pytest.raises(Refused, match=r"Servable not found for request: Specific\(gan, 7\)"):
        repository.get("gan", label="lost")
    with pytest.raises(Refused, match="Unrecognized servable version label: beta") as refused:
        repository.get("gan", label="beta")
    assert refused.value.status == 400


def test_what_is_not_there(tmp_path, load):
    put(tmp_path, "gan", 1)
    repository = Repository(tmp_path, load)
    repository.refresh()
    for call, message in [
        (lambda: repository.get("half"), r"Servable not found for request: Latest\(half\)"),
        (lambda: repository.get("gan", 2), r"Servable not found for request: Specific\(gan, 2\)"),
        (lambda: repository.status("half"), "Could not find any versions of model half"),
        (lambda: repository.status("gan", 2), "Could not find version 2 of model gan"),
    ]:
        with pytest.raises(Refused, match=message) as refused:
            call()
        assert refused.value.status == 404


def test_a_version_that_does_not_load_leaves_the_old_one(tmp_path, load, caplog):
    put(tmp_path, "gan", 1)
    repository = Repository(tmp_path, load)
    repository.refresh()
    broken = put(tmp_path, "gan", 2, "half there")
    with caplog.at_level(logging.WARNING):
        repository.refresh()
        repository.refresh()
    assert repository.get("gan") == (1, "gan 1")
    message = f"{broken} is no SavedModel that can be served: it is half there"
    assert repository.status("gan") == [(2, "END", message), (1, "AVAILABLE", "")]
    assert caplog.messages == [message], "told once, and not tried again as it is"
    (broken / "saved_model.pb").write_text("good")
    repository.refresh()
    assert repository.models() == {"gan": [2]} and states(repository, "gan") == {2: "AVAILABLE", 1: "END"}


def test_a_server_starts_with_the_newest_version_that_loads(tmp_path, load):
    put(tmp_path, "gan", 1)
    put(tmp_path, "gan", 2, "broken")
    (tmp_path / "gan" / "3").mkdir()
    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.models() == {"gan": [1]}
    assert "No such file" in repository.status("gan", 3)[0][2]


def test_what_is_no_version_is_passed_over(tmp_path, load):
    for name in (".hidden/1", "gan/.tmp", "gan/latest", "gan/-1", "gan/1.5", "gan/²"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "gan" / "8").write_text("a file")
    (tmp_path / "readme").write_text("a file")
    put(tmp_path, "gan", "00000123")
    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.models() == {"gan": [123]}
    assert load.calls == [("gan", 123)]


def test_loading_shows_while_the_old_one_serves(tmp_path, load):
    seen = []

    def watching(name, number, path):
        seen.append((repository.models(), repository.status(name)))
        return load(name, number, path)

    put(tmp_path, "gan", 1)
    repository = Repository(tmp_path, watching)
    repository.refresh()
    put(tmp_path, "gan", 2)
    repository.refresh()
    assert seen == [
        ({}, [(1, "LOADING", "")]),
        ({"gan": [1]}, [(2, "LOADING", ""), (1, "AVAILABLE", "")]),
    ]


def test_a_folder_that_goes_away_stops_nothing(tmp_path, load, caplog):
    base = tmp_path / "base"
    put(base, "gan", 1)
    repository = Repository(base, load)
    repository.start(0.01)
    try:
        base.rename(tmp_path / "away")
        until(lambda: any("cannot look into" in message for message in caplog.messages))
        assert repository.get("gan") == (1, "gan 1")
        (tmp_path / "away").rename(base)
        put(base, "gan", 2)
        until(lambda: repository.models() == {"gan": [2]})
    finally:
        repository.stop()


@pytest.fixture
def locked(monkeypatch):
    """Folders that cannot be listed, whoever asks, and whose files cannot be looked at."""
    found, iterdir, stat = set(), pathlib.Path.iterdir, pathlib.Path.stat

    def ask(path, *folders):
        if found.intersection(folders):
            raise PermissionError(13, "Permission denied", str(path))

    def listed(path):
        ask(path, path)
        return iterdir(path)

    def looked_at(path, **options):
        ask(path, path.parent)
        return stat(path, **options)

    monkeypatch.setattr(pathlib.Path, "iterdir", listed)
    monkeypatch.setattr(pathlib.Path, "stat", looked_at)
    return found


def test_a_model_whose_folder_cannot_be_read_stops_no_other(tmp_path, load, locked, caplog):
    put(tmp_path, "gan", 1)
    put(tmp_path, "other", 1)
    (tmp_path / "lost+found").mkdir()
    locked.add(tmp_path / "lost+found")
    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.models() == {"gan": [1], "other": [1]}
    locked.add(tmp_path / "gan")
    put(tmp_path, "gan", 2)
    put(tmp_path, "other", 2)
    for _ in range(3):
        repository.refresh()
    assert repository.models() == {"gan": [1], "other": [2]} and repository.get("gan") == (1, "gan 1")
    refused = [message for message in caplog.messages if "cannot be read: [Errno 13] Permission denied" in message]
    assert [message.split()[0] for message in refused] == [str(tmp_path / "lost+found"), str(tmp_path / "gan")]
    locked.clear()
    repository.refresh()
    assert repository.models() == {"gan": [2], "other": [2]}
    locked.add(tmp_path / "gan")
    repository.refresh()
    assert caplog.messages[-1].startswith(f"{tmp_path / 'gan'} cannot be read"), "told again, since it was mended"


def test_a_version_whose_files_cannot_be_looked_at_is_told_once(tmp_path, load, locked, caplog):
    put(tmp_path, "gan", 1)
    locked.add(put(tmp_path, "gan", 2))
    repository = Repository(tmp_path, load)
    for _ in range(3):
        repository.refresh()
    assert repository.models() == {"gan": [1]} and "Permission denied" in repository.status("gan", 2)[0][2]
    assert len([message for message in caplog.messages if "Permission denied" in message]) == 1


def test_a_base_may_hold_a_folder_of_digits_that_cannot_be_read(tmp_path, load, locked):
    (tmp_path / "123").mkdir()
    locked.add(tmp_path / "123")
    put(tmp_path, "gan", 1)
    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.models() == {"gan": [1]}


def test_bad_folders(tmp_path, load):
    put(tmp_path, "gan", 1)
    with pytest.raises(ValueError, match="BASE must be an existing folder of models. Received: .*nowhere"):
        Repository(tmp_path / "nowhere", load)
    with pytest.raises(
        ValueError, match=f"BASE must hold a folder for each model.*Give the folder above it: {tmp_path}"
    ):
        Repository(tmp_path / "gan", load)
    with pytest.raises(ValueError, match="keep must be at least 1 version. Received: 0"):
        Repository(tmp_path, load, keep=0)
