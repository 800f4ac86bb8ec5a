"""Vocabularies, by example."""

import numpy as np
import pytest

from qrkeras.words import Vocabulary, tokens


def test_tokens():
    assert tokens("A man's best friend -- a dog, (truly).") == ["a", "mans", "best", "friend", "a", "dog", "truly"]


def test_words_that_are_frequent_enough():
    vocabulary = Vocabulary.of(["a cat", "A dog.", "the dog", "a rare dog"], at_least=2)
    assert vocabulary.words == ("a", "dog") and len(vocabulary) == 4  # three times each, by the alphabet
    with pytest.raises(ValueError, match="captions must have words that come 9 times or more. Received: 5 words"):
        Vocabulary.of(["a cat", "A dog.", "the dog", "a rare dog"], at_least=9)


def test_captions_as_numbers():
    vocabulary = Vocabulary(("a", "cat", "dog"))
    np.testing.assert_array_equal(vocabulary.encode("A cat, a bird", 5), [2, 3, 2, 1, 0, -1])
    np.testing.assert_array_equal(vocabulary.encode("a cat a dog", 4), [2, 3, 2, 4, 0])
    np.testing.assert_array_equal(vocabulary.encode("a cat a dog", 3), [2, 3, 2, -1])
    assert vocabulary.decode([2, 3, 2, 1, 0, 4]) == "a cat a <unknown>"
    assert vocabulary.decode(vocabulary.encode("a cat a dog", 3)) == "a cat a"
    with pytest.raises(ValueError, match="captions must have words. Received: '!'"):
        vocabulary.encode("!", 3)


def test_a_word_stands_once():
    with pytest.raises(ValueError, match=r"words must be some, each once. Received: \['a'\]"):
        Vocabulary(("a", "b", "a"))
    with pytest.raises(ValueError, match="Received: none"):
        Vocabulary(())
