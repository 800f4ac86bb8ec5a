"""The page in a real browser: choose a model, draw samples, paint a mask with the mouse, see completions."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from qrkeras.serving import export as serving
from tests.support import saved_models, servers, tiny_captioner
from tests.support.browser import chromium

# Width, height and red, green, blue, alpha of every pixel, of every canvas.
PIXELS = """
    return [...document.querySelectorAll(arguments[0])].map(({ width, height }, i, all) =>
      [width, height, ...all[i].getContext("2d").getImageData(0, 0, width, height).data])
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory, painter):
    base = tmp_path_factory.mktemp("pages")
    (base / "painter").mkdir()
    (base / "painter" / "3").symlink_to(painter)
    module = saved_models.Painter()
    seed = tf.TensorSpec((None, 2), "int32", "seed")
    label, truncation = tf.TensorSpec((None,), "int32", "label"), tf.TensorSpec((None,), "float32", "truncation")

    def by_label(seed, label, truncation):
        colours = tf.stack([label, 10 * seed[:, 1], tf.cast(100 * truncation, tf.int32)], axis=1)
        return {"images": tf.cast(colours[:, None, None] + tf.zeros((2, 3, 1), tf.int32), tf.uint8)}

    def circle(seed):
        angle = tf.cast(seed[:, 1], tf.float32)
        return {"samples": tf.stack([tf.cos(angle), tf.sin(angle)], axis=1)}

    for name, call, specs in [("conditional", by_label, (seed, label, truncation)), ("ring", circle, (seed,))]:
        made = tf.function(call, input_signature=specs)
        saved_models.put(base / name / "1", module, {"sample": made})
    serving.export_model(tiny_captioner.talkative(), base, "captioner")
    with servers.running(base) as url:
        yield url


def pictures(browser, css, channels=1):
    """Canvases as arrays `(n, height, width, channels)`."""
    found = [np.array(flat) for flat in browser.run(PIXELS, css)]
    return np.array([flat[2:].reshape(flat[1], flat[0], 4)[..., :channels] for flat in found])


def choose(browser, name):
    script = "const m = document.querySelector('#model'); m.value = arguments[0]; m.dispatchEvent(new Event('change'))"
    browser.run(script, name)


def until_count(browser, css, n):
    count = "return document.querySelectorAll(arguments[0]).length"
    servers.until(lambda: browser.run(count, css) == n)


def shown(browser, css):
    return browser.run("return document.querySelector(arguments[0]).offsetParent !== null", css)


@pytest.fixture
def page(browser, pages):
    browser.open(pages)
    until_count(browser, "#model option", 4)
    choose(browser, "painter")
    until_count(browser, "#samples canvas", 16)
    return browser


def test_samples(page):
    page.write("#count", 3)
    page.write("#seed", 5)
    page.click("#draw")
    until_count(page, "#samples canvas", 3)
    # 10 * 5 + i
    assert pictures(page, "#samples canvas")[:, 0, 0, 0].tolist() == [50, 51, 52]
    versions = page.run("return [...document.querySelectorAll('#version option')].map(o => o.textContent)")
    assert versions == ["newest", "3"]
    listed = page.run("return document.querySelector('#signatures').textContent")
    assert "inpaint_quantile" in listed and "tau float [?]" in listed and "images uint8 [?, 4, 4, 1]" in listed


def test_a_mask_painted_with_the_mouse_is_completed(page):
    """The image is 10 * 0 + 2 = 2 everywhere. The board has 256 x 256 points, 64 a pixel: a stroke along the middle of
    the second row of pixels, 32 points above the middle of the board, hides that row and, 1 pixel wide, no other."""
    page.click("#samples canvas:nth-child(3)")
    page.write("#brush", 1)
    page.drag("#board", (-96, -32), (96, -32))
    board = pictures(page, "#board", 3)[0, 32::64, 32::64]
    assert (board[1] == [0x7F, 0x9F, 0xD0]).all() and (board[[0, 2, 3]] == 2).all()
    page.click("#complete")
    until_count(page, "#completions canvas", 9)
    captions = page.run("return [...document.querySelectorAll('figcaption')].map(c => c.textContent)")
    assert captions == ["τ = 0.1", "τ = 0.3", "τ = 0.5", "τ = 0.7", "τ = 0.9", "draw 1", "draw 2", "draw 3", "draw 4"]
    found = pictures(page, "#completions canvas")[..., 0]
    assert (np.delete(found, 1, axis=1) == 2).all(), "known pixels stay"
    # 255 tau is 25.5, 76.5, 127.5, 178.5, 229.5, in float32 too; halves go to even numbers. Draws: 10 * 0 + i.
    expected = [26, 76, 128, 178, 230, 0, 1, 2, 3]
    assert found[:, 1, 0].tolist() == expected and (found[:, 1] == found[:, 1, :1]).all()


