import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, data
from qrkeras.experiments.train import load_model


def test_calibration_command(pixels_run, images_run, tmp_path, capfd):
    picture = tmp_path / "new" / "c.png"
    cli.main(["calibration", str(pixels_run.path), "--images", "50", "--output", str(picture)])
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "| | tau | below | at or below | gap |" and lines[-1] == str(picture)
    assert "3,200 held-out values" in lines[-2]  # 50 images of 8 x 8
    model, held_out = load_model(pixels_run), data.take(data.load("digits", split="test"), 50)
    median = np.clip(np.round(model.quantiles(held_out, 0.5)), 0, 255)
    below, at_or_below = (held_out < median).mean(), (held_out <= median).mean()
    gap = max(below - 0.5, 0.5 - at_or_below, 0)
    assert lines[5] == f"| {pixels_run.path} | 0.5 | {below:.3f} | {at_or_below:.3f} | {gap:.3f} |"
    assert np.asarray(Image.open(picture).convert("L")).std() > 10, "not one colour"
    for arguments, told in (
        ([], "RUN must name at least one run"),
        ([str(images_run.path)], "must be of a model that predicts quantiles"),
        ([str(pixels_run.path), "--images", "0"], "images must be at least 1"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["calibration", *arguments])
        assert stopped.value.code == 2
        assert told in capfd.readouterr().err
