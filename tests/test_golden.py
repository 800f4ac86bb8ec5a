"""Ten steps of small presets come to what they came to before the house was rebuilt."""

import json

import pytest

from tests.support import golden

FIGURES = json.loads(golden.FILE.read_text())


@pytest.mark.parametrize("name", golden.NAMES)
def test_numbers_do_not_change(name, tmp_path):
    found = json.loads(json.dumps(golden.told(name, tmp_path)))
    assert golden.differences(FIGURES[name], found) == []


def test_a_difference_is_told():
    assert golden.differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}) == ["/a/1: 2.0 was, 2.1 is"]
    assert golden.differences({"a": [1.0]}, {"a": [1.0001]}) == []


def test_sums_that_cancel_are_read_against_the_mean_size():
    assert golden.differences({"a": [[2], 0.004, 0.1]}, {"a": [[2], 0.00405, 0.1]}) == []
    assert golden.differences({"a": [[2], 0.004, 0.1]}, {"a": [[2], 0.00415, 0.1]}) == ["/a/1: 0.004 was, 0.00415 is"]
    assert golden.differences({"loss": 0.004}, {"loss": 0.00405}) == ["/loss: 0.004 was, 0.00405 is"]