def test_half_and_nothing(page):
    page.click("#lower")
    page.click("#complete")
    until_count(page, "#completions canvas", 9)
    found = pictures(page, "#completions canvas")[..., 0]
    assert (found[:, :2] == 0).all() and (found[2, 2:] == 128).all()
    page.click("#clear")
    until_count(page, "#completions canvas", 0)
    page.click("#complete")
    until_count(page, "#completions canvas", 9)
    assert (pictures(page, "#completions canvas") == 0).all()


def test_an_image_from_a_file(page, tmp_path):
    Image.new("RGB", (40, 40), (100, 100, 100)).save(tmp_path / "grey.png")
    page.write("#file", tmp_path / "grey.png")
    servers.until(lambda: (pictures(page, "#board") == 100).all())
    page.click("#lower")
    page.click("#complete")
    until_count(page, "#completions canvas", 9)
    found = pictures(page, "#completions canvas")[..., 0]
    assert (found[:, :2] == 100).all() and (found[2, 2:] == 128).all()


def test_conditions(page):
    choose(page, "conditional")
    until_count(page, "#input-label", 1)
    until_count(page, "#samples canvas", 16)
    assert not shown(page, "#completing")
    page.write("#input-label", 9)
    page.write("#input-truncation", 0.5)
    page.write("#count", 2)
    page.click("#draw")
    until_count(page, "#samples canvas", 2)
    found = pictures(page, "#samples canvas", 3)
    assert found.shape == (2, 2, 3, 3) and found[:, 0, 0].tolist() == [[9, 0, 50], [9, 10, 50]]


def test_points(page):
    choose(page, "ring")
    until_count(page, "#samples canvas", 1)
    servers.until(lambda: pictures(page, "#samples canvas").shape[1:3] == (320, 320))
    # On the unit circle, which reaches 1 / 1.1 of 160 points: about 145 around the middle.
    rows, columns = np.nonzero(pictures(page, "#samples canvas", 4)[0, ..., 3])
    radius = np.hypot(rows - 159.5, columns - 159.5)
    assert len(radius) > 16 and abs(radius - 160 / 1.1).max() < 5


def test_errors_are_shown(page):
    page.write("#count", 65)
    page.click("#draw")
    servers.until(lambda: shown(page, "#error"))
    assert "at most 64 rows, the batch. Received: 65" in page.run("return document.querySelector('#error').textContent")
    page.write("#count", 2)
    page.click("#draw")
    until_count(page, "#samples canvas", 2)
    assert not shown(page, "#error")


def test_captions_and_where_their_words_look(page, tmp_path):
    """The board shows the image alone until the mouse is over a word; then areas are drawn on it, in red."""
    choose(page, "captioner")
    servers.until(lambda: shown(page, "#captioning") and not shown(page, "#sampling"))
    image = tiny_captioner.IMAGES[0]
    Image.fromarray(image).save(tmp_path / "image.png")
    page.write("#photo", tmp_path / "image.png")
    until_count(page, "#captions tr", 5)
    told = page.run(
        "return [...document.querySelectorAll('#captions tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    expected = tiny_captioner.talkative().caption(image[None])[0]
    assert [sentence for _, sentence in told] == [sentence for sentence, _ in expected]
    np.testing.assert_allclose([float(p) for p, _ in told], [np.exp(score) for _, score in expected], atol=1e-3)
    words = page.run("return [...document.querySelectorAll('#sentence span')].map(s => s.textContent)")
    assert " ".join(words) == expected[0][0] and words
    plain = pictures(page, "#looked", 3)[0]
    np.testing.assert_array_equal(plain[16::32, 16::32], image)  # 32 points a pixel
    page.point("#sentence span")
    servers.until(lambda: (pictures(page, "#looked", 3)[0] != plain).any())
    page.point("h1")
    servers.until(lambda: (pictures(page, "#looked", 3)[0] == plain).all())
