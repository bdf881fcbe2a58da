"""Errors between transcripts: equal to jiwer's on normalised text."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from whyser.io.spoken import normalised, word_errors

WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS), min_size=1, max_size=4))
def test_the_errors_are_those_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    found = word_errors(pairs)
    assert [words for _, words in found] == [len(spoken.split()) for spoken, _ in pairs]
    theirs = [jiwer.wer(spoken, written) for spoken, written in pairs]
    assert [errors / words for errors, words in found] == pytest.approx(theirs)


def test_without_pairs_there_are_no_errors() -> None:
    assert word_errors([]) == []


@pytest.mark.parametrize(
    "text",
    [
        "a [b] c",
        "a <b c",
        "(a) b",
        "a (b",
        "a () b",
        "a [b (c] d) e",
        "don 't  (x [y) z]",
        "a > b < c",
    ],
)
def test_what_is_left_out_is_what_the_normaliser_leaves_out(text: str) -> None:
    assert normalised(text) == EnglishTextNormalizer()(text)
