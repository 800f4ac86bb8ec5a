"""Whose a directory is; what runs and sweeps make of it is tested with them."""

import pytest

from qrkeras.experiments import directories


def test_outputs_are_no_files_of_a_runs_own(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    directories.check_outputs([run / "evaluated.json", tmp_path / "config.json"])
    for name in ("config.json", "evaluation.png"):
        with pytest.raises(ValueError, match=f"output must be no file of a run .*Received: .*{name}"):
            directories.check_outputs([run / "evaluated.json", run / name])


def test_a_file_that_is_written_at_the_end_is_checked_first(tmp_path):
    (tmp_path / "made.png").mkdir()
    (tmp_path / "config.json").touch()
    directories.check_file(tmp_path / "x.png", ".png", ".npy")
    for name, message in (
        ("x.gif", "output must end in .png or .npy. Received: .*x.gif"),
        ("made.png", "output must be a file. Received: .*made.png, which is a directory"),
        ("evaluation.png", "output must be no file of a run"),
    ):
        with pytest.raises(ValueError, match=message):
            directories.check_file(tmp_path / name, ".png", ".npy")


@pytest.mark.parametrize("mark", ["config.json", "sweep.json", "oracle.json"])
def test_a_run_is_no_folder_for_runs(tmp_path, mark):
    directories.check_parent(tmp_path, "runs_dir")
    (tmp_path / mark).touch()
    with pytest.raises(ValueError, match=f"^runs_dir must be a folder for runs. Received: .*, which holds {mark}"):
        directories.check_parent(tmp_path, "runs_dir")


def test_the_first_names_are_told(tmp_path):
    assert directories.listed(tmp_path) == ""
    for name in ("lock", ".hidden", *"abcdefg"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    assert directories.listed(tmp_path, ("lock", "[fg]")) == "a, b, c, d, e"
    assert directories.listed(tmp_path, ("lock",)) == "a, b, c, d, e and 2 more"


def test_what_cannot_be_understood_is_refused_by_name(tmp_path):
    (tmp_path / "sweep.json").write_text('{"space": 3}')
    with directories.read(tmp_path, "SWEEP", "sweep.json", "tune") as known:
        assert known == {"space": 3}
    with (
        pytest.raises(ValueError, match="^SWEEP must hold a readable sweep.json. Received: .* .'seed'."),
        directories.read(tmp_path, "SWEEP", "sweep.json", "tune") as known,
    ):
        known["seed"]
    with (
        pytest.raises(ValueError, match="^RUN must be a run directory, .* `qrkeras train` makes one."),
        directories.read(tmp_path, "RUN", "config.json", "train"),
    ):
        pass
