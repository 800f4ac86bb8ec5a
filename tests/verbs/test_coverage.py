import io
import shutil
import sys

import pytest

from qrkeras import cli
from qrkeras.experiments import many, runs
from qrkeras.verbs import coverage
from qrkeras.verbs.coverage import Result


def result(preset, seed, fed, captured, quality, kl):
    return Result(preset, seed, 1000, 8, captured, fed, quality, kl)


def test_table_by_hand():
    # Captured 8 and 6: mean 7, deviation sqrt(((8-7)^2 + (6-7)^2) / 1) = 1.4. Fed 8 and 4: 6, sqrt(8) = 2.8; one of two
    # holds all. Quality 0.9 and 0.7: 0.8, sqrt(0.02) = 0.141. KL 0.1 and 0.3: 0.2, 0.141.
    rows = [result("a", 0, 8, 8, 0.9, 0.1), result("a", 1, 4, 6, 0.7, 0.3)]
    assert coverage.table(rows).splitlines()[2:] == [
        "| a | 2 | 1,000 | 7.0 ± 1.4 of 8 | 6.0 ± 2.8 | 1 of 2 | 0.800 ± 0.141 | 0.200 ± 0.141 |"
    ]


def test_table_of_collapsed_runs():
    rows = [result("a", 0, 8, 8, 0.9, 0.1), result("a", 1, 0, 0, 0.0, float("inf"))]
    assert coverage.table(rows).endswith("| 0.100 ± 0.000 (1 of 2 finite) |")
    assert coverage.table(rows[1:]).endswith("| 0.000 | none |")


