import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from qrkeras import pictures
from qrkeras.verbs import plot


@pytest.fixture
def copied(points_run, tmp_path):
    shutil.copytree(points_run.path, tmp_path / "run")
    return tmp_path / "run"


def test_plot(done, copied, images_run, tmp_path):
    done("plot", copied, "--output", tmp_path / "samples.png")
    assert (copied / "curves.png").is_file() and (tmp_path / "samples.png").is_file()
    shutil.copytree(images_run.path, tmp_path / "images")
    assert done("plot", tmp_path / "images").split() == [str(tmp_path / "images" / "curves.png")]
    names = [path.rpartition("/")[2] for path in done("plot", copied, tmp_path / "images").split()]
    assert names == ["losses.png", "curves.png", "curves.png"], "points and images have losses in common"
    assert Image.open(copied / "losses.png").size == (1012, 396)  # two panels of (4.6, 3.6) inches


def test_plot_refuses_before_it_draws(refused, copied, tmp_path):
    shutil.copytree(copied, tmp_path / "grid")
    config = (copied / "config.json").read_text().replace("ring8", "grid25")
    (tmp_path / "grid" / "config.json").write_text(config)
    assert "RUN must name runs of one mixture" in refused("plot", copied, tmp_path / "grid")
    (copied / "metrics.jsonl").write_text("")
    assert "RUN must hold lines in metrics.jsonl" in refused("plot", copied)


def test_what_would_be_ignored_is_refused(refused, copied, images_run, tmp_path):
    shutil.copytree(images_run.path, tmp_path / "images")
    told = refused("plot", tmp_path / "images", "--steps", 5)
    assert "steps must be left out but of runs of mixtures, whose samples they name. Received: (5,)" in told
    told = refused("plot", tmp_path / "images", "--output", tmp_path / "x.png")
    assert "output must be left out where nothing stands side by side" in told and "curves.png. Received" in told
    assert "output must end in .png" in refused("plot", copied, "--output", tmp_path / "x.gif")


def drawn(monkeypatch):
    calls = []
    monkeypatch.setattr(pictures, "point_panels", lambda panels, *rest, **options: calls.append((panels, options)))
    return calls


def test_samples_over_training(points_run, tmp_path, monkeypatch):
    plot.samples([points_run.path], tmp_path / "samples.png", columns=2)
    assert Image.open(tmp_path / "samples.png").size == (528, 275)
    calls = drawn(monkeypatch)
    plot.samples([points_run.path], tmp_path / "samples.png", columns=2)
    ((panels, options),) = calls
    # The first and the last of steps 0, 10, 20.
    assert [title for title, _ in panels] == ["qrgan-ring8-1, step 0", "qrgan-ring8-1, step 20"]
    np.testing.assert_array_equal(panels[1][1], np.load(points_run.samples / "step-00000020.npy"))
    assert options == {"rows": 1}


def test_samples_of_chosen_steps(done, refused, copied, tmp_path):
    done("plot", copied, "--steps", 10, "--output", tmp_path / "one.png")
    done("plot", copied, "--steps", 10, 20, "--output", tmp_path / "two.png")
    one, two = (Image.open(tmp_path / f"{name}.png").size[0] for name in ("one", "two"))
    assert two > 1.5 * one
    assert "has samples of: 0, 10, 20. Received: 11" in refused("plot", copied, "--steps", 11)


def test_rows_stay_rows(points_run, tmp_path, monkeypatch):
    # Two runs of one name and seed, of which one has two pictures and the other three.
    shutil.copytree(points_run.path, tmp_path / "run")
    (tmp_path / "run" / "samples" / "step-00000010.npy").unlink()
    calls = drawn(monkeypatch)
    plot.samples([points_run.path, tmp_path / "run"], tmp_path / "samples.png")
    ((panels, options),) = calls
    assert len(panels) == 4 and options == {"rows": 2}


def test_runs_that_cannot_stand_together(points_run, images_run, tmp_path):
    with pytest.raises(ValueError, match="RUN must name runs of one mixture. Received: runs of digits, ring8"):
        plot.samples([points_run.path, images_run.path], tmp_path / "samples.png")


def test_run_without_samples(points_run, tmp_path):
    shutil.copytree(points_run.path, tmp_path / "run")
    run = dataclasses.replace(points_run, path=tmp_path / "run")
    for path in run.samples.glob("*.npy"):
        path.unlink()
    with pytest.raises(ValueError, match="RUN must hold samples/step-.*npy"):
        plot.samples([run.path], tmp_path / "samples.png")


def test_evaluations_that_are_not_finite_are_left_out(images_run, tmp_path):
    def evaluated(*values):
        lines = [
            json.dumps({"step": step, "features": "digits-cnn", "samples": 70, "FID[digits-cnn] train": value})
            for step, value in enumerate(values, 1)
        ]
        (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
        return plot.distances([dataclasses.replace(images_run, path=tmp_path)], tmp_path / "evaluation.png")

    assert not evaluated(None)
    assert not (tmp_path / "evaluation.png").exists()
    assert evaluated(2.0, None, 1.0)
    assert (tmp_path / "evaluation.png").exists()


def test_plot_of_one_loss(done, pixels_run, tmp_path):
    shutil.copytree(pixels_run.path, tmp_path / "run")
    assert done("plot", tmp_path / "run").split() == [str(tmp_path / "run" / "curves.png")]
