import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from qrkeras.data import examples, load, take
from qrkeras.data.order import held_out


def save(path, pixels, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, "uint8")).convert(mode).save(path, **options)


@pytest.fixture
def colours(tmp_path):
    """40 images of 6 x 4 (height x width), image `i` filled with the value `i`, in two folders."""
    for i in range(40):
        save(tmp_path / f"{i % 2}" / f"{i:02}.png", np.full((6, 4, 3), i))
    return tmp_path


def values(data):
    return sorted(int(batch[0, 0, 0]) for image in data.evaluation_batches(1) for batch in image)


def test_finds_every_image_once(colours):
    (colours / "notes.txt").write_text("no image")
    (colours / ".hidden.png").write_text("no image")
    train, test = load(f"folder:{colours}"), load(f"folder:{colours}", split="test")
    assert (train.shape, train.dtype, train.name) == ((6, 4, 3), "uint8", f"folder:{colours}")
    assert sorted(values(train) + values(test)) == list(range(40))
    assert values(test) == [i for i in range(40) if held_out(f"{i % 2}/{i:02}.png")]


def test_files_read_as_needed_give_the_same_batches(colours, monkeypatch):
    in_memory = load(f"folder:{colours}", image_size=8)
    monkeypatch.setattr(examples, "IN_MEMORY_BYTES", 0)
    streamed = load(f"folder:{colours}", image_size=8)
    assert streamed.batches(4, seed=0).element_spec.shape == (4, 8, 8, 3)
    for start_step in (0, 13):
        pairs = [
            np.stack(list(data.batches(4, 0, start_step).take(5).as_numpy_iterator())) for data in (in_memory, streamed)
        ]
        np.testing.assert_array_equal(*pairs)
    assert values(in_memory) == values(streamed)


def test_centre_crop_and_resize(tmp_path):
    # 4 high, 8 wide: columns 2..5 are the centre. They are 200, the rest 0, so that the crop is flat.
    pixels = np.zeros((4, 8, 3))
    pixels[:, 2:6] = 200
    save(tmp_path / "wide.png", pixels)
    for size in (2, 4, 16):
        data = load(f"folder:{tmp_path}", image_size=size)
        image = next(data.evaluation_batches(1).as_numpy_iterator())[0]
        np.testing.assert_array_equal(image, np.full((size, size, 3), 200))


def test_every_extension_and_mode(tmp_path):
    for i, extension in enumerate(("png", "jpg", "JPEG", "webp", "bmp")):
        save(tmp_path / f"{i}.{extension}", np.full((4, 4, 3), 100))
    save(tmp_path / "palette.png", np.full((4, 4, 3), 100), mode="P")
    data = load(f"folder:{tmp_path}")
    images = np.concatenate(list(data.evaluation_batches(6).as_numpy_iterator()))
    assert data.size == 6 - sum(held_out(path.name) for path in tmp_path.iterdir())
    np.testing.assert_allclose(images, 100, atol=4)


def test_grey_folder_has_one_channel(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4), 7), mode="L")
    assert load(f"folder:{tmp_path}").shape == (4, 4, 1)
    assert load(f"folder:{tmp_path}", image_size=2).shape == (2, 2, 1)


def test_camera_rotation_is_applied(tmp_path):
    # Orientation 6: the stored image, 2 high and 4 wide, is shown turned: 4 high, 2 wide.
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "photo.jpg", np.full((2, 4, 3), 50), exif=exif)
    assert load(f"folder:{tmp_path}").shape == (4, 2, 3)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("ending", ["jpg", "webp", "png"])
def test_rotation_in_xmp_alone(tmp_path, ending):
    # The left half is white: turned by 90 degrees to the right, the upper half.
    path = next(tmp_path / f"{i}.{ending}" for i in range(9) if not held_out(f"{i}.{ending}"))
    pixels = np.where(np.arange(16)[:, None] < 8, 255, np.zeros((8, 16, 3)))
    if ending == "png":
        note = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
        path.write_bytes(chunk_before_pixels(as_png(pixels), b"iTXt", note))
    else:
        save(path, pixels, xmp=XMP)
    (image,) = take(load(f"folder:{tmp_path}"))
    assert image.shape == (16, 8, 3)
    np.testing.assert_allclose(image[:, :, 0].mean(axis=1), [255] * 8 + [0] * 8, atol=20)