def test_table_keeps_the_order_of_presets():
    rows = [result(name, seed, 8, 8, 1.0, 0.0) for name in ("b", "a") for seed in (0, 1, 2)]
    names = [line.split(" | ")[0].lstrip("| ") for line in coverage.table(rows).splitlines()[2:]]
    assert names == ["b", "a"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coverage")
    results = coverage.measure(["qrgan-ring8", "nsgan-ring8"], [3], steps=4, workers=2, runs_dir=folder, verbose=0)
    return folder, results


def test_measure(measured):
    folder, results = measured
    assert [(r.preset, r.seed, r.steps, r.modes) for r in results] == [
        ("qrgan-ring8", 3, 4, 8),
        ("nsgan-ring8", 3, 4, 8),
    ]
    for found in results:
        run = runs.load(folder / f"{found.preset}-3")
        assert run.records()[-1]["high_quality"] == found.high_quality
    assert coverage.table(results).count("\n") == 3
    assert '"seed": 3' in coverage.to_json(results)


def test_finished_runs_are_not_trained_again(measured, monkeypatch):
    folder, results = measured
    monkeypatch.setattr(many.processes, "child", None)
    again = coverage.measure(["qrgan-ring8", "nsgan-ring8"], [3], steps=4, runs_dir=folder, verbose=0)
    assert again == results


def test_of_a_longer_run_the_coverage_at_that_step_is_taken(measured, monkeypatch, tmp_path, stands_in):
    folder, results = measured
    shutil.copytree(folder / "qrgan-ring8-3", tmp_path / "qrgan-ring8-3")
    config = tmp_path / "qrgan-ring8-3" / "config.json"
    config.write_text(config.read_text().replace('"steps": 4', '"steps": 8'))
    monkeypatch.setattr(many.processes, "child", None)
    again = coverage.measure(["qrgan-ring8"], [3], steps=4, runs_dir=tmp_path, verbose=0)
    assert again == [result for result in results if result.preset == "qrgan-ring8"]
    # A step at which nothing was measured is told, whatever the training says.
    monkeypatch.undo()
    stands_in("exit 0")
    with pytest.raises(RuntimeError, match="must hold the coverage at step 3"):
        coverage.measure(["qrgan-ring8"], [3], steps=3, runs_dir=tmp_path, verbose=0)


FAILS = "echo progress; echo qrkeras train: the reason; exit 2"


def test_a_failed_run_is_told_with_its_last_words(tmp_path, stands_in):
    stands_in(FAILS)
    with pytest.raises(RuntimeError, match="qrgan-ring8 with seed 0 ended with 2: .*the reason"):
        coverage.measure(["qrgan-ring8"], [0], 4, 1, tmp_path, verbose=0)


@pytest.mark.parametrize("steps, overrides", [(5, ()), (4, ("--update", "simultaneous"))])
def test_runs_of_another_length_or_of_overrides_go_to_train(measured, stands_in, steps, overrides):
    folder, _ = measured
    stands_in(FAILS)
    with pytest.raises(RuntimeError, match="ended with 2"):
        coverage.measure(["qrgan-ring8"], [3], steps, 1, folder, overrides, verbose=0)


def test_runs_of_a_preset_that_has_changed_since_are_not_passed_off(measured, monkeypatch, stands_in):
    import dataclasses

    from qrkeras import presets

    folder, _ = measured
    changed = dataclasses.replace(presets.get("qrgan-ring8"), batch_size=7)
    monkeypatch.setitem(presets.PRESETS, "qrgan-ring8", changed)
    stands_in(FAILS)
    with pytest.raises(RuntimeError, match="ended with 2"):
        coverage.measure(["qrgan-ring8"], [3], 4, 1, folder, verbose=0)


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="presets must be of mixtures.*Received: qrgan-cifar10"):
        coverage.measure(["qrgan-cifar10"], [0], runs_dir=tmp_path)
    with pytest.raises(ValueError, match='Did you mean "qrgan-ring8"'):
        coverage.measure(["qrgan-ring"], [0], runs_dir=tmp_path)
    with pytest.raises(ValueError, match="steps must be at least 1. Received: 0"):
        coverage.measure(["qrgan-ring8"], [0], steps=0, runs_dir=tmp_path)
    with pytest.raises(ValueError, match="workers must be at least 1. Received: 0"):
        coverage.measure(["qrgan-ring8"], [0], workers=0, runs_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_somebody_elses_files_are_left_alone(tmp_path):
    for name in ("runs/qrgan-ring8-1/thesis.tex", "project/oracle.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="runs_dir/PRESET-SEED must be a new .*which holds thesis.tex and no config"):
        coverage.measure(["qrgan-ring8"], [0, 1], 4, 1, tmp_path / "runs", verbose=0)
    with pytest.raises(ValueError, match="runs_dir must be a folder for runs.*which holds oracle.json"):
        coverage.measure(["qrgan-ring8"], [0, 1], 4, 1, tmp_path / "project", verbose=0)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def found_already(monkeypatch):
    """`coverage` that has measured already; its table holds a plus-minus sign."""
    found = [Result("qrgan-ring8", seed, 4, 8, seed, 8, 0.9, 0.1) for seed in (0, 1)]
    monkeypatch.setattr(coverage, "measure", lambda *arguments: found)


def test_an_ascii_terminal(found_already, tmp_path, monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    cli.main(["coverage", "qrgan-ring8", "--output", str(tmp_path / "figures.json")])
    shown.flush()
    assert "0.5 +/- 0.7 of 8" in shown.buffer.getvalue().decode("ascii")


def test_what_cannot_be_written_is_shown(found_already, tmp_path, capfd):
    (tmp_path / "figures.json").symlink_to(tmp_path / "unmounted" / "figures.json")
    with pytest.raises(SystemExit):
        cli.main(["coverage", "qrgan-ring8", "--output", str(tmp_path / "figures.json")])
    out, err = capfd.readouterr()
    assert "0.5 ± 0.7 of 8" in out and "No such file" in err


def test_coverage_writes_its_figures(done, tmp_path, monkeypatch):
    found = [Result("qrgan-ring8", 0, 4, 8, 8, 8, 0.9, 0.1)]
    monkeypatch.setattr(coverage, "measure", lambda *arguments: found)
    assert "| qrgan-ring8 | 1 | 4 |" in done("coverage", "qrgan-ring8", "--output", tmp_path / "new" / "figures.json")
    assert '"fed": 8' in (tmp_path / "new" / "figures.json").read_text()
