import types

import numpy as np
import pytest
from PIL import Image

from qrkeras import pictures


def numbered(n, channels, height=3, width=2):
    """Image i is filled with 10 * (i + 1)."""
    values = 10 * np.arange(1, n + 1, dtype="uint8")
    return np.broadcast_to(values[:, None, None, None], (n, height, width, channels))


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_grid_puts_image_i_where_it_should(tmp_path, channels, mode):
    # 5 images make ceil(sqrt 5) = 3 columns and 2 rows; each cell is 3 x 2 and a white line of 1.
    pictures.image_grid(numbered(5, channels), tmp_path / "grid.png", scale=1)
    picture = Image.open(tmp_path / "grid.png")
    assert picture.mode == mode
    assert picture.size == (3 * (2 + 1) + 1, 2 * (3 + 1) + 1)
    sheet = np.asarray(picture).reshape(9, 10, channels)
    expected = np.full((9, 10, channels), 255)
    for i, (top, left) in enumerate([(1, 1), (1, 4), (1, 7), (5, 1), (5, 4)]):
        expected[top : top + 3, left : left + 2] = 10 * (i + 1)
    np.testing.assert_array_equal(sheet, expected)


def test_grid_of_given_columns_and_scale(tmp_path):
    pictures.image_grid(numbered(4, 3), tmp_path / "grid.png", columns=4, scale=3)
    picture = Image.open(tmp_path / "grid.png")
    assert picture.size == (3 * (4 * 3 + 1), 3 * 5)
    # Nearest enlargement invents no colour.
    assert set(np.unique(picture)) == {10, 20, 30, 40, 255}


def test_points(tmp_path):
    centers = np.array([[0.0, 0.0], [2.0, 2.0]])
    samples = np.random.default_rng(0).normal(size=(50, 2))
    pictures.point_panels([(f"{i}", samples) for i in range(4)], centers, tmp_path / "points.png", rows=2)
    # 2 rows of 2: (2.4 * 2, 2.5 * 2) inches at 110 dots.
    assert Image.open(tmp_path / "points.png").size == (528, 550)


def test_points_stand_in_their_panels(tmp_path):
    # One heap of points below left, one above right: ink is where they are, in the panel that has them.
    centers = np.array([[-4.0, -4.0], [4.0, 4.0]])
    heap = np.random.default_rng(0).normal(size=(4000, 2)) * 0.5
    pictures.point_panels([("same", heap - 2.0), ("same", heap + 2.0)], centers, tmp_path / "points.png")
    blue = np.asarray(Image.open(tmp_path / "points.png").convert("RGB")).astype(int)
    ink = (blue[..., 2] - blue[..., 0]) > 60
    rows, columns = np.nonzero(ink)
    left = columns < ink.shape[1] / 2
    assert left.any() and (~left).any(), "two panels of one title are two panels"
    assert rows[left].mean() > rows[~left].mean()


def test_contours(tmp_path):
    grid = np.linspace(-5, 5, 21)
    panel = types.SimpleNamespace(
        grid=grid,
        realism=np.add.outer(grid, grid),
        real=np.zeros((3, 2)),
        fake=np.ones((3, 2)),
        tails=np.ones((2, 2)),
        arrows=np.full((2, 2), 0.5),
    )
    pictures.contours({f"{i}": panel for i in range(4)}, tmp_path / "contours.png", 5.0)
    # 4 panels in 3 columns and 2 rows of (3.6, 3.3) inches at 110 dots.
    assert Image.open(tmp_path / "contours.png").size == (1188, 726)


def test_curves(tmp_path):
    losses = [{"step": step, "d_loss": 1.0, "g_loss": -1.0} for step in (5, 10)]
    coverage = [{"step": 10, "captured": 3, "fed": 2, "modes": 8}]
    pictures.training_curves(losses, tmp_path / "losses.png")
    assert Image.open(tmp_path / "losses.png").size == (770, 286)
    pictures.training_curves(losses + coverage, tmp_path / "both.png")
    assert Image.open(tmp_path / "both.png").size == (770, 572)
    # A run stopped before its first line of losses.
    pictures.training_curves(coverage, tmp_path / "coverage.png")
    assert (tmp_path / "coverage.png").is_file()


