import pathlib

import numpy as np
import pytest
from PIL import Image

from qrkeras import pictures
from qrkeras.verbs import contours


def test_contours(tmp_path, monkeypatch):
    methods = {key: contours.METHODS[key] for key in ("wgan-gp", "qrgan")}
    monkeypatch.setattr(contours, "METHODS", methods)
    drawn, draw = [], pictures.contours
    monkeypatch.setattr(pictures, "contours", lambda *arguments: drawn.append(arguments) or draw(*arguments))
    path = tmp_path / "made" / "contours.png"
    assert contours.contours(path, "ring8", steps=2) == [path]
    ((panels, _, limit),) = drawn
    assert list(panels) == list(methods.values()) and limit == np.abs(panels["WGAN-GP"].grid).max()
    # A row for 3 panels of (3.6, 3.3) inches at 110 dots.
    assert Image.open(path).size == (1188, 363)
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1. Received: 0"),
        ({"seed": -1}, "seed must be 0 or positive. Received: -1"),
        ({"output": pathlib.Path("figure.xyz")}, "output must end in .png. Received: figure.xyz"),
        ({"data": "digits"}, "data must be ring8 or grid25. Received: digits"),
    ],
)
def test_contours_refuse_before_they_train(options, message, monkeypatch):
    monkeypatch.setattr(contours, "trained", None)
    with pytest.raises(ValueError, match=message):
        contours.contours(**options)
