"""Every request of the corpus, in every slicing: what comes out must not depend on how the bytes came in."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "http_corpus"))
from http_corpus import cases, read, slicings  # noqa: E402


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.group + ": " + case.name)
def test_a_request_means_the_same_however_it_is_cut(case):
    wanted = case.expected
    for pieces in slicings(case.raw):
        assert read(pieces) == wanted, pieces
