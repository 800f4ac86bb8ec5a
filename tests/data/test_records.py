import io
import pathlib

import numpy as np
import pytest

from qrkeras.data import Examples, Records, examples, load, records, take
from qrkeras.data.resize import square_array
from tests.support import prepared

tfds = pytest.importorskip("tensorflow_datasets")

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data" / "tfds"
needs_cifar10 = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no CIFAR-10 prepared by TFDS in {SHARED}")


@pytest.fixture
def make(tmp_path):
    """Lays out a small TFDS dataset in 3 shards per split, image `i` filled with the value `i`.

    With `labels`, a class label `i % 7`, or -1 where `unlabelled`.
    """

    def prepare(splits, shape=(6, 4, 3), dtype="uint8", key="image", fixed=True, labels=None, unlabelled=False):
        feature = tfds.features.Image(
            shape=shape if fixed else (None, None, shape[-1]),
            dtype=np.dtype(dtype),
            encoding_format="png",
        )
        labels = {"label": labels} if labels else {}
        features = tfds.features.FeaturesDict({key: feature, **labels})

        def serialized(value):
            example = {key: np.full(shape, value, dtype)}
            example.update(dict.fromkeys(labels, -1 if unlabelled else value % 7))
            return features.serialize_example(example)

        shards = {
            split: [[serialized(value) for value in shard] for shard in np.array_split(np.array(values), 3)]
            for split, values in splits.items()
        }
        prepared.write(tmp_path / "tiny" / "1.0.0", "tiny", features, shards)
        return tmp_path

    return prepare


def test_fingerprint_is_of_the_files_of_all_splits(make, tmp_path, monkeypatch):
    folder = make({"train": range(30), "test": range(30, 40)})
    found = load("tfds:tiny", data_dir=folder).fingerprint()
    assert found["dataset"] == "tiny/1.0.0" and found["files"] == 6
    assert found["bytes"] == sum(file.stat().st_size for file in folder.rglob("*.tfrecord-*"))
    monkeypatch.setattr(examples, "IN_MEMORY_BYTES", 0)
    (tmp_path / "elsewhere").mkdir()
    (folder / "tiny").rename(tmp_path / "elsewhere" / "tiny")
    moved = load("tfds:tiny", data_dir=tmp_path / "elsewhere", split="test")
    assert isinstance(moved, Records) and moved.fingerprint() == found
    shard = next((tmp_path / "elsewhere").rglob("*train.tfrecord-*"))
    shard.write_bytes(shard.read_bytes() + b"0")
    assert moved.fingerprint()["bytes"] == found["bytes"] + 1


def values(batches):
    return [int(image[0, 0, 0]) for batch in batches for image in batch]


def test_in_memory(make):
    folder = make({"train": range(30), "test": range(30, 40)})
    train = load("tfds:tiny", data_dir=folder)
    test = load("tfds:tiny", data_dir=folder, split="test")
    assert isinstance(train, Examples)
    assert (train.shape, train.size, train.name) == ((6, 4, 3), 30, "tfds:tiny")
    assert values(train.evaluation_batches(7)) == list(range(30))
    assert values(test.evaluation_batches(7)) == list(range(30, 40))


def test_last_tenth_of_train_is_held_out_where_there_is_no_test(make):
    folder = make({"train": range(40)})
    train = load("tfds:tiny", data_dir=folder)
    test = load("tfds:tiny", data_dir=folder, split="test")
    assert values(train.evaluation_batches(7)) == list(range(36))
    assert values(test.evaluation_batches(7)) == list(range(36, 40))


def test_validation_takes_the_place_of_test(make):
    folder = make({"train": range(10), "validation": range(10, 13)})
    test = load("tfds:tiny", data_dir=folder, split="test")
    assert values(test.evaluation_batches(7)) == [10, 11, 12]


