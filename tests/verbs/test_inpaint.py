import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, data


def test_inpaint_command(pixels_run, tmp_path, capfd):
    picture = tmp_path / "new" / "x.png"
    options = ["--n", "3", "--known", "left", "--completions", "2", "--tau", "0.5", "--output", str(picture)]
    cli.main(["inpaint", str(pixels_run.path), *options])
    assert capfd.readouterr().out.strip() == str(picture)
    # Columns: masked, 2 draws, the median, original; each 8 x 8 pixels and a line between, 8 times as large.
    image = np.asarray(Image.open(picture))[::8, ::8]
    assert image.shape == (3 * 9 + 1, 5 * 9 + 1)
    originals = data.take(data.load("digits", split="test"), 3)[..., 0]
    for row in range(3):
        cells = [image[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column] for column in range(5)]
        np.testing.assert_array_equal(cells[4], originals[row])
        assert (cells[0][:, 4:] == 128).all()
        for cell in cells:
            np.testing.assert_array_equal(cell[:, :4], originals[row][:, :4])
        assert (cells[1] != cells[2]).any()


@pytest.mark.parametrize(
    ("options", "run", "message"),
    [
        ([], "images_run", "must be of a model that completes images"),
        (
            [],
            "latents_run",
            "model that completes images of which a part is known: PixelCNN or PixelCNNPlusPlus or PixelIQN",
        ),
        (["--n", "0"], "pixels_run", "n must be at least 1"),
        (["--tau", "1.5"], "pixels_run", "tau"),
    ],
)
def test_what_is_refused(request, refused, options, run, message):
    told = refused("inpaint", request.getfixturevalue(run).path, *options, "--output", "x.png")
    assert message in " ".join(told.split())