def as_png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, "uint8")).save(file, "png")
    return file.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def chunk_before_pixels(png, kind, content):
    return png.replace(png[33:], chunk(kind, content) + png[33:])  # 33 bytes of signature and IHDR


def test_rotation_noted_after_the_pixels_is_named(tmp_path):
    (path,) = named(tmp_path, "a")
    exif = Image.Exif()
    exif[0x0112] = 6
    png = as_png(np.zeros((2, 4, 3)))
    path.write_bytes(png[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + png[-12:])  # the last 12 are IEND
    message = refusal(tmp_path)
    assert f"image file {path} cannot be read (its pixels are of shape (4, 2, 3), where its header says" in message


def test_links_are_followed_once(tmp_path):
    """Images that lie elsewhere, through links to folders and files; circles, and links that lead nowhere."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for i in range(10):
        save(inside / "a" / f"{i}.png", np.full((4, 4, 3), i))
        save(outside / "deep" / f"{i}.png", np.full((4, 4, 3), 10 + i))
    save(outside / "one.png", np.full((4, 4, 3), 20))
    held = next(f"c{i}.png" for i in range(99) if held_out(f"c{i}.png"))
    links = {"b": outside / "deep", held: outside / "one.png", "x/twice": outside / "deep", "a/up": inside}
    links |= {"a/loop": "loop", "gone.png": tmp_path / "gone", "above": tmp_path, "same": inside / "a"}
    (inside / "x").mkdir()
    for name, target in links.items():
        (inside / name).symlink_to(target)
    sources = [load(f"folder:{inside}", split=split) for split in ("train", "test")]
    assert sorted(values(sources[0]) + values(sources[1])) == list(range(21))
    left_out = ("a/loop", "a/up (read already)", "above (read already)", "gone.png", "same (read already)")
    assert sources[0].left_out == (*left_out, "x/twice (read already)")
    (outside / "deep" / "back").symlink_to(inside)
    assert "b/back (read already)" in load(f"folder:{inside}").left_out


def test_what_is_left_out_is_named(colours):
    for name in ("notes.txt", ".hidden.png", ".cache/0.png", "0/scan.tif"):
        save(colours / name, np.zeros((4, 4)), format="png")
    os.mkfifo(colours / "pipe.png")
    (colours / "folder.png").mkdir()
    save(colours / "folder.png" / "inner.png", np.full((6, 4, 3), 99))
    sources = [load(f"folder:{colours}", split=split) for split in ("train", "test")]
    assert 99 in values(sources[0]) + values(sources[1])
    for source in sources:
        assert source.left_out == (".cache", ".hidden.png", "0/scan.tif", "notes.txt", "pipe.png")
    for file in colours.rglob("*.png"):
        if file.is_file():
            file.unlink()
    assert "holds none, but 4 others: .cache, 0/scan.tif, notes.txt" in refusal(colours)


def test_names_that_are_no_utf_8(tmp_path):
    """They are read like others, and hashed as they are on the disk."""
    for i in range(40):
        path = os.fsencode(tmp_path) + f"/{i}-caf".encode() + b"\xe9.png"
        with open(path, "wb") as file:
            file.write(as_png(np.full((4, 4, 3), i)))
    sources = [load(f"folder:{tmp_path}", split=split) for split in ("train", "test")]
    held = [i for i in range(40) if zlib.crc32(f"{i}-caf".encode() + b"\xe9.png") % 10 == 0]
    assert held and values(sources[1]) == held and len(values(sources[0])) == 40 - len(held)
    with open(path, "wb"):
        pass
    assert "39-caf\udce9.png cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("in_memory", [True, False])
def test_first_level_folders_are_classes(tmp_path, monkeypatch, in_memory):
    # Sorted: "a", "b", "c". Class "b" lies deeper, class "c" is one image: its number is 2 in both splits.
    for i in range(60):
        save(tmp_path / ("b/deep" if i % 2 else "a") / f"{i}.png", np.full((4, 4, 3), i))
    only = next(f"c/{i}.png" for i in range(100) if held_out(f"c/{i}.png"))
    save(tmp_path / only, np.full((4, 4, 3), 250))
    save(tmp_path / ".cache" / "hidden.png", np.full((4, 4, 3), 99))
    (tmp_path / "0 empty").mkdir()
    if not in_memory:
        monkeypatch.setattr(examples, "IN_MEMORY_BYTES", 0)
    seen = []
    for split in ("train", "test"):
        data = load(f"folder:{tmp_path}", split=split, labels=True)
        assert data.num_classes == 3
        images, labels = take(data)
        assert labels.dtype == "int32"
        np.testing.assert_array_equal(images, take(load(f"folder:{tmp_path}", split=split)))
        value = images[:, 0, 0, 0]
        np.testing.assert_array_equal(labels, np.where(value == 250, 2, value % 2))
        seen += list(value)
        for batch, labels in data.batches(3, seed=1, start_step=9).take(9).as_numpy_iterator():
            np.testing.assert_array_equal(labels, np.where(batch[:, 0, 0, 0] == 250, 2, batch[:, 0, 0, 0] % 2))
    assert sorted(seen) == [*range(60), 250]


def test_labels_need_folders(tmp_path):
    save(tmp_path / "a" / "0.png", np.zeros((4, 4, 3)))
    message = refusal(tmp_path, labels=True)
    assert "at least 2 must hold images. Received: ['a']" in message
    assert "PATH/CLASS/IMAGE" in message
    save(tmp_path / "b" / "0.png", np.zeros((4, 4, 3)))
    save(tmp_path / "stray.png", np.zeros((4, 4, 3)))
    assert "Received: 1 images outside, the first 'stray.png'" in refusal(tmp_path, labels=True)


def test_refuses_missing_and_empty_folders(tmp_path):
    with pytest.raises(ValueError, match="must name an existing folder.*nowhere"):
        load(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(ValueError, match=r"at least one image \(.png, .jpg, .jpeg, .webp, .bmp"):
        load(f"folder:{tmp_path}")


def test_refuses_an_empty_split(tmp_path):
    name = next(f"{i}.png" for i in range(100) if not held_out(f"{i}.png"))
    save(tmp_path / name, np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="split='test' of folder .* is empty.*holds 1"):
        load(f"folder:{tmp_path}", split="test")


def refusal(folder, **options):
    with pytest.raises(ValueError) as error:
        load(f"folder:{folder}", **options)
    return str(error.value)


def named(folder, *stems):
    """Paths of two files that both belong to the training split, in order."""
    free = [f"{stem}{i}.png" for stem in stems for i in range(9) if not held_out(f"{stem}{i}.png")]
    return [folder / next(name for name in free if name.startswith(stem)) for stem in stems]


def test_names_two_files_of_different_size(tmp_path):
    first, second = named(tmp_path, "a", "b")
    save(first, np.zeros((4, 4, 3)))
    save(second, np.zeros((5, 6, 3)))
    message = refusal(tmp_path)
    assert f"{first} is 4x4, {second} is 6x5" in message
    assert "image_size" in message
    assert load(f"folder:{tmp_path}", image_size=4).size == 2


def test_names_a_grey_file_among_colours(tmp_path):
    first, second = named(tmp_path, "a", "b")
    save(first, np.zeros((4, 4, 3)))
    save(second, np.zeros((4, 4)), mode="L")
    message = refusal(tmp_path)
    assert f"{first} has mode RGB, {second} has mode L" in message
    assert "image.convert('RGB')" in message and "in another folder" in message and "save(file)" not in message


# mode, ending, what is done with it
UNREAD = [
    ("RGBA", "png", "alpha_composite"),
    ("LA", "png", "alpha_composite"),
    ("P with transparency", "png", "alpha_composite"),
    ("RGBA", "webp", "alpha_composite"),
    ("I", "tiff", "scale to 0..255"),
    ("F", "tiff", "scale to 0..255"),
    ("LAB", "tiff", "image.convert('RGB')"),
]


@pytest.mark.parametrize("mode, kind, advice", UNREAD)
def test_names_a_file_of_a_mode_that_is_not_read(tmp_path, mode, kind, advice):
    (path,) = named(tmp_path, "a")
    options = {"transparency": 0} if "with" in mode else {}
    Image.new(mode.split()[0], (4, 4)).save(path, kind, **options)
    message = refusal(tmp_path)
    assert "without an alpha channel" in message and f"{path} has mode {mode}" in message
    assert advice in message and "saved in another folder" in message and "save(file)" not in message


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bits_are_scaled_to_8(tmp_path, byte_order):
    # 65535 = 255 * 257: level 257 k is k; 257 k + 128 is nearer to k than to k + 1, 257 k + 129 is not.
    levels = np.array([[0, 128, 129, 257], [257 * 99 + 128, 257 * 99 + 129, 65534, 65535]], "uint16")
    (path,) = named(tmp_path, "a")
    if byte_order == "<":
        Image.fromarray(levels).save(path)
    else:
        Image.frombytes("I;16B", (4, 2), levels.astype(">u2").tobytes()).save(path, "tiff")
    np.testing.assert_array_equal(take(load(f"folder:{tmp_path}"))[0, :, :, 0], [[0, 0, 1, 1], [99, 100, 255, 255]])


def test_16_bits_beside_8_and_1(tmp_path):
    paths = named(tmp_path, "a", "b", "c")
    Image.fromarray(np.full((4, 4), 257 * 7, "uint16")).save(paths[0])
    save(paths[1], np.full((4, 4), 7), mode="L")
    Image.new("1", (4, 4), 1).save(paths[2])
    assert values(load(f"folder:{tmp_path}")) == [7, 7, 255]


def test_advice_for_16_bits_among_colours_keeps_the_levels(tmp_path):
    first, second = named(tmp_path, "a", "b")
    save(first, np.zeros((4, 4, 3)))
    Image.fromarray(np.full((4, 4), 257 * 7, "uint16")).save(second)
    message = refusal(tmp_path)
    advice = message.partition("Make a copy: ")[2]
    with Image.open(second) as image:
        assert eval(advice, {"np": np, "PIL": __import__("PIL"), "image": image}).getpixel((0, 0)) == (7, 7, 7)


def test_printers_colours_become_those_of_a_screen(tmp_path):
    (path,) = named(tmp_path, "a")
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(path, "jpeg", quality=100)  # magenta and yellow: red
    np.testing.assert_allclose(take(load(f"folder:{tmp_path}"))[0, 0, 0], [255, 0, 0], atol=4)


@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_names_an_animated_file(tmp_path, kind):
    (path,) = named(tmp_path, "a")
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    red.save(path, kind, save_all=True, append_images=[blue])
    assert f"{path} is animated, with 2 frames" in refusal(tmp_path)


def test_the_first_picture_of_a_camera_that_saves_two(tmp_path):
    (path,) = named(tmp_path, "a")
    Image.new("RGB", (4, 4), "white").save(path, "mpo", save_all=True, append_images=[Image.new("RGB", (2, 2))])
    assert take(load(f"folder:{tmp_path}")).min() == 255


def test_names_an_image_too_large(tmp_path, monkeypatch):
    (path,) = named(tmp_path, "a")
    save(path, np.zeros((8, 8)), mode="L")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
    message = refusal(tmp_path)
    assert f"image file {path} cannot be read" in message and "Save a smaller copy in another folder" in message


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_names_a_corrupt_file(tmp_path, kept):
    # Cut to nothing, within the header, and within the pixels.
    (path,) = named(tmp_path, "a")
    save(path, np.random.default_rng(0).integers(0, 256, (32, 32, 3)))
    path.write_bytes(path.read_bytes()[:kept])
    message = refusal(tmp_path, image_size=4)
    assert f"image file {path} cannot be read" in message


def test_too_few_images(colours):
    with pytest.raises(ValueError, match="batch_size must be at most the number of examples"):
        load(f"folder:{colours}").batches(64, seed=0)