@pytest.fixture
def stream(make, monkeypatch):
    monkeypatch.setattr(examples, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(records, "SHUFFLE_BLOCK", 8)
    return load("tfds:tiny", data_dir=make({"train": range(30), "test": [0]}, fixed=False), image_size=4)


def test_stream_is_a_function_of_seed_and_step(stream):
    import tensorflow as tf

    assert isinstance(stream, Records)
    assert stream.batches(4, seed=0).element_spec.shape == (4, 4, 4, 3)
    tf.random.set_seed(1)
    whole = values(stream.batches(4, seed=0).take(20).as_numpy_iterator())
    tf.random.set_seed(2)
    for start_step in (0, 3, 7, 8, 15):
        part = stream.batches(4, seed=0, start_step=start_step).take(4).as_numpy_iterator()
        assert values(part) == whole[4 * start_step : 4 * start_step + 16]
    assert values(stream.batches(4, seed=1).take(20).as_numpy_iterator()) != whole


def test_stream_in_parts_of_workers(stream):
    whole = np.reshape(values(stream.batches(4, 0, 3).take(8).as_numpy_iterator()), (8, 2, 2))
    for i in range(2):
        part = stream.batches(4, 0, 3, share=(i, 2))
        assert part.element_spec.shape == (2, 4, 4, 3)
        np.testing.assert_array_equal(values(part.take(8).as_numpy_iterator()), whole[:, i].ravel())


def test_stream_shows_every_image_once_per_epoch(stream):
    # 30 images in batches of 4: 15 batches are two epochs.
    both = np.reshape(values(stream.batches(4, seed=0).take(15).as_numpy_iterator()), (2, 30))
    np.testing.assert_array_equal(np.sort(both), [range(30), range(30)])
    assert (both[0] != both[1]).any()
    assert list(both[0]) != list(range(30))
    assert values(stream.evaluation_batches(8)) == list(range(30))


@pytest.mark.parametrize("in_memory", [True, False])
def test_labels_stay_with_their_images(make, monkeypatch, in_memory):
    if not in_memory:
        monkeypatch.setattr(examples, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(records, "SHUFFLE_BLOCK", 8)
    folder = make({"train": range(30), "test": range(30, 40)}, labels=tfds.features.ClassLabel(num_classes=7))
    plain = load("tfds:tiny", image_size=4, data_dir=folder)
    data = load("tfds:tiny", image_size=4, data_dir=folder, labels=True)
    assert isinstance(data, Examples if in_memory else Records)
    assert (plain.num_classes, data.num_classes) == (None, 7)
    assert [tuple(spec.shape) for spec in data.batches(4, seed=0).element_spec] == [(4, 4, 4, 3), (4,)]
    for start_step in (0, 6, 15):
        pairs = list(data.batches(4, seed=0, start_step=start_step).take(9).as_numpy_iterator())
        shown = values(images for images, _ in pairs)
        np.testing.assert_array_equal(np.concatenate([labels for _, labels in pairs]), np.array(shown) % 7)
        assert shown == values(plain.batches(4, seed=0, start_step=start_step).take(9).as_numpy_iterator())
    images, labels = take(data, 10)
    np.testing.assert_array_equal(images, take(plain)[:10])
    assert list(labels) == [i % 7 for i in range(10)]
    assert labels.dtype == "int32"
    held, labels = take(load("tfds:tiny", image_size=4, data_dir=folder, split="test", labels=True))
    assert list(labels) == [i % 7 for i in values([held])] == [i % 7 for i in range(30, 40)]


@pytest.mark.parametrize(
    ("feature", "found"),
    [(None, r"features: image \(Image\)"), (np.int64, r"features: image \(Image\), label \(Tensor\)")],
)
def test_refuses_labels_that_are_none(make, feature, found):
    folder = make({"train": range(4), "test": [0]}, labels=feature)
    with pytest.raises(ValueError, match=f"'tfds:tiny' must have a feature 'label' of kind ClassLabel.*{found}"):
        load("tfds:tiny", data_dir=folder, labels=True)


def test_refuses_labels_that_are_not_public(make):
    label = tfds.features.ClassLabel(num_classes=7)
    folder = make({"train": range(4), "test": [0]}, labels=label, unlabelled=True)
    assert load("tfds:tiny", data_dir=folder).size == 4
    with pytest.raises(ValueError, match="split='train' of 'tfds:tiny' must have labels. Received: the label -1"):
        load("tfds:tiny", data_dir=folder, labels=True)


@pytest.mark.parametrize("name", ["imagenet32", "lsun-bedroom"])
def test_labels_are_refused_before_anything_is_downloaded(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{name!r} must have a feature 'label'.*features: .*image \(Image\)\. Load"):
        load(name, image_size=32, data_dir=tmp_path, labels=True)


def cut_between_records(content):
    """All records but the last: 12 bytes before each, 4 behind."""
    at, starts = 0, []
    while at < len(content):
        starts.append(at)
        at += 12 + int.from_bytes(content[at : at + 8], "little") + 4
    return content[: starts[-1]]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[:200] + b"qr" + content[202:], "corrupted record at "),
        (lambda content: content[:-7], "truncated record at "),
        (cut_between_records, "'tfds:tiny' must hold 30 examples. Received: 29 of the first 30"),
    ],
    ids=["changed", "torn", "short"],
)
@pytest.mark.parametrize("labels", [False, True])
def test_damaged_files_are_named_with_their_mend(make, damage, says, labels):
    folder = make({"train": range(30), "test": [0]}, labels=tfds.features.ClassLabel(num_classes=7))
    shard = sorted(folder.rglob("*train.tfrecord-*"))[0]
    shard.write_bytes(damage(shard.read_bytes()))
    told = rf"files of tiny/1.0.0 must be whole. Received: {folder}/tiny/1.0.0 \({says}.*\). Copy them there again"
    with pytest.raises(ValueError, match=told) as error:
        load("tfds:tiny", data_dir=folder, labels=labels)
    assert "{{" not in str(error.value) and "[Op:" not in str(error.value)


