"""Which parts of a rationale refer to the words, the emotion and the voice (paper, Table 2).

`content` is quoted from the transcript, `prediction` is a word for the predicted emotion,
`acoustic` is a clause with a claim about the voice. Spans may overlap: the widest are painted
first, the most specific last, and later paint wins.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from whyser.evidence.claims import read_claims
from whyser.evidence.content import content_cues
from whyser.labels.classes import Label
from whyser.labels.lexicon import fold, words
from whyser_eval.reading.mentions import find_mentions
from whyser_eval.reading.scopes import Standing

if TYPE_CHECKING:
    # Grounding imports pandas, which the name of an outcome does not need.
    from whyser.evidence.grounding import Outcome

Kind = Literal["content", "misheard", "prediction", "acoustic", "claim"]


@dataclass(frozen=True)
class StatedClaim:
    """A claim about the voice and the outcome of its check; None where nothing was measured.

    `level` is the level or the kind of voice; `negated` says that the text denies it.
    """

    start: int
    end: int
    family: str
    level: str
    outcome: Outcome | None = None
    negated: bool = False


class Span(NamedTuple):
    """`text[start:end]`; `claim` is a claim's place in the list that was given.

    `misheard` is content of the model's own transcript that the reference transcript lacks.
    """

    start: int
    end: int
    kind: Kind
    claim: int | None = None


class Piece(NamedTuple):
    """A stretch of text of one kind; None for the rest."""

    text: str
    kind: Kind | None
    claim: int | None = None


def stated_claims(text: str, transcript: str = "") -> list[StatedClaim]:
    """The claims of a text that was not checked against measured cues.

    >>> [(claim.family, claim.level) for claim in stated_claims("The voice is loud.")]
    [('loudness', 'high')]
    """
    return [
        StatedClaim(*claim.span, claim.family, claim.value, negated=claim.negated)
        for claim in read_claims(text, transcript)
    ]


def pieces(
    text: str,
    claims: Sequence[StatedClaim] = (),
    *,
    said: str = "",
    heard: str = "",
    prediction: Label | None = None,
) -> list[Piece]:
    """The text cut into its kinds; the pieces joined are the text again.

    Args:
        claims: of the voice, with offsets in the text
        said: the reference transcript
        heard: the model's own transcript

    >>> for piece in pieces('"Go away" in an angry tone.', said="Go away!", prediction="angry"):
    ...     print(piece.kind, repr(piece.text))
    content '"Go away"'
    None ' in an '
    prediction 'angry'
    None ' tone.'
    """
    content = [
        *(Span(*found, "misheard") for found in content_cues(text, heard)),
        *(Span(*found, "content") for found in content_cues(text, said)),
    ]
    spans = [
        *_clauses(text, claims, content),
        *(Span(claim.start, claim.end, "claim", place) for place, claim in enumerate(claims)),
        *_emotion_words(text, prediction),
        *content,
    ]
    return list(_cut(text, spans))


def _cut(text: str, spans: Iterable[Span]) -> Iterator[Piece]:
    """The text, cut by the span that was painted last."""
    paint: list[Span | None] = [None] * len(text)
    for span in spans:
        for position in range(len(text))[max(span.start, 0) : max(span.end, 0)]:
            paint[position] = span
    for painted, run in groupby(range(len(text)), key=paint.__getitem__):
        positions = list(run)
        stretch = text[positions[0] : positions[-1] + 1]
        yield Piece(stretch, painted.kind, painted.claim) if painted else Piece(stretch, None)


# Clauses around claims

_JOINT = r"(?:and|but|while|whereas|which|with|because|as if)\b\s*+"
#: The lookbehind makes the search start only at the first of several spaces.
_CLAUSE_END = re.compile(
    rf"[.,;:!?\n()\u2014\u2013]\s*+(?:{_JOINT})?|(?<!\s)\s++(?:{_JOINT}|$)", re.IGNORECASE
)


def _clauses(text: str, claims: Sequence[StatedClaim], content: Sequence[Span]) -> Iterator[Span]:
    """The clause around each claim, up to any quotation: a single word shows little of the claim.

    Several claims may share a clause; it is painted once.
    """
    if not claims:
        return
    ends = [
        *(found.span() for found in _CLAUSE_END.finditer(text)),
        *((span.start, _after_spaces(text, span.end)) for span in content),
    ]
    begins = sorted([0, *(end for _, end in ends)])
    stops = sorted([*(begin for begin, _ in ends), len(text)])
    found: dict[Span, None] = {}
    for claim in claims:
        begin = begins[bisect_right(begins, claim.start) - 1]
        end = stops[min(bisect_left(stops, claim.end), len(stops) - 1)]
        found[Span(begin, end, "acoustic")] = None
    yield from found


def _after_spaces(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


# Words for the emotion


def _emotion_words(text: str, label: Label | None) -> Iterator[Span]:
    """Words for the label, except those that the text rejects."""
    if label is None:
        return
    folded, origin = _folded(text)
    for mention in find_mentions(folded):
        if mention.label == label and mention.standing is not Standing.REJECTED:
            pattern = r"\W+".join(map(re.escape, words(fold(mention.word))))
            found = re.compile(pattern).match(folded, mention.start)
            end = found.end() if found else mention.start + len(mention.word)
            # End where the next character begins, so that an accent stays with its letter.
            stop = origin[end] if end < len(origin) else len(text)
            yield Span(origin[mention.start], stop, "prediction")


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and for each of its characters the position in the original text."""
    folded = fold(text)
    if len(folded) == len(text):
        return folded, range(len(text))
    fold_mark = cache(fold)
    marks = [fold_mark(mark) for mark in text]
    return "".join(marks), [place for place, shown in enumerate(marks) for _ in shown]
