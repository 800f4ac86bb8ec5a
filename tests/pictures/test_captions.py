"""Pictures of captions: sizes, and that lines are drawn where attention is."""

import numpy as np
from PIL import Image

from qrkeras import pictures
from qrkeras.layers import grid_corners


def test_a_sheet_has_a_place_for_each_image(tmp_path):
    images = np.full((5, 8, 8, 3), 200, "uint8")
    pictures.caption_sheet(
        images, ["a red circle above a blue square and more words than a line has", *["a"] * 4], tmp_path / "a.png"
    )
    assert Image.open(tmp_path / "a.png").size == (1144, 682)  # 4 columns of 2.6 inches, 2 rows of 3.1, 110 dots each


def test_areas_are_drawn_where_a_word_looks(tmp_path):
    """The second of four cells has all the weight: red lines are in the upper right of the panel alone."""
    image = np.full((8, 8, 3), 255, "uint8")
    weights = np.array([[0.0, 1.0, 0.0, 0.0]])
    pictures.attention_words(image, ["red"], weights, grid_corners(2, 2), tmp_path / "a.png", columns=1)
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 100)
    rows, columns = np.nonzero(red)
    assert len(rows) > 50
    assert columns.min() > pixels.shape[1] * 0.4 and rows.max() < pixels.shape[0] * 0.65
