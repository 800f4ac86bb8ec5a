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
    assert "convert('RGB')" in message


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_names_a_file_with_alpha(tmp_path, mode):
    (path,) = named(tmp_path, "a")
    save(path, np.zeros((4, 4, 3)), mode=mode)
    message = refusal(tmp_path)
    assert "without an alpha channel" in message
    assert f"{path} has mode {mode}" in message


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
