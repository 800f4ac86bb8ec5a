import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from qrkeras import figures


def test_contours(tmp_path, monkeypatch):
    methods = {key: figures.CONTOUR_METHODS[key] for key in ("wgan-gp", "qrgan")}
    monkeypatch.setattr(figures, "CONTOUR_METHODS", methods)
    panels = figures.contours(tmp_path / "made" / "contours.png", "ring8", steps=2, verbose=0)
    assert list(panels) == list(methods.values())
    # A row for 3 panels of (3.6, 3.3) inches at 110 dots.
    assert Image.open(tmp_path / "made" / "contours.png").size == (1188, 363)
    for panel in panels.values():
        # Centres lie at radius 2, the plane shows a quarter more.
        assert panel.grid[0] == -panel.grid[-1] == -2.5
        assert panel.realism.shape == (121, 121)
        assert np.linalg.norm(panel.arrows, axis=-1).max() == pytest.approx(0.25 * 2.5, rel=1e-4)
        assert np.abs(panel.fake).max() <= 2.5
    qrgan = panels["QRGAN"]
    # eq. 9 maximises realism, so that arrows run uphill on the surface that is drawn.
    step = qrgan.grid[1] - qrgan.grid[0]
    uphill = np.stack(np.gradient(qrgan.realism, step)[::-1], axis=-1)
    column, row = np.clip(np.round((qrgan.tails + 2.5) / step).astype(int), 1, 119).T
    along = np.sum(uphill[row, column] * qrgan.arrows, axis=-1)
    assert np.mean(along > 0) > 0.9


def test_contours_refuse_no_steps(tmp_path):
    with pytest.raises(ValueError, match="steps must be at least 1. Received: 0"):
        figures.contours(tmp_path / "contours.png", steps=0)


def drawn(monkeypatch):
    calls = []
    monkeypatch.setattr(
        figures.pictures, "point_panels", lambda panels, *rest, **options: calls.append((panels, options))
    )
    return calls


def test_samples_over_training(points_run, tmp_path, monkeypatch):
    figures.over_training([points_run.path], tmp_path / "samples.png", columns=2)
    assert Image.open(tmp_path / "samples.png").size == (528, 275)
    calls = drawn(monkeypatch)
    figures.over_training([points_run.path], tmp_path / "samples.png", columns=2)
    ((panels, options),) = calls
    # The first and the last of steps 0, 10, 20.
    assert [title for title, _ in panels] == ["qrgan-ring8-1, step 0", "qrgan-ring8-1, step 20"]
    np.testing.assert_array_equal(panels[1][1], np.load(points_run.samples / "step-00000020.npy"))
    assert options == {"rows": 1}


def test_rows_stay_rows(points_run, tmp_path, monkeypatch):
    # Two runs of one name and seed, of which one has two pictures and the other three.
    shutil.copytree(points_run.path, tmp_path / "run")
    (tmp_path / "run" / "samples" / "step-00000010.npy").unlink()
    calls = drawn(monkeypatch)
    figures.over_training([points_run.path, tmp_path / "run"], tmp_path / "samples.png")
    ((panels, options),) = calls
    assert len(panels) == 4 and options == {"rows": 2}


def test_runs_that_cannot_stand_together(points_run, images_run, tmp_path):
    with pytest.raises(ValueError, match="RUN must name runs of one mixture. Received: runs of digits, ring8"):
        figures.over_training([points_run.path, images_run.path], tmp_path / "samples.png")


def test_run_without_samples(points_run, tmp_path):
    shutil.copytree(points_run.path, tmp_path / "run")
    run = dataclasses.replace(points_run, path=tmp_path / "run")
    for path in run.samples.glob("*.npy"):
        path.unlink()
    with pytest.raises(ValueError, match="RUN must hold samples/step-.*npy"):
        figures.over_training([run.path], tmp_path / "samples.png")


def test_evaluations_that_are_not_finite_are_left_out(images_run, tmp_path):
    def evaluated(*values):
        lines = [
            json.dumps({"step": step, "features": "digits-cnn", "samples": 70, "FID[digits-cnn] train": value})
            for step, value in enumerate(values, 1)
        ]
        (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
        return figures.evaluations([dataclasses.replace(images_run, path=tmp_path)], tmp_path / "evaluation.png")

    assert not evaluated(None)
    assert not (tmp_path / "evaluation.png").exists()
    assert evaluated(2.0, None, 1.0)
    assert (tmp_path / "evaluation.png").exists()
