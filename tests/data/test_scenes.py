"""Scenes that are generated, and sentences about them that can be judged."""

import numpy as np
import pytest

from qrkeras.data import scene_language as language
from qrkeras.data import scenes
from qrkeras.data.scene_language import Thing, judge, read, relation

RED_CIRCLE = Thing("red", "circle", "small", (10, 5, 22, 17))
BLUE_SQUARE = Thing("blue", "square", "large", (40, 8, 60, 28))  # below: 34 down, 7 across
GREEN_THREE = Thing("green", "three", "small", (8, 45, 20, 57))
HERE = (RED_CIRCLE, BLUE_SQUARE, GREEN_THREE)


def test_a_scene_is_a_function_of_split_and_index():
    one, again, other = scenes.scene("train", 5), scenes.scene("train", 5), scenes.scene("test", 5)
    np.testing.assert_array_equal(one.image, again.image)
    assert one.captions == again.captions and one.things == again.things != other.things
    assert one.image.shape == (64, 64, 3) and one.image.dtype == np.uint8


@pytest.mark.parametrize("split", ["train", "test", "novel"])
def test_what_is_said_is_true_and_short(split):
    seen = set()
    for i in range(60):
        made = scenes.scene(split, i)
        assert len(made.things) in (2, 3) and len({thing.kind for thing in made.things}) == len(made.things)
        novel = {(thing.colour, thing.kind) for thing in made.things} & set(scenes.NOVEL)
        assert bool(novel) == (split == "novel")
        for caption, reference in zip(made.captions, made.references, strict=True):
            assert judge(caption, made.things) == (True, True, True), caption
            assert len(reference) <= language.LONGEST
            for (word, index), box in zip(reference, made.boxes(reference), strict=True):
                assert (box is None) == (index is None) and (word in language.COLOURS) <= (index is not None)
            seen |= {word for word, _ in reference}
    assert seen <= set(language.WORDS) and len(language.WORDS) == 40 and len(seen) > 35


def test_things_are_where_their_boxes_say():
    made = scenes.scene("train", 3)
    saturated = made.image.max(-1).astype(int) - made.image.min(-1) > 60  # grey has none
    inside = np.zeros((64, 64), bool)
    for thing in made.things:
        top, left, bottom, right = thing.box
        inside[top:bottom, left:right] = True
        if thing.colour != "white":
            assert saturated[top:bottom, left:right].mean() > 0.15
    assert not saturated[~inside].any()


def test_relations_go_by_the_larger_offset():
    assert relation(RED_CIRCLE, BLUE_SQUARE) == "above" and relation(BLUE_SQUARE, RED_CIRCLE) == "below"
    assert relation(RED_CIRCLE, GREEN_THREE) == "left" and relation(GREEN_THREE, RED_CIRCLE) == "right"


@pytest.mark.parametrize(
    ("caption", "verdict"),
    [
        ("a red circle above a blue square", (True, True, True)),
        ("there is a little red disc above a big blue box", (True, True, True)),
        ("a blue square is below a red circle", (True, True, True)),
        ("the small number three in green right of a red circle", (True, True, True)),
        ("a red circle and a blue square and a green three", (True, True, True)),
        ("a red circle and a blue square", (True, True, True)),
        ("a red circle below a blue square", (True, True, False)),
        ("a large red circle above a blue square", (True, False, False)),
        ("a red circle and a red circle", (True, False, False)),
        ("a yellow circle above a blue square", (True, False, False)),
        ("a red circle", (False, False, False)),
        ("a red circle above", (False, False, False)),
        ("there is a red circle is above a blue square", (False, False, False)),
        ("there is a red circle and a blue square", (False, False, False)),
        ("the red circle above a blue square", (False, False, False)),
        ("a number three in green above a blue square", (False, False, False)),
        ("a red circle left a blue square", (False, False, False)),
        ("", (False, False, False)),
    ],
)
def test_judged_by_hand(caption, verdict):
    assert judge(caption, HERE) == verdict


def test_meaning():
    assert read("the big number two in red above a white plus") == language.Meaning(
        (Thing("red", "two", "large"), Thing("white", "cross")), "above"
    )


def test_training_sees_no_digit_of_the_test():
    train, test = scenes._digits(3, True), scenes._digits(3, False)
    assert len(test) == (len(train) + len(test)) // 10
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_other_scenes_are_refused():
    for split, index in (("valid", 0), ("test", 1_000), ("train", -1)):
        with pytest.raises(ValueError, match="split and index must be one of train: 0..19999; test"):
            scenes.scene(split, index)