def test_losses_beside_what_they_are_read_against(tmp_path, monkeypatch):
    records = [
        {"step": 1, "d_loss": 0.5, "g_loss": 1.0},
        {"step": 1, "fed": 3},
        {"step": 2, "d_loss": 0.4, "g_loss": 1.5},
    ]
    known = {"D always right": {"d_loss": 0.0, "g_loss": 1.2}, "D knows nothing": {"d_loss": 0.3, "g_loss": 0.7}}
    pure = {
        "D always right": {"d_loss": 0.0, "g_loss": float("inf")},
        "D knows nothing": {"d_loss": 0.7, "g_loss": 0.7},
    }
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.loss_panels({"a": (records, known), "b": (records[:1], pure), "plain": (records, {})}, tmp_path / "x.png")
    left, right = figures[0].axes
    assert [axis.get_title() for axis in (left, right)] == ["d_loss", "g_loss"]
    told = {text.get_text() for text in left.texts}, {text.get_text() for text in right.texts}
    # What is infinite is left out, what is equal drawn once.
    assert told[0] == {"D always right 0", "D knows nothing 0.3", "D knows nothing 0.7"}
    assert told[1] == {"D always right 1.2", "D knows nothing 0.7"}
    curves = [line.get_xydata().tolist() for line in right.lines if line.get_linestyle() == "-"]
    assert curves == [[[1, 1.0], [2, 1.5]], [[1, 1.0]], [[1, 1.0], [2, 1.5]]]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["a", "b", "plain"]


def test_minimum_curves(tmp_path, monkeypatch):
    series = {"qrgan": [(500, 60.0), (1000, 50.5), (1500, 55.0)], "nsgan": [(500, 40.0)]}
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.minimum_curves(series, "FID[x] train", tmp_path / "curves.png")
    (axis,) = figures[0].axes
    told = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert told == ["qrgan  minimum 50.5 at 1,000", "nsgan  minimum 40 at 500"]
    marked = [line.get_xydata().tolist() for line in axis.lines if line.get_fillstyle() == "none"]
    assert marked == [[[1000, 50.5]], [[500, 40.0]]]
    assert axis.get_ylabel() == "FID[x] train" and axis.get_yscale() == "log"


@pytest.mark.filterwarnings("ignore:Data has no positive values")
def test_minimum_curves_are_written(tmp_path):
    # One evaluation, and a distance of 0, which no logarithm has.
    pictures.minimum_curves({"": [(500, 0.0)]}, "FID[x] train", tmp_path / "curves.png")
    # (7, 4) inches at 110 dots.
    assert Image.open(tmp_path / "curves.png").size == (770, 440)


def test_curves_over_seeds(tmp_path, monkeypatch):
    early = [(10, 2.0), (20, np.nan)]  # diverged, and hides no other
    series = {"a": [[(10, 4.0), (20, 5.0), (30, 6.0)], early, [(10, 6.0), (20, 7.0), (25, 1.0), (30, 6.0)]]}
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.spread_curves(series, "FID", tmp_path / "curves.png")
    (axis,) = figures[0].axes
    # At 10 (4 + 2 + 6) / 3 with a deviation of 2; at 20 6 and sqrt(2), cut at 7, the greatest; 25 has one of three.
    assert axis.lines[0].get_xydata().tolist() == [[10, 4.0], [20, 6.0], [30, 6.0]]
    (band,) = axis.collections[0].get_paths()
    assert {(10, 2.0), (10, 6.0), (20, 6 - 2**0.5), (20, 7.0), (30, 6.0)} <= set(map(tuple, band.vertices.tolist()))


def test_curves_over_seeds_of_many_arms_and_of_a_long_fall(tmp_path, monkeypatch):
    series = {f"arm {i}": [[(10, 400.0), (20, 8.0 + i)], [(10, 100.0), (20, 9.0 + i)]] for i in range(7)}
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.spread_curves(series, "FID", tmp_path / "curves.png")
    (axis,) = figures[0].axes
    assert axis.get_yscale() == "log"
    assert len({line.get_color() for line in axis.lines}) == 7
    # At 10 the mean is 250 and the deviation 212: the band goes to 400, the greatest value, and not to 462.
    (band,) = axis.collections[0].get_paths()
    assert (10, 400.0) in {tuple(point) for point in band.vertices.tolist()}


def test_long_names_stay_in_the_picture_and_beside_each_other(tmp_path, monkeypatch):
    figures = []
    for module in ("curves", "images", "points"):
        monkeypatch.setattr(f"qrkeras.pictures.{module}.save", lambda figure, path: figures.append(figure))
    names = [f"{name}-cifar10+data.image_size=16+network.width=16-0" for name in ("sngan", "wgan-gp-sngan", "mbgan")]
    pictures.image_panels({f"{name}\nFID 12": numbered(4, 1) for name in names}, tmp_path / "panels.png")
    pictures.point_panels([(name, np.zeros((1, 2))) for name in names], np.ones((1, 2)), tmp_path / "points.png")
    pictures.minimum_curves(dict.fromkeys(names, [(1, 2.0), (2, 3.0)]), "FID", tmp_path / "minimum.png")
    pictures.loss_panels(dict.fromkeys(names, ([{"step": 5, "loss": 1.0}], {})), tmp_path / "losses.png")
    pictures.spread_curves(dict.fromkeys(names, [[(1, 2.0), (2, 3.0)]]), "FID", tmp_path / "curves.png")
    for figure in figures:
        figure.draw_without_rendering()
        titles = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
        assert all(left.x1 < right.x0 for left, right in zip(titles, titles[1:]))
        for box in [*titles, *(legend.get_window_extent() for legend in figure.legends)]:
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert figures[0].axes[0].get_title().replace("\n", "") == names[0] + "FID 12"