def test_grey(make):
    folder = make({"train": range(10), "test": [0]}, shape=(4, 4, 1))
    assert load("tfds:tiny", data_dir=folder).shape == (4, 4, 1)
    assert load("tfds:tiny", data_dir=folder, image_size=8).shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "picture"}, r"must have a feature 'image'. Received features: \['picture'\]"),
        ({"shape": (4, 4, 4)}, r"must be uint8 with 1 or 3 channels. Received: uint8 of shape"),
        ({"dtype": "uint16"}, "must be uint8 with 1 or 3 channels. Received: uint16"),
        ({"fixed": False}, "image_size must be given for 'tfds:tiny', whose images differ in size"),
        ({"splits": {"other": [0]}}, r"must have a split 'train'. It has: \['other'\]"),
    ],
)
def test_refuses(make, options, message):
    folder = make(**{"splits": {"train": range(4), "test": [0]}, **options})
    with pytest.raises(ValueError, match=message):
        load("tfds:tiny", data_dir=folder)


def test_unknown_names_get_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"Received: 'cifar_10' .*Nearest names: .*cifar10") as error:
        load("tfds:cifar_10", data_dir=tmp_path)
    assert len(str(error.value)) < 400
    with pytest.raises(ValueError, match="Received: 'cifar10:9.9.9'"):
        load("tfds:cifar10:9.9.9", data_dir=tmp_path)


def test_data_dir_must_exist(tmp_path, monkeypatch):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(ValueError, match=f"data_dir must name an existing folder.*{nowhere}"):
        load("cifar10", data_dir=nowhere)
    monkeypatch.setenv("TFDS_DATA_DIR", str(nowhere))
    with pytest.raises(ValueError, match=f"TFDS_DATA_DIR must name an existing folder.*{nowhere}"):
        load("cifar10")


@pytest.mark.parametrize(
    "failure",
    [ConnectionError("Max retries exceeded\nwith url"), PermissionError(13, "Permission denied")],
)
def test_missing_data_says_what_to_put_where(tmp_path, monkeypatch, failure):
    def fail(self, **kwargs):
        raise failure

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: io.BytesIO())
    with pytest.raises(RuntimeError) as error:
        load("lsun-bedroom", image_size=64, data_dir=tmp_path)
    message = str(error.value)
    assert f"{tmp_path}/lsun/bedroom/" in message
    assert type(failure).__name__ in message
    assert "with url" not in message
    assert "dataset_info.json" in message
    assert "TFDS_DATA_DIR" in message
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_no_network_is_told_at_once(tmp_path, monkeypatch):
    def unreachable(address, timeout):
        raise OSError("Network is unreachable")

    def downloaded(self, **kwargs):
        raise AssertionError("TFDS would try again for minutes")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", downloaded)
    with pytest.raises(RuntimeError, match="could not be downloaded .*Network is unreachable"):
        load("cifar10", data_dir=tmp_path)


