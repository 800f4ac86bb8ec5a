"""Mutants stay mutants of this source: their lines are there, once, and so are the tests that ought to notice."""

import pytest

from tests.support.mutants.__main__ import MUTANTS, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_has_its_line_and_its_tests(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1 and mutant.new != mutant.old
    tests = [word.partition("::")[0] for word in mutant.tests.split() if word.startswith("tests/")]
    assert tests and all((ROOT / path).exists() for path in tests)
