"""`coco_captions` of TFDS: captions, images and boxes of records in files, each read where it lies."""

import numpy as np
import pytest

from qrkeras import data, kinds
from qrkeras.data import coco
from tests.support import prepared

tfds = pytest.importorskip("tensorflow_datasets")
SIZES = [(8, 8), (6, 10), (10, 6), (7, 7), (8, 12)]  # width, height


def image(number):
    width, height = SIZES[number % 5]
    return np.full((height, width, 3), 10 * number, "uint8")


@pytest.fixture
def coco_folder(tmp_path):
    """Files of `coco_captions`, in two shards per split: image i is filled with 10 i, its left half has a box."""
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(encoding_format="png"),
            "image/filename": tfds.features.Text(),
            "captions": tfds.features.Sequence({"id": np.int64, "text": tfds.features.Text()}),
            "objects": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), "id": np.int64}),
        }
    )

    def serialized(i):
        texts = [f"A photo number {i}.", "a photo", "!"]  # the last has no word
        boxes = [tfds.features.BBox(0.0, 0.0, 1.0, 0.5)] * (i % 2)
        example = {
            "image": image(i), "image/filename": f"{i}.jpg",
            "captions": {"id": [0, 1, 2], "text": texts}, "objects": {"bbox": boxes, "id": [7] * (i % 2)},
        }  # fmt: skip
        return features.serialize_example(features.encode_example(example))

    splits = {"train": range(12), "val": [12], "test": range(13, 18), "restval": [18]}
    shards = {
        split: [[serialized(int(i)) for i in shard] for shard in np.array_split(np.array(numbers), 2)]
        for split, numbers in splits.items()
    }
    prepared.write(tmp_path / "coco_captions" / "2014" / "1.1.0", "coco_captions", features, shards)
    return tmp_path


def test_images_captions_and_boxes_lie_together(coco_folder, monkeypatch):
    monkeypatch.setattr(coco, "AT_LEAST", 2)
    for split, numbers in {"train": range(12), "test": range(13, 18)}.items():
        made = data.load("coco_captions", 4, split, data_dir=coco_folder)
        assert made.size == len(numbers) and made.shape == (4, 4, 3)
        images = made.take()
        for i, number in enumerate(numbers):
            assert (images[i] == 10 * number).all()
            assert made.captions(i) == [f"A photo number {number}.", "a photo"]
            assert len(made.boxes(i)) == number % 2
        # Words of training captions alone: no number of these comes twice.
        assert made.vocabulary.words == ("a", "photo", "number")
    assert made.kind is kinds.CAPTIONED is data.known_kind("coco_captions")
    assert data.known_shape("coco_captions", 224) == (224, 224, 3)
    # 6 x 10 pixels: the middle square is all of the width, and rows 2 to 8. 8 x 8: the left half.
    found = data.load("coco_captions", 4, data_dir=coco_folder)
    np.testing.assert_allclose(found.boxes(1), [[0, 0, 1, 0.5]])
    # 10 x 6: of columns 0 to 5 those from 2 on, 3 of 6.
    np.testing.assert_allclose(found.boxes(7), [[0, 0, 1, 0.5]])
    assert found.fingerprint()["files"] == 8
    batch, labels = next(found.boxed(2).batches(3, seed=0).as_numpy_iterator())
    assert batch.shape == (3, 4, 4, 3) and labels["captions"].shape == (3, 5, 20) and labels["boxes"].shape == (3, 2, 4)


def test_what_is_not_prepared_says_what_to_put_where(tmp_path, monkeypatch):
    def unreachable(address, timeout):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(RuntimeError, match=rf"'coco_captions' is not in {tmp_path}/coco_captions/2014/.*dataset_info"):
        data.load("coco_captions", 224, data_dir=tmp_path)


def test_what_cannot_be_loaded_is_refused(coco_folder):
    with pytest.raises(ValueError, match="image_size must be given for coco_captions"):
        data.load("coco_captions", data_dir=coco_folder)
    with pytest.raises(ValueError, match="labels must be False for 'coco_captions'"):
        data.load("coco_captions", 8, data_dir=coco_folder, labels=True)


@pytest.mark.parametrize("kept", [-7, 0])
def test_damaged_files_are_named(coco_folder, kept):
    shard = sorted(coco_folder.rglob("*train.tfrecord-*"))[1]
    shard.write_bytes(shard.read_bytes()[:kept])
    says = "truncated record at" if kept else "split 'train' must hold 12 examples. Received: 6"
    with pytest.raises(ValueError, match=rf"files of coco_captions/2014/1.1.0 must be whole.*{coco_folder}.*{says}"):
        data.load("coco_captions", 4, data_dir=coco_folder)