def test_imagenet32_says_what_to_put_where(tmp_path, monkeypatch):
    def unreachable(address, timeout):
        raise OSError(f"no way to {address[0]}")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(RuntimeError) as error:
        load("imagenet32", data_dir=tmp_path)
    message = str(error.value)
    assert "no way to image-net.org" in message
    assert f"{tmp_path}/downsampled_imagenet/32x32/" in message
    assert "dataset_info.json" in message
    assert "folder:PATH" in message
    assert "\n" not in message


def test_imagenet32_is_32_pixels_wide(make, monkeypatch):
    folder = make({"train": range(4), "validation": range(4, 6)}, shape=(32, 32, 3), fixed=False)
    monkeypatch.setattr(records, "_builder", lambda *_: tfds.builder("tiny", data_dir=folder))
    train, test = load("imagenet32"), load("imagenet32", split="test")
    assert (train.name, train.shape, train.size, test.size) == ("imagenet32", (32, 32, 3), 4, 2)
    assert load("imagenet32", image_size=8).shape == (8, 8, 3)


@needs_cifar10
def test_labels_of_cifar10(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(SHARED))
    data = load("cifar10", split="test", labels=True)
    assert data.num_classes == 10
    images, labels = take(data, 300)
    direct = tfds.load("cifar10", split="test", data_dir=SHARED, download=False)
    expected = list(direct.take(300).as_numpy_iterator())
    np.testing.assert_array_equal(images, [example["image"] for example in expected])
    np.testing.assert_array_equal(labels, [example["label"] for example in expected])
    by_image = {image.tobytes(): label for image, label in zip(*take(data), strict=True)}
    for images, labels in data.batches(64, seed=0, start_step=170).take(2).as_numpy_iterator():
        assert [by_image[image.tobytes()] for image in images] == list(labels)


@needs_cifar10
def test_cifar10(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(SHARED))
    test = load("cifar10", split="test")
    assert (test.shape, test.dtype, test.size, test.name) == (
        (32, 32, 3),
        "uint8",
        10_000,
        "cifar10",
    )
    direct = tfds.load("cifar10", split="test", data_dir=SHARED, download=False)
    images = next(test.evaluation_batches(5).as_numpy_iterator())
    expected = np.stack([example["image"] for example in direct.take(5).as_numpy_iterator()])
    np.testing.assert_array_equal(images, expected)
    resumed = next(test.batches(64, seed=0, start_step=200).as_numpy_iterator())
    assert (resumed == next(iter(test.batches(64, seed=0).skip(200)))).numpy().all()


def test_faces_of_celeb_a_are_cut_out(make, monkeypatch):
    # 218 x 178 photographs: the middle 108 x 108 begins at row (218 - 108) / 2 = 55 and column (178 - 108) / 2 = 35.
    photograph = np.random.default_rng(0).integers(0, 256, (218, 178, 3)).astype("uint8")
    np.testing.assert_array_equal(square_array(photograph, 108, crop=108), photograph[55:163, 35:143])
    assert square_array(photograph, 64, crop=108).shape == (64, 64, 3)
    folder = make({"train": range(4), "test": range(4, 6)}, shape=(218, 178, 3))
    monkeypatch.setattr(records, "_builder", lambda *_: tfds.builder("tiny", data_dir=folder))
    crops = []
    monkeypatch.setattr(
        records, "square_array", lambda pixels, *size: crops.append(size) or square_array(pixels, *size)
    )
    assert load("celeb_a", image_size=64).shape == (64, 64, 3)
    assert crops == [(64, 108)] * 4
    load("tfds:celeb_a", image_size=64)  # any other name: the largest square
    assert crops[4:] == [(64, None)] * 4


def test_celeb_a_says_what_to_put_where(tmp_path, monkeypatch):
    def over_quota(self, **kwargs):
        raise ConnectionError("Google Drive quota")

    monkeypatch.setattr("socket.create_connection", lambda *_, **__: io.BytesIO())
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", over_quota)
    with pytest.raises(RuntimeError, match=rf"'celeb_a' is not in {tmp_path}/celeb_a/.*quota.*dataset_info.json"):
        load("celeb_a", image_size=64, data_dir=tmp_path)
