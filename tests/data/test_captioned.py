"""Images with captions: batches, folders in COCO's layout, and what is refused."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from PIL import Image

from qrkeras import data, kinds
from qrkeras.data import captioned, scenes
from qrkeras.words import Vocabulary


def source(size=7, captions=lambda i: [f"w{i} a", f"w{i} b"]):
    return captioned.CaptionedImages(
        name="made",
        shape=(2, 2, 3),
        size=size,
        read=lambda indices: np.asarray(indices, "uint8")[:, None, None, None] * np.ones((2, 2, 3), "uint8"),
        captions=captions,
        vocabulary=Vocabulary((*(f"w{i}" for i in range(size)), "a", "b")),
        length=4,
    )


def first(batches, n):
    return [tuple(part.numpy() for part in batch) for batch in batches.take(n)]


def test_batches_go_on_from_any_step_and_captions_belong_to_their_images():
    made = source()
    whole = first(made.batches(3, seed=1), 5)
    later = first(made.batches(3, seed=1, start_step=2), 3)
    for (images, ids), (again, ids_again) in zip(whole[2:], later, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(ids, ids_again)
    for images, ids in whole:
        assert images.shape == (3, 2, 2, 3) and ids.shape == (3, 5, 4) and ids.dtype == np.int32
        np.testing.assert_array_equal(ids[:, :, 0], images[:, 0, 0, :1] + 2 + np.zeros(5, "int32"))
        assert {7 + 2, 8 + 2} == set(ids[:, :, 1].ravel()), "both captions of an image are among its five"
    assert not np.array_equal(whole[0][1], first(made.batches(3, seed=2), 1)[0][1])
    for worker in range(3):
        for (images, ids), part in zip(whole, first(made.batches(3, seed=1, share=(worker, 3)), 5), strict=True):
            np.testing.assert_array_equal(images[worker : worker + 1], part[0])
            np.testing.assert_array_equal(ids[worker : worker + 1], part[1])


def test_of_more_than_five_captions_five_are_drawn():
    made = source(9, lambda i: [f"w{n} a" for n in range(9)])
    drawn = [set(of_one[:, 0]) for _, ids in first(made.batches(3, seed=0), 2) for of_one in ids]
    assert all(len(each) == 5 for each in drawn) and len(set(map(frozenset, drawn))) > 1


def test_scenes_by_name():
    made = data.load("scenes", split="test")
    assert made.kind is kinds.CAPTIONED is data.known_kind("scenes") and made.shape == (64, 64, 3)
    image, ids = first(made.batches(2, seed=0), 1)[0]
    assert made.vocabulary.decode(ids[0, 0]) and image.shape == (2, 64, 64, 3)
    assert made.judge(3, made.captions(3)[0]) == (True, True, True)
    for first_word, last, box in made.named(3, made.captions(3)[0]):
        assert first_word < last and 0 <= box[0] < box[2] <= 1
    for arguments, message in (
        ({"image_size": 32}, "image_size must be 64"),
        ({"labels": True}, "labels must be False"),
    ):
        with pytest.raises(ValueError, match=message):
            data.load("scenes", **arguments)
    with pytest.raises(ValueError, match="split must be"):
        data.load("digits", split="novel")


@pytest.fixture
def photographs(tmp_path):
    """Twelve, one of them grey, one without a caption; sizes differ."""
    notes = {"images": [], "annotations": []}
    for i in range(12):
        mode = "L" if i == 3 else "RGB"
        Image.new(mode, (20 + i, 30), 20 * i if mode == "L" else (20 * i, 0, 0)).save(tmp_path / f"p{i}.png")
        notes["images"].append({"id": 100 + i, "file_name": f"p{i}.png"})
        if i != 5:
            notes["annotations"] += [{"image_id": 100 + i, "caption": c} for c in ("A photo.", f"a photo number {i}")]
    (tmp_path / "captions.json").write_text(json.dumps(notes))
    return tmp_path


def written(folder, change):
    notes = json.loads((folder / "captions.json").read_text())
    change(notes)
    (folder / "captions.json").write_text(json.dumps(notes))


def test_a_folder_in_cocos_layout(photographs):
    splits = [data.load(f"captions:{photographs}", 8, split) for split in ("train", "test")]
    assert sum(made.size for made in splits) == 11 and splits[1].size > 0
    assert splits[0].left_out == ("p5.png",) and splits[0].vocabulary == splits[1].vocabulary
    assert {"a", "photo", "number"} <= set(splits[0].vocabulary.words)
    for made in splits:
        images = made.take()
        for i, image in enumerate(images):
            number = int(made.captions(i)[1].split()[-1])
            expected = [60, 60, 60] if number == 3 else [20 * number, 0, 0]
            np.testing.assert_array_equal(image, np.broadcast_to(expected, (8, 8, 3)))
    before = splits[0].fingerprint()
    written(photographs, lambda notes: notes["annotations"].pop())
    assert before != data.load(f"captions:{photographs}", 8).fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda notes: notes["annotations"].append({"image_id": 7, "caption": "a"}), "image_id 7 in .*, one of 1"),
        (lambda notes: notes["annotations"].append({"image_id": 100, "caption": " ! "}), "captions must have words"),
        (lambda notes: notes["images"].append({"id": 9, "file_name": "none.png"}), "'none.png', which is not in"),
        (lambda notes: notes.pop("images"), "must hold captions.json in COCO's layout.*KeyError"),
        (
            lambda notes: notes["images"][0].update(id=[3]),
            "must hold captions.json.*TypeError: unhashable type: 'list'",
        ),
        (lambda notes: notes["images"][0].update(file_name=5), "must hold captions.json.*TypeError: 5 is no string"),
        (lambda notes: notes["annotations"][0].update(image_id=[3]), "must hold captions.json.*TypeError: unhashable"),
        (lambda notes: notes["annotations"][0].update(caption=5), "must hold captions.json.*TypeError: 5 is no string"),
        (
            lambda notes: notes["annotations"].append({"bbox": [0, 0, 1, 1]}),
            "must hold captions.json.*KeyError: 'image",
        ),
        (lambda notes: notes.update(annotations=[]), "must hold images with captions for 'train'"),
    ],
    ids=["dangling", "empty", "missing", "layout", "id", "name", "image", "caption", "nameless", "silent"],
)
def test_what_a_folder_must_hold(photographs, change, message):
    written(photographs, change)
    with pytest.raises(ValueError, match=message):
        data.load(f"captions:{photographs}", 8)


def test_a_folder_of_which_nothing_is_held_out(photographs):
    written(photographs, lambda notes: notes["annotations"].clear())
    written(photographs, lambda notes: notes["annotations"].append({"image_id": 100, "caption": "a photo"}))
    with pytest.raises(ValueError, match="for 'test'. Received: none in .* hash to it is; add images, or rename some"):
        data.load(f"captions:{photographs}", 8, "test")


def test_folders_that_cannot_be_read(photographs, tmp_path):
    with pytest.raises(ValueError, match="must hold captions.json in COCO's layout"):
        data.load(f"captions:{tmp_path / 'nowhere'}", 8)
    with pytest.raises(ValueError, match="image_size must be given for captions:FOLDER"):
        data.load(f"captions:{photographs}")
    (photographs / "p2.png").write_bytes(b"torn")
    with pytest.raises(ValueError, match="p2.png cannot be read"):
        data.load(f"captions:{photographs}", 8)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("RGBA", "without an alpha channel. .*p2.png has mode RGBA. Lay a copy on"),
        ("F", "p2.tiff has mode F. Its values have no"),
    ],
)
def test_images_that_cannot_be_used_are_told_before_training(photographs, mode, says):
    file = photographs / ("p2.png" if mode == "RGBA" else "p2.tiff")
    Image.new(mode, (22, 30)).save(file)
    written(photographs, lambda notes: notes["images"][2].update(file_name=file.name))
    with pytest.raises(ValueError, match=says):
        data.load(f"captions:{photographs}", 8)
    with pytest.raises(ValueError, match=says):
        captioned.photograph(file, 8)


def test_boxes_are_drawn_beside_images():
    made = source()
    with pytest.raises(ValueError, match="data must have boxes, for areas that are proposals.* Received: made"):
        made.boxed(3)
    boxes = {i: np.arange(i, dtype="float32")[:, None] / 10 + np.float32([0, 0, 0.05, 0.05]) for i in range(7)}
    made = dataclasses.replace(made, boxes=boxes.get).boxed(3)
    assert made.given(4)["boxes"].shape == (4, 3, 4) and (made.given(4)["boxes"][1, 1:] == 0).all()
    unboxed = first(source().batches(3, seed=1), 4)
    for (images, drawn), (again, ids) in zip(first_dicts(made.batches(3, seed=1), 4), unboxed, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(drawn["captions"], ids)
        for index, of_one in zip(images[:, 0, 0, 0], drawn["boxes"]):
            there = of_one[of_one[:, 2] > 0]
            assert len(there) == min(3, index) == len(set(there[:, 0])) and set(there[:, 0]) <= set(boxes[index][:, 0])
    later = first_dicts(made.batches(3, seed=1, start_step=2, share=(1, 3)), 1)[0][1]["boxes"]
    np.testing.assert_array_equal(later, first_dicts(made.batches(3, seed=1), 3)[2][1]["boxes"][1:2])


def first_dicts(batches, n):
    return list(batches.take(n).as_numpy_iterator())


def test_proposals_of_scenes_hold_its_things():
    made = data.load("scenes", split="test")
    for i in range(5):
        boxes, things = made.boxes(i), scenes.scene("test", i).things
        assert boxes.shape == (20, 4) and (boxes[:, :2] < boxes[:, 2:]).all() and 0 <= boxes.min() <= boxes.max() <= 1
        assert {tuple(np.float32(thing.box) / 64) for thing in things} <= set(map(tuple, boxes))


def add(note, notes):
    notes["annotations"].append(note)


def test_boxes_of_a_folder(photographs):
    """30 x 20 pixels, and 20 + i x 30; of 100 the middle square is rows 5 to 25, of 110 it is whole, 30 x 30."""

    def change(notes):
        for i, image in enumerate(notes["images"]):
            image |= {"width": 20 + i, "height": 30}
        notes["annotations"] += [
            {"image_id": 100, "bbox": [5, 0, 10, 15]},  # rows 0 to 15: -5 to 10 of 20, columns 5 to 15 of 20
            {"image_id": 100, "bbox": [0, 0, 20, 5], "caption": "a photo of it"},  # above the square
            {"image_id": 110, "bbox": [3, 6, 24, 24]},
        ]

    written(photographs, change)
    found = {}
    for split in ("train", "test"):
        made = data.load(f"captions:{photographs}", 8, split)
        found |= {int(made.captions(i)[1].split()[-1]): (made.captions(i), made.boxes(i)) for i in range(made.size)}
    np.testing.assert_allclose(found[0][1], [[0, 0.25, 0.5, 0.75]])
    np.testing.assert_allclose(found[10][1], [[0.2, 0.1, 1, 0.9]], rtol=1e-6)
    assert found[1][1].shape == (0, 4) and found[0][0][-1] == "a photo of it" and len(found[10][0]) == 2
    for bbox in ([1, 2, 3], [0, 0, 0, 5], "left", None):
        note = {"image_id": 101, "bbox": bbox}
        written(photographs, functools.partial(add, note))
        with pytest.raises(ValueError, match=r"bbox must be \[x, y, width, height\] in pixels.* image of 21 x 30"):
            data.load(f"captions:{photographs}", 8)
        written(photographs, lambda notes: notes["annotations"].pop())
    written(photographs, lambda notes: notes["images"][0].pop("width"))
    with pytest.raises(ValueError, match="image of None x 30"):
        data.load(f"captions:{photographs}", 8)