def test_what_was_measured_once_is_a_dot(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    series = {"once": [[(7, 1.0)], [(7, 3.0)]], "twice": [[(5, 4.0), (9, 0.5)]], "never": [[(5, np.nan)]]}
    pictures.spread_curves(series, "FID", tmp_path / "curves.png")
    pictures.training_curves([{"step": 5, "loss": 1.0, "kl": 2.0}], tmp_path / "training.png")
    pictures.loss_panels({"run": ([{"step": 5, "loss": 1.0}], {})}, tmp_path / "losses.png")
    over_seeds, *others = [axis for figure in figures for axis in figure.axes]
    assert [line.get_marker() for line in over_seeds.lines] == ["o", "", "o"]
    # Mean 2, deviation sqrt(2); 0.5 and 4 are the least and the greatest value.
    (bar,) = over_seeds.collections[0].get_segments()
    assert bar.tolist() == [[7.0, pytest.approx(2 - 2**0.5)], [7.0, pytest.approx(2 + 2**0.5)]]
    assert [axis.lines[0].get_marker() for axis in others] == ["o"] * 3


def test_measures_against_a_number(tmp_path, monkeypatch):
    measures = {"KL": {"one": [4.0, 2.0], "two": [1.0, np.nan], "plain": [0.5, 0.1]}, "bits": {"exact": [2.0, 2.0]}}
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.spread_against(measures, "lambda", {"two": 2.0, "one": 1.0}, tmp_path / "against.png")
    left, right = figures[0].axes
    # (4 + 2) / 2 at 1, and at 2 the one that is finite; plain's level is (0.5 + 0.1) / 2.
    assert left.lines[0].get_xydata().tolist() == [[1.0, 3.0], [2.0, 1.0]]
    assert [line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"] == pytest.approx([0.3])
    assert [line.get_ydata()[0] for line in right.lines] == [2.0]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["plain", "exact"]


def test_measures_by_name(tmp_path, monkeypatch):
    measures = {"bits": {"a": [4.0, 2.0], "b": [1.0, np.nan]}, "KL": {"b": [5.0]}}
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.spread_against(measures, "", {}, tmp_path / "named.png")
    left, right = figures[0].axes
    assert left.lines[0].get_xydata().tolist() == [[0, 3.0], [1, 1.0]] and not figures[0].legends
    assert right.lines[0].get_xydata().tolist() == [[1, 5.0]]
    assert [text.get_text() for text in right.get_xticklabels()] == ["a", "b"]


def test_precision_recall_curves(tmp_path, monkeypatch):
    curve = types.SimpleNamespace(recall=np.array([0.0, 0.5, 0.75]), precision=np.array([1.0, 0.5, 0.25]))
    pictures.precision_recall_curves({"a": curve, "b": curve}, tmp_path / "prd.png")
    # (4.2, 4) inches at 110 dots.
    assert Image.open(tmp_path / "prd.png").size == (462, 484)
    figures = []
    monkeypatch.setattr("qrkeras.pictures.curves.save", lambda figure, path: figures.append(figure))
    pictures.precision_recall_curves({"a": curve}, tmp_path / "prd.png")
    (axis,) = figures[0].axes
    # Recall to the right, precision upwards.
    assert axis.lines[0].get_xydata().tolist() == [[0, 1], [0.5, 0.5], [0.75, 0.25]]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("recall", "precision")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("panels, across, down", [(1, 1, 1), (3, 3, 1), (4, 3, 2)])
def test_image_panels(tmp_path, channels, panels, across, down):
    grids = {f"run {i}": numbered(20, channels) for i in range(panels)}
    pictures.image_panels(grids, tmp_path / "panels.png")
    # (3.4, 3.6) inches a panel at 110 dots.
    assert Image.open(tmp_path / "panels.png").size == (374 * across, 396 * down)


def test_fewer_images_than_a_row_are_all_shown(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("qrkeras.pictures.images.save", lambda figure, path: figures.append(figure))
    pictures.image_panels({"few": numbered(3, 1), "more": numbered(10, 1)}, tmp_path / "panels.png")
    shown = [set(np.unique(axis.images[0].get_array())) - {255} for axis in figures[0].axes[:2]]
    assert shown == [{10, 20, 30}, set(range(10, 101, 10))]
    assert [axis.get_title() for axis in figures[0].axes[:2]] == ["few", "more"]
