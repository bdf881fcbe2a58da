"""Content, prediction and voice highlighted in a rationale, as in the paper's Table 2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.highlights import Piece, StatedClaim, pieces, stated_claims

HOPELESS = (
    "The content \u201cno possibility of saving anything\u201d suggests despair. "
    "I think the emotion is sad. The tone of the speaker might be low and slow, and not angry. "
    "The pitch could be lower than normal."
)


def kinds(text, claims=(), **given):
    return [(piece.kind, piece.text) for piece in pieces(text, claims, **given) if piece.kind]


def test_the_papers_example():
    found = kinds(
        HOPELESS,
        stated_claims(HOPELESS),
        said="No possibility of saving anything.",
        prediction="sad",
    )
    assert found == [
        ("content", "\u201cno possibility of saving anything\u201d"),
        ("prediction", "sad"),
        ("acoustic", "The tone of the speaker might be "),
        ("claim", "low"),
        ("claim", "slow"),
        ("acoustic", "The pitch could be "),
        ("claim", "lower"),
        ("acoustic", " than normal"),
    ]


def test_what_was_heard_but_not_said_is_told_apart():
    text = 'Says "it came in the mail" and "call me".'
    assert kinds(text, said="Call me.", heard="It came in the mail, call me.") == [
        ("misheard", '"it came in the mail"'),
        ("content", '"call me"'),
    ]


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("Not angry but sad.", "angry", []),
        ("Not angry but sad.", "sad", ["sad"]),
        ("A matter-of-fact tone.", "neutral", ["matter-of-fact"]),
        ("Stra\u00dfe \ufb01ne, sad\u0301 and SADNESS.", "sad", ["sad\u0301", "SADNESS"]),
        ("\u200b\u200bf\u200burious words", "angry", ["f\u200burious"]),
        ("She is sad.", None, []),
    ],
)
def test_words_of_the_prediction(text, label, expected):
    assert [found for _, found in kinds(text, prediction=label)] == expected


def test_what_tells_more_is_painted_over_what_tells_less():
    claims = [StatedClaim(4, 30, "pitch", "low"), StatedClaim(26, 30, "loudness", "high")]
    text = 'The sad "pitch" of a low, loud voice.'
    assert pieces(text, claims, said="pitch", prediction="sad") == [
        Piece("The ", "acoustic"),
        Piece("sad", "prediction"),
        Piece(" ", "claim", 0),
        Piece('"pitch"', "content"),
        Piece(" of a low, ", "claim", 0),
        Piece("loud", "claim", 1),
        Piece(" voice", "acoustic"),
        Piece(".", None),
    ]


@pytest.mark.parametrize(("start", "end"), [(-5, 3), (90, 99), (7, 7), (9, 2), (0, 10**9)])
def test_claims_beyond_the_text_do_no_harm(start, end):
    text = "The pitch is low."
    found = pieces(text, [StatedClaim(start, end, "pitch", "low")])
    assert "".join(piece.text for piece in found) == text


@given(st.text(max_size=200), st.text(max_size=60), st.sampled_from([None, *CLASSES]))
def test_the_pieces_are_the_text(text, said, prediction):
    found = pieces(text, stated_claims(text, said), said=said, heard=said, prediction=prediction)
    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found)


@pytest.mark.parametrize("piece", [" ", "and ", '"', ", with ", "sad, ", "\u0301", "low pitch "])
def test_long_hostile_text_takes_no_time(piece):
    text = piece * 20_000
    pieces(text, stated_claims(text), said="how did I miss that", prediction="sad")
